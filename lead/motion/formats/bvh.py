"""BVH files: text to `Bvh` and back, and the joint positions that a `Bvh` describes.

Conventions: everything here is as in the file: its units, its axes, degrees, its joint order (parents come before
children), one ROOT or several. A joint's rotation channels multiply in the order in which they stand, the first
outermost. Position channels replace the joint's OFFSET, as in MotionBuilder, Blender and Bandai-Namco's files.
Knows nothing of meters, of up, or of which joint is a knee: see `lead.motion.rigs`.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.bvh_text import (
    convert_commas,
    convert_to_ascii_bytes,
    guess_encoding,
    remove_blocks,
    remove_comments,
    split_statements,
)
from lead.motion.formats.decimals import format_numbers, parse_numbers
from lead.motion.formats.joint_tree import list_children
from lead.motion.formats.limits import MAX_JOINTS, MAX_VALUE, read_bytes
from lead.motion.read_options import ReadOptions
from lead.motion.rotations import turn_columns

MAX_HEADER_BYTES = 1 << 20

_KINDS = ("position", "rotation", "scale")
_CHANNELS = {f"{axis.lower()}{kind}": f"{axis}{kind}" for axis in "XYZ" for kind in _KINDS}
"""Lower-case spelling -> the spelling that we write."""
_SKIP = rb"(?:\s|(?://|#|;)[^\r\n]*)*"
"""Blanks and comments."""
_START = re.compile(_SKIP + rb"HIERARCHY\b", re.IGNORECASE)
_MOTION = re.compile(rb"(?<=[\r\n}])\s*MOTION\b", re.IGNORECASE)
_FRAMES = re.compile(
    _SKIP + rb"Frames?\s*:\s*(\S+)(?:" + _SKIP + rb"Frame\s*Time\s*:[ \t]*([^\s/#]+)?)?", re.IGNORECASE
)

_SCALE = 0.01
"""The most by which a scale channel may differ from 1."""
Offset = tuple[float, float, float]
_END_SITE = -1


@dataclass(frozen=True, eq=False)
class Bvh:
    """A skeleton and its motion, as one BVH file holds them."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """The parent of each joint; -1 for a root."""
    offsets: Float[np.ndarray, "joints 3"]
    channels: tuple[tuple[str, ...], ...]
    """For each joint its channels in the file's order, spelled `Xposition`, `Zrotation`, ..."""
    end_sites: tuple[tuple[int, Offset], ...]
    """The joint that each End Site belongs to, and its OFFSET."""
    values: Float[np.ndarray, "frames channels"]
    frame_time: float
    """Seconds."""
    notes: tuple[str, ...] = ()
    """Faults of the file that did not prevent reading, in words."""
    encoding: str = "utf-8"
    """Of the names in the file."""
    axes: Float[np.ndarray, "joints 3 3"] | None = None
    """Each joint's orientation at rest in the FBX or glTF file that it is from; None: the world's, as in a BVH file."""

    @property
    def fps(self) -> float:
        """Frames a second; a rounded frame time (0.0333333) means the nearest whole number."""
        fps = 1.0 / self.frame_time
        return float(round(fps)) if abs(fps - round(fps)) < 2e-4 * fps else fps

    def select_tree(self, root: int) -> "Bvh":
        """The tree below one of several roots, without the other trees."""
        keep = [root]
        for joint in range(root + 1, len(self.names)):
            if self.parents[joint] in keep:
                keep.append(joint)
        place = {joint: n for n, joint in enumerate(keep)} | {-1: -1}
        return Bvh(
            tuple(self.names[joint] for joint in keep), tuple(place[self.parents[joint]] for joint in keep),
            self.offsets[keep], tuple(self.channels[joint] for joint in keep),
            tuple((place[owner], offset) for owner, offset in self.end_sites if owner in place),
            self.values[:, self.list_columns(keep)], self.frame_time, self.notes, self.encoding,
            None if self.axes is None else self.axes[keep],
        )  # fmt: skip

    def list_columns(self, joints: Sequence[int]) -> list[int]:
        """The columns of `values` that belong to these joints, in the joints' order."""
        starts = np.cumsum([0, *map(len, self.channels)]).tolist()
        return [column for joint in joints for column in range(starts[joint], starts[joint + 1])]

    def sample_frames(self, most: int = 64) -> "Bvh":
        """At most `most` of the frames, evenly spaced from the first to the last."""
        picked = np.unique(np.linspace(0, max(len(self.values) - 1, 0), most).astype(int))[: len(self.values)]
        return replace(self, values=self.values[picked])

    def take_first(self, frames: int) -> "Bvh":
        """Only the first frames."""
        return replace(self, values=self.values[:frames])

    def local(self) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Each joint's translation and rotation matrix relative to its parent."""
        return self._kinematics(chained=False)

    def world(self) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Each joint's position and orientation in the file's world, by forward kinematics."""
        return self._kinematics(chained=True)

    def _kinematics(
        self, chained: bool
    ) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Relative to the parent, or chained to the world; computed with frames last, which is faster."""
        columns = np.ascontiguousarray(self.values.T)
        frames = columns.shape[1]
        positions = np.empty((len(self.names), 3, frames))
        rotations = np.empty((len(self.names), 3, 3, frames))
        start = 0
        for joint, (parent, channels) in enumerate(zip(self.parents, self.channels, strict=True)):
            positions[joint] = self.offsets[joint][:, None]
            chain = chained and parent >= 0
            rotations[joint] = rotations[parent] if chain else np.eye(3)[..., None]
            for column, channel in enumerate(channels, start):
                if channel.endswith("position"):
                    positions[joint, "XYZ".index(channel[0])] = columns[column]
                elif channel.endswith("rotation"):
                    turn_columns(rotations[joint], channel[0], np.radians(columns[column]))
            start += len(channels)
            if chain:
                x, y, z = positions[joint]
                R = rotations[parent]
                positions[joint] = positions[parent] + R[:, 0] * x + R[:, 1] * y + R[:, 2] * z
        return positions.transpose(2, 0, 1), rotations.transpose(3, 0, 1, 2)


