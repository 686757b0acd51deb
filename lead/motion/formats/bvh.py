"""BVH files: text to `Bvh` and back, and the joint positions that a `Bvh` describes.

Conventions: everything here is as the file has it: its units, its axes, degrees, its own joint order (parents
come before children), one ROOT or several. A joint's rotation channels multiply in the order in which they stand,
the first outermost. Position channels replace the joint's OFFSET (as MotionBuilder, Blender and Bandai-Namco's
files mean them).
Knows nothing of meters, of up, or of which joint is a knee: see `rigs`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.errors import MotionError
from lead.motion.formats.decimals import format_numbers, parse_numbers
from lead.motion.rotations import turn_columns

MAX_FILE_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 20
MAX_JOINTS = 1024
MAX_VALUE = 1e9
"""Degrees or file units."""

_CHANNELS = {
    f"{axis.lower()}{kind}": f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")
}  # lower-case spelling -> the spelling we write
_MOTION = re.compile(rb"(?<=[\r\n}])\s*MOTION\b", re.IGNORECASE)
_FRAMES = re.compile(rb"\s*Frames?\s*:\s*(\S+)\s+Frame\s*Time\s*:\s*(\S+)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Bvh:
    """One BVH file."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """The parent of each joint; -1 for a root."""
    offsets: Float[np.ndarray, "joints 3"]
    channels: tuple[tuple[str, ...], ...]
    """For each joint its channels in the file's order, spelled `Xposition`, `Zrotation`, ..."""
    end_sites: tuple[tuple[int, tuple[float, float, float]], ...]
    """The joint that each End Site belongs to, and its OFFSET."""
    values: Float[np.ndarray, "frames channels"]
    frame_time: float
    """Seconds."""
    notes: tuple[str, ...] = ()
    """What is wrong with the file and was read all the same, in words."""

    @property
    def fps(self) -> float:
        """Frames a second; a rounded frame time (0.0333333) means the whole number beside it."""
        fps = 1.0 / self.frame_time
        return float(round(fps)) if abs(fps - round(fps)) < 2e-4 * fps else fps

    def under(self, root: int) -> "Bvh":
        """The tree below one of several roots, the others left out."""
        keep = [root]
        for joint in range(root + 1, len(self.names)):
            if self.parents[joint] in keep:
                keep.append(joint)
        place = {joint: n for n, joint in enumerate(keep)} | {-1: -1}
        starts = np.cumsum([0, *map(len, self.channels)])
        columns = [column for joint in keep for column in range(starts[joint], starts[joint + 1])]
        return Bvh(
            tuple(self.names[joint] for joint in keep), tuple(place[self.parents[joint]] for joint in keep),
            self.offsets[keep], tuple(self.channels[joint] for joint in keep),
            tuple((place[owner], offset) for owner, offset in self.end_sites if owner in place),
            self.values[:, columns], self.frame_time, self.notes,
        )  # fmt: skip

    def few(self, frames: int = 64) -> "Bvh":
        """At most so many of its frames, from the first to the last."""
        picked = np.unique(np.linspace(0, max(len(self.values) - 1, 0), frames).astype(int))[: len(self.values)]
        return replace(self, values=self.values[picked])

    def first(self, frames: int) -> "Bvh":
        """Its first frames."""
        return replace(self, values=self.values[:frames])

    def local(self) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Each joint's translation and rotation matrix relative to its parent."""
        return self._kinematics(chained=False)

    def world(self) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Each joint's position and orientation in the file's world, by forward kinematics."""
        return self._kinematics(chained=True)

    def _kinematics(self, chained: bool) -> tuple[np.ndarray, np.ndarray]:
        """Relative to the parent, or chained to the world; computed with frames last."""
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
                else:
                    turn_columns(rotations[joint], channel[0], np.radians(columns[column]))
            start += len(channels)
            if chain:
                x, y, z = positions[joint]
                R = rotations[parent]
                positions[joint] = positions[parent] + R[:, 0] * x + R[:, 1] * y + R[:, 2] * z
        return positions.transpose(2, 0, 1), rotations.transpose(3, 0, 1, 2)


def read_bvh(path: str | os.PathLike[str], fps: float | None = None) -> Bvh:
    """Read a BVH file; raises MotionError naming the file and what is wrong with it.

    `fps` stands in place of what the file says of its rate.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MotionError(f"{path}: {size} bytes; a BVH file of at most {MAX_FILE_BYTES} is read. Cut it.")
        text = path.read_bytes()
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    try:
        return parse_bvh(text, fps)
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None