def read_skeleton(path: Path, options: ReadOptions = ReadOptions()) -> Bvh:
    """Read a BVH file; see `read_bvh`."""
    return read_bvh(path, options.fps)


def read_bvh(path: str | os.PathLike[str], fps: float | None = None) -> Bvh:
    """Read a BVH file; `fps` replaces the file's frame time.

    Raises MotionError naming the file and what is wrong with it.
    """
    with name_file_in_errors(path):
        return parse_bvh(read_bytes(Path(path), "cut it"), fps)


def parse_bvh(text: bytes, fps: float | None = None) -> Bvh:
    """The `Bvh` in the text of a BVH file; `fps` replaces its frame time."""
    if not text.strip():
        raise MotionError("the file is empty; expected a BVH file.")
    text = remove_blocks(convert_to_ascii_bytes(text))
    if _START.match(text) is None:
        start = text.lstrip()[:20].decode("ascii", "replace")
        raise MotionError(f"not a BVH file: it starts with {start!r}, expected 'HIERARCHY'.")
    motion = _MOTION.search(text, 0, MAX_HEADER_BYTES)
    if motion is None:
        raise MotionError("no MOTION section after the HIERARCHY: the file is truncated; export it again.")
    header = text[: motion.start()]
    encoding = guess_encoding(header)
    hierarchy = _parse_hierarchy(header.decode(encoding))
    head = _FRAMES.match(text, motion.end())
    if head is None:
        raise MotionError("expected 'Frames: <count>' and 'Frame Time: <seconds>' after MOTION.")
    if head[2] is None and fps is None:
        raise MotionError("no 'Frame Time: <seconds>' after 'Frames:'; state the frames a second (--fps).")
    stated = convert_commas(head[2]) if fps is None else repr(1.0 / fps).encode()
    frames, frame_time = _parse_counts(head[1].decode("ascii", "replace"), stated.decode("ascii", "replace"))
    numbers = convert_commas(remove_comments(text[head.end() :]))
    values, notes = _parse_values(numbers, frames, sum(map(len, hierarchy.channels)))
    bvh = Bvh(
        tuple(hierarchy.names), tuple(hierarchy.parents), np.array(hierarchy.offsets), tuple(hierarchy.channels),
        tuple(hierarchy.end_sites), values, frame_time, notes, encoding,
    )  # fmt: skip
    _check_scales(bvh)
    return bvh


def _parse_counts(frames: str, frame_time: str) -> tuple[int, float]:
    try:
        counts = int(frames), float(frame_time)
    except ValueError:
        counts = -1, 0.0
    if counts[0] < 0 or not 1e-5 <= counts[1] <= 10:
        raise MotionError(
            f"'Frames: {frames[:20]}' with 'Frame Time: {frame_time[:20]}'; expected a count of 0 or more "
            "and seconds between 0.00001 and 10. State the frames a second (--fps) if the file does not."
        )
    return counts


def _parse_values(text: bytes, frames: int, width: int) -> tuple[Float[np.ndarray, "frames channels"], tuple[str, ...]]:
    """The numbers after the frame time, all finite, and a note if the header miscounts them."""
    values, notes = parse_numbers(text), tuple[str, ...]()
    if values.size != frames * width:
        claimed, frames = frames, _count_rows(text, frames, width)
        if values.size < frames * width:
            raise MotionError(f"after {values.size} numbers stands what is none; export the file again.")
        values = values[: frames * width]
        notes = (f"the header claims {claimed} frames, but {frames} follow: those were read",)
    sane = np.abs(values) < MAX_VALUE  # false for NaN
    if not sane.all():
        bad = int(np.flatnonzero(~sane)[0])
        raise MotionError(
            f"frame {bad // width} has the value {values[bad]}: NaN, infinite or beyond {MAX_VALUE:.0e}; "
            "repair or cut that frame."
        )
    return values.reshape(frames, width), notes


def _check_scales(bvh: Bvh) -> None:
    """MotionError if a channel scales a joint: bones have one length here."""
    column = 0
    for name, channels in zip(bvh.names, bvh.channels, strict=True):
        for channel in channels:
            scales = bvh.values[:, column]
            column += 1
            if channel.endswith("scale") and len(scales) and np.abs(scales - 1).max() > _SCALE:
                frame = int(np.abs(scales - 1).argmax())
                raise MotionError(
                    f"{channel} of joint {name!r} is {scales[frame]:g} in frame {frame}; expected 1, for bones keep "
                    "their length. Export the file without scale."
                )


def _count_rows(text: bytes, frames: int, width: int) -> int:
    """The number of frames, where the header's count is wrong: one a line, the last line perhaps cut short.

    Raises MotionError if the lines do not have one number for each channel, for then frames cannot be told apart.
    """
    lines = [len(line.split()) for line in text.splitlines()]
    lines = [words for words in lines if words]
    words = sum(lines)
    for word in text.split():
        try:
            float(word)
        except ValueError:
            shown = word[:20].decode("ascii", "replace")
            raise MotionError(f"{shown!r} stands where a channel's number was expected.") from None
    rows = words // width if width else 0
    if rows and set(lines[:rows]) == {width} and len(lines) <= rows + 1:
        return rows
    shown = f"{rows} whole frames" + (f" and {words % width} numbers of another" if width and words % width else "")
    raise MotionError(
        f"the header claims {frames} frames of {width} channels, but {shown} follow: the file is truncated or its "
        "channels are not those of the HIERARCHY; export it again."
    )


@dataclass(eq=False)
class _Hierarchy:
    """The HIERARCHY section, as far as it has been read."""

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[Offset] = field(default_factory=list)
    channels: list[tuple[str, ...]] = field(default_factory=list)
    end_sites: list[tuple[int, Offset]] = field(default_factory=list)
    open_braces: list[int] = field(default_factory=list)
    """For each open brace its joint, or _END_SITE."""
    announced: int | None = None
    """The joint (or _END_SITE) whose brace comes next."""

    def read_line(self, words: list[str]) -> None:
        """Take one line; raises MotionError if it cannot stand here."""
        match words[0].upper():
            case "ROOT" | "JOINT" as keyword:
                self._add_joint(keyword, " ".join(words[1:]))
            case "END" | "ENDSITE" | "END_SITE":
                self.announced = _END_SITE
            case "{":
                if self.announced is None:
                    raise MotionError("a '{' in the HIERARCHY that no joint's name precedes.")
                self.open_braces.append(self.announced)
                self.announced = None
            case "}":
                if not self.open_braces:
                    raise MotionError("one '}' too many in the HIERARCHY.")
                self.open_braces.pop()
            case "OFFSET" if self.open_braces:
                self._set_offset(_parse_offset(words[1:]))
            case "CHANNELS" if self.open_braces and self.open_braces[-1] != _END_SITE:
                joint = self.open_braces[-1]
                self.channels[joint] = _parse_channels(words[1:], self.names[joint])
            case _:
                raise MotionError(f"unexpected {words[0][:20]!r} in the HIERARCHY.")

    def _add_joint(self, keyword: str, name: str) -> None:
        if keyword == "ROOT" and self.open_braces:
            raise MotionError(f"the ROOT {name!r} stands inside {self.names[self.open_braces[-1]]!r}.")
        if len(self.names) >= MAX_JOINTS:
            raise MotionError(f"more than {MAX_JOINTS} joints; expected the skeleton of one person.")
        if keyword == "JOINT" and (not self.open_braces or self.open_braces[-1] == _END_SITE):
            raise MotionError(f"joint {name!r} has no parent in the HIERARCHY.")
        self.parents.append(self.open_braces[-1] if self.open_braces else -1)
        self.names.append(name or f"joint_{len(self.names)}")
        self.offsets.append((0.0, 0.0, 0.0))
        self.channels.append(())
        self.announced = len(self.names) - 1

    def _set_offset(self, offset: Offset) -> None:
        """The offset of the innermost joint, or of an End Site of it."""
        if self.open_braces[-1] != _END_SITE:
            self.offsets[self.open_braces[-1]] = offset
            return
        owner = next((joint for joint in reversed(self.open_braces) if joint != _END_SITE), None)
        if owner is not None:
            self.end_sites.append((owner, offset))

    def check_complete(self) -> None:
        """MotionError if the section cannot end here."""
        if not self.names:
            raise MotionError("the HIERARCHY has no ROOT.")
        if self.open_braces:
            raise MotionError("a '}' is missing in the HIERARCHY.")
        if not any(self.channels):
            raise MotionError("no joint has CHANNELS; expected at least the root's.")