def parse_bvh(text: bytes, fps: float | None = None) -> Bvh:
    """The `Bvh` in the text of a BVH file, at a rate of our own if one is given."""
    if not text.strip():
        raise MotionError("the file is empty; expected a BVH file.")
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:9].upper() != b"HIERARCHY":
        start = text.lstrip()[:20].decode("ascii", "replace")
        raise MotionError(f"not a BVH file: it starts with {start!r}, expected 'HIERARCHY'.")
    found = _MOTION.search(text, 0, MAX_HEADER_BYTES)
    if found is None:
        raise MotionError("no MOTION section after the HIERARCHY: the file is truncated; export it again.")
    names, parents, offsets, channels, end_sites = _parse_hierarchy(text[: found.start()])
    head = _FRAMES.match(text, found.end())
    if head is None:
        raise MotionError("expected 'Frames: <count>' and 'Frame Time: <seconds>' after MOTION.")
    stated = head[2] if fps is None else repr(1.0 / fps).encode()
    frames, frame_time = _parse_counts(head[1].decode("ascii", "replace"), stated.decode("ascii", "replace"))
    values, notes = _parse_values(text[head.end() :], frames, sum(map(len, channels)))
    return Bvh(names, parents, offsets, channels, end_sites, values, frame_time, notes)


def _parse_counts(frames: str, frame_time: str) -> tuple[int, float]:
    try:
        counts = int(frames), float(frame_time)
    except ValueError:
        counts = -1, 0.0
    if counts[0] < 0 or not 1e-5 <= counts[1] <= 10:
        raise MotionError(
            f"'Frames: {frames[:20]}' with 'Frame Time: {frame_time[:20]}'; expected a count of 0 or more "
            "and seconds between 0.00001 and 10. State the frames a second yourself if the file does not."
        )
    return counts


def _parse_values(text: bytes, frames: int, width: int) -> tuple[Float[np.ndarray, "frames channels"], tuple[str, ...]]:
    """The numbers after the frame time, all finite, and a note where the header counts them wrongly."""
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