def _parse_hierarchy(text: str) -> _Hierarchy:
    hierarchy = _Hierarchy()
    for words in split_statements(text):
        hierarchy.read_line(words)
    hierarchy.check_complete()
    return hierarchy


def _parse_offset(words: list[str]) -> Offset:
    try:
        x, y, z = (float(word) for word in convert_commas(" ".join(words).encode()).split())
    except ValueError:
        raise MotionError(f"OFFSET {' '.join(words)[:60]!r}: expected three numbers.") from None
    if not all(abs(value) < MAX_VALUE for value in (x, y, z)):
        raise MotionError(f"OFFSET {' '.join(words)[:60]!r}: NaN, infinite or beyond {MAX_VALUE:.0e}.")
    return x, y, z


def _parse_channels(words: list[str], name: str) -> tuple[str, ...]:
    found = tuple(_CHANNELS.get(word.lower(), "") for word in words[1:])
    if words[:1] != [str(len(found))] or "" in found or len(set(found)) != len(found):
        raise MotionError(
            f"CHANNELS {' '.join(words)[:80]!r} of joint {name!r}: expected their count, then as "
            "many different names of the form Xposition, Zrotation or Yscale."
        )
    return found


def format_bvh(bvh: Bvh) -> str:
    """The text of a BVH file: the inverse of `parse_bvh`; values keep six decimals.

    The joints stand depth first, as the format requires, and their columns with them.
    """
    children = list_children(bvh.parents)
    lines = ["HIERARCHY"]
    order: list[int] = []
    roots = [joint for joint, parent in enumerate(bvh.parents) if parent < 0]
    todo = [(root, 0) for root in reversed(roots)]  # (joint, depth); joint -1 closes a brace
    while todo:
        joint, depth = todo.pop()
        pad = "\t" * depth
        if joint < 0:
            lines.append(f"{pad}}}")
            continue
        order.append(joint)
        lines += [f"{pad}{'JOINT' if depth else 'ROOT'} {bvh.names[joint]}", f"{pad}{{"]
        lines.append(f"{pad}\tOFFSET {_format_offset(bvh.offsets[joint].tolist())}")
        lines.append(f"{pad}\tCHANNELS {' '.join([str(len(bvh.channels[joint])), *bvh.channels[joint]])}")
        for owner, offset in bvh.end_sites:
            if owner == joint:
                inside = f"{pad}\t\tOFFSET {_format_offset(offset)}"
                lines += [f"{pad}\tEnd Site", f"{pad}\t{{", inside, f"{pad}\t}}"]
        todo.append((-1, depth))
        todo += [(child, depth + 1) for child in reversed(children[joint])]
    lines += ["MOTION", f"Frames: {len(bvh.values)}", f"Frame Time: {bvh.frame_time:.9g}", ""]
    return "\n".join(lines) + format_numbers(bvh.values[:, bvh.list_columns(order)])


def _format_offset(offset: Sequence[float]) -> str:
    return " ".join(f"{value:.9g}" for value in offset)


def write_bvh(bvh: Bvh, path: str | os.PathLike[str]) -> Path:
    """Write a BVH file atomically, its names in the encoding of the file that they came from."""
    return write_atomically(Path(path), format_bvh(bvh).encode(bvh.encoding))