def _count_rows(text: bytes, frames: int, width: int) -> int:
    """How many frames there are where their count is not the header's: a line each, the last perhaps cut short.

    Raises MotionError where the lines do not have a number for each channel, as then none can be told apart.
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


def _parse_hierarchy(
    text: bytes,
) -> tuple[
    tuple[str, ...],
    tuple[int, ...],
    Float[np.ndarray, "joints 3"],
    tuple[tuple[str, ...], ...],
    tuple[tuple[int, tuple[float, float, float]], ...],
]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[tuple[float, float, float]] = []
    channels: list[tuple[str, ...]] = []
    ends: list[tuple[int, tuple[float, float, float]]] = []
    open_joints: list[int] = []  # the joints whose braces are open; -1 for an End Site
    current = -2  # the joint just named, whose brace comes next
    for words in _hierarchy_lines(text):
        keyword = words[0].upper()
        if keyword in ("ROOT", "JOINT"):
            if keyword == "ROOT" and open_joints:
                raise MotionError(f"the ROOT {' '.join(words[1:])!r} stands inside {names[open_joints[-1]]!r}.")
            if len(names) >= MAX_JOINTS:
                raise MotionError(f"more than {MAX_JOINTS} joints; expected the skeleton of one person.")
            if keyword == "JOINT" and (not open_joints or open_joints[-1] < 0):
                raise MotionError(f"joint {' '.join(words[1:])!r} has no parent in the HIERARCHY.")
            parents.append(open_joints[-1] if open_joints else -1)
            names.append(" ".join(words[1:]) or f"joint_{len(names)}")
            offsets.append((0.0, 0.0, 0.0))
            channels.append(())
            current = len(names) - 1
        elif keyword == "END":
            current = -1
        elif keyword == "{":
            if current == -2:
                raise MotionError("a '{' in the HIERARCHY that no joint's name precedes.")
            open_joints.append(current)
            current = -2
        elif keyword == "}":
            if not open_joints:
                raise MotionError("one '}' too many in the HIERARCHY.")
            open_joints.pop()
        elif not open_joints:
            raise MotionError(f"unexpected {words[0][:20]!r} in the HIERARCHY.")
        elif keyword == "OFFSET":
            offset = _parse_offset(words[1:])
            if open_joints[-1] >= 0:
                offsets[open_joints[-1]] = offset
            else:
                owner = next((joint for joint in reversed(open_joints) if joint >= 0), -1)
                ends.append((owner, offset))
        elif keyword == "CHANNELS" and open_joints[-1] >= 0:
            channels[open_joints[-1]] = _parse_channels(words[1:], names[open_joints[-1]])
        else:
            raise MotionError(f"unexpected {words[0][:20]!r} in the HIERARCHY.")
    if not names:
        raise MotionError("the HIERARCHY has no ROOT.")
    if open_joints:
        raise MotionError("a '}' is missing in the HIERARCHY.")
    if not any(channels):
        raise MotionError("no joint has CHANNELS; expected at least the root's.")
    ends = [end for end in ends if end[0] >= 0]
    return tuple(names), tuple(parents), np.array(offsets), tuple(channels), tuple(ends)


def _hierarchy_lines(text: bytes) -> Iterator[list[str]]:
    """The words of each line, braces always on lines of their own."""
    lines = text.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    for line in lines:
        for part in re.split(r"([{}])", line):
            words = part.split()
            if words and words[0].upper() != "HIERARCHY":
                yield words


def _parse_offset(words: list[str]) -> tuple[float, float, float]:
    try:
        x, y, z = (float(word) for word in words)
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
            "many different names of the form Xposition or Zrotation."
        )
    return found


def format_bvh(bvh: Bvh) -> str:
    """The text of a BVH file: the inverse of `parse_bvh`; values keep six decimals.

    The joints stand depth first, as the format wants, and their columns with them.
    """
    children: list[list[int]] = [[] for _ in bvh.names]
    for joint, parent in enumerate(bvh.parents):
        if parent >= 0:
            children[parent].append(joint)
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
        lines.append(f"{pad}\tOFFSET {_format_offset(bvh.offsets[joint])}")
        lines.append(f"{pad}\tCHANNELS {' '.join([str(len(bvh.channels[joint])), *bvh.channels[joint]])}")
        for owner, offset in bvh.end_sites:
            if owner == joint:
                inside = f"{pad}\t\tOFFSET {_format_offset(offset)}"
                lines += [f"{pad}\tEnd Site", f"{pad}\t{{", inside, f"{pad}\t}}"]
        todo.append((-1, depth))
        todo += [(child, depth + 1) for child in reversed(children[joint])]
    lines += ["MOTION", f"Frames: {len(bvh.values)}", f"Frame Time: {bvh.frame_time:.9g}", ""]
    starts = np.cumsum([0, *map(len, bvh.channels)])
    columns = [column for joint in order for column in range(starts[joint], starts[joint + 1])]
    return "\n".join(lines) + format_numbers(bvh.values[:, columns])


def _format_offset(offset: np.ndarray | tuple[float, float, float]) -> str:
    return " ".join(f"{value:.9g}" for value in offset)


def write_bvh(bvh: Bvh, path: str | os.PathLike[str]) -> Path:
    """Write a BVH file whole or not at all."""
    return write_atomically(Path(path), format_bvh(bvh).encode("utf-8"))
