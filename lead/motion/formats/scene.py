"""The nodes of a scene with its animations, and one animation of them to a `Bvh`: what glTF and FBX readers share.

Stages: which nodes make the skeleton -> the frames, from the times of its keys -> tracks sampled there -> transforms to
the world -> a `Bvh`. Keys are read when an animation is sampled. How many there are is checked before.
Every joint's frame is turned so that it is the world's in the pose that the nodes have without animation. As in a BVH,
no rotation then means that pose. Scales of nodes go into the positions.
Conventions: the file's units and axes; matrices act on column vectors; parents come before children.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.key_times import Times, list_frame_times
from lead.motion.formats.limits import MAX_ANIMATIONS, MAX_JOINTS, MAX_KEYS, MAX_SAMPLES, MAX_VALUE
from lead.motion.rotations import matrix_to_euler, normalize, unwrap_euler

_MOVES = 1e-4
"""Of the longest bone: a joint whose translation varies by more gets position channels."""
SHOWN = 12
"""Animations that a message lists."""
_CHUNK = 1 << 16
"""Nodes times frames whose matrices are in memory at once."""
_FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, struct.error)

Values = Mapping[str, Float[np.ndarray, "frames width"]]
"""Animated properties of a node over time."""


class Track(ABC):
    """The keys of one property of a node."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The numbers in its keys, as the file claims them."""

    @abstractmethod
    def list_times(self) -> list[Times]:
        """The keys' times, an array for each curve."""

    @abstractmethod
    def changes(self) -> bool:
        """Whether the property takes more than one value."""

    @abstractmethod
    def sample(self, times: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames width"]:
        """The property at times; before its first and after its last key as there."""


@dataclass(frozen=True, eq=False)
class Animation:
    """One of the animations of a scene."""

    title: str
    tracks: Mapping[int, Mapping[str, Track]]
    """By node and property."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """The nodes of a file and its animations."""

    kind: str
    """The format's name, for messages."""
    names: Sequence[str]
    parents: Sequence[int]
    """Of each node; -1 for none."""
    bones: frozenset[int]
    """Nodes that the file calls joints."""
    props: frozenset[int]
    """Nodes that are never joints: cameras, lights, skinned meshes."""
    animations: tuple[Animation, ...]
    compute_local: Callable[[int, Values, int], Float[np.ndarray, "frames 4 4"]]
    """A node's transform under its parent, by its animated properties and the number of frames."""
    axes: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    """From the scene's axes and unit to those of the `Bvh`."""
    fps: float | None = None
    """Frames a second, if the file states them."""
    joint_map: Mapping[str, str] = field(default_factory=dict)
    """Our joint's name -> the node's, if the file states it."""

    def __post_init__(self) -> None:
        if len(self.animations) > MAX_ANIMATIONS:
            raise MotionError(f"{len(self.animations)} animations; at most {MAX_ANIMATIONS} are read. Split the file.")

    def list_candidates(self, wanted: str | int | None = None) -> list[int]:
        """The animations to read, first come first: the wanted one, or those that move the skeleton.

        If none moves, the first that has keys. `wanted` is a name, or a number counted from 1. Raises MotionError if
        there is none.
        """
        if wanted is not None:
            return [self._find_animation(str(wanted))]
        count = len(self.animations)
        if not count:
            raise MotionError("no animation in it; export the skeleton with its motion, baked.")
        if count == 1:
            return [0]
        moving = [number for number in range(count) if self._may_move(number)]
        if moving:
            return moving
        posed = [number for number in range(count) if self.select_skeleton(number)]
        if not posed:
            raise MotionError(f"none of {count} animations moves a joint; export the skeleton with its motion, baked.")
        return posed[:1]

    def list_titles(self, numbers: Iterable[int]) -> str:
        """Animations by number, counted from 1, and name; the first SHOWN of them."""
        shown = [f"{number + 1} {self.animations[number].title[:40]!r}" for number in numbers]
        return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")

    def _find_animation(self, wanted: str) -> int:
        titles = [one.title for one in self.animations]
        for same in (
            [number for number, title in enumerate(titles) if title == wanted],
            [number for number, title in enumerate(titles) if title.casefold() == wanted.casefold()],
            [number for number, title in enumerate(titles) if title.split("|")[-1].casefold() == wanted.casefold()],
            [number for number in range(len(titles)) if wanted == str(number + 1)],
        ):
            if len(same) > 1:
                found = f"{len(same)} animations are called {wanted[:40]!r}: {self.list_titles(same)}"
                raise MotionError(f"{found}. State the number of one.")
            if same:
                return same[0]
        have = f"it has {self.list_titles(range(len(titles)))}" if titles else "it has none"
        raise MotionError(f"no animation {wanted[:40]!r}: {have}. State a name or a number.")

    def _may_move(self, number: int) -> bool:
        try:
            return self.has_motion(number)
        except MotionError:
            return True  # whoever reads it learns why it cannot be read

    def has_motion(self, number: int) -> bool:
        """Whether an animation moves the skeleton. Reads its keys until one does. Raises MotionError for bad ones."""
        keep = self.select_skeleton(number)
        with report_damage(self.kind):
            return any(track.changes() for track in self._find_tracks(number, keep))

    def to_bvh(self, number: int, fps: float | None = None, whole: bool = False) -> Bvh:
        """The skeleton in one animation; `fps` replaces the rate of the keys, `whole` takes all nodes around it.

        Raises MotionError if the animation moves no joint, for damage, and for too many nodes, keys or frames.
        """
        keep = self.select_skeleton(number, whole)
        needed = sorted(self._add_ancestors(set(keep)))
        with report_damage(self.kind):
            tracks = self._find_tracks(number, keep)
            times, rate = list_frame_times([times for track in tracks for times in track.list_times()], self.fps)
            if len(times) * len(needed) > MAX_SAMPLES:
                raise MotionError(f"{len(times)} frames of {len(needed)} nodes are too many; cut the animation.")
            moved = self.animations[number].tracks
            values = {node: {kind: track.sample(times) for kind, track in moved[node].items()}
                      for node in needed if node in moved}  # fmt: skip
            return self._sample_skeleton(
                keep, needed, values, times, rate if fps is None else fps, self.animations[number].notes
            )

    def select_skeleton(self, number: int, whole: bool = False) -> list[int]:
        """The nodes that make the skeleton of an animation, in order; empty if it moves none. MotionError for too many.

        They are the bones and the animated nodes above and below them; without bones, the animated nodes and all below
        them. If these make several trees, the nodes above are added. `whole` takes all nodes of the trees that these
        stand in, from where they branch: what stands still and is in no skin may be a joint too.
        """
        animated = {node for node, tracks in self.animations[number].tracks.items() if tracks} - self.props
        if not animated:
            return []
        if whole:
            keep = self._select_trees(animated | self.bones)
        elif self.bones:
            above, below = self._add_ancestors(self.bones), self._add_descendants(self.bones)
            keep = set(self.bones) | animated & (above | below)
            keep |= animated & self._add_descendants(keep)
        else:
            keep = self._add_descendants(animated) - self.props
        has_parent = self._add_descendants(keep, proper=True)
        if len(keep - has_parent) > 1 and not whole:
            keep = self._add_ancestors(keep)
        if len(keep) > MAX_JOINTS:
            raise MotionError(f"a skeleton of {len(keep)} nodes; at most {MAX_JOINTS} are read.")
        return sorted(keep)

    def _find_tracks(self, number: int, keep: Sequence[int]) -> list[Track]:
        """The tracks of an animation that move these nodes; MotionError for too many keys."""
        moved = self.animations[number].tracks
        tracks = [track for node in keep if node in moved for track in moved[node].values()]
        size = sum(track.size for track in tracks)
        if size > MAX_KEYS:
            raise MotionError(f"an animation of {size} numbers; at most {MAX_KEYS} are read. Cut the animation.")
        return tracks

    def _add_ancestors(self, nodes: Set[int]) -> set[int]:
        """The nodes and all above them."""
        found: set[int] = set()
        for node in nodes:
            while node >= 0 and node not in found:
                found.add(node)
                node = self.parents[node]
        return found

    def _add_descendants(self, nodes: Set[int], proper: bool = False) -> set[int]:
        """The nodes and all below them; with `proper` only those that are below one."""
        below: set[int] = set()
        for node, parent in enumerate(self.parents):
            if parent in nodes or parent in below:
                below.add(node)
        return below if proper else below | nodes

    def _select_trees(self, nodes: Set[int]) -> set[int]:
        """The trees that nodes stand in, without props, each from where it branches or one of the nodes is."""
        above = self._add_ancestors(nodes)
        keep = self._add_descendants({node for node in above if self.parents[node] < 0}) - self.props
        children = dict.fromkeys(keep, 0)
        for node in keep:
            if self.parents[node] in children:
                children[self.parents[node]] += 1
        for node in sorted(keep):
            if self.parents[node] not in keep and node not in nodes and children[node] == 1:
                keep.remove(node)
        return keep

    def _sample_skeleton(
        self, keep: Sequence[int], order: Sequence[int], values: Mapping[int, Values],
        times: Float[np.ndarray, "frames"], fps: float, notes: tuple[str, ...],
    ) -> Bvh:  # fmt: skip
        """The joints `keep` at times; `order` holds them and all nodes above."""
        row = {node: n for n, node in enumerate(order)}
        kept = [row[node] for node in keep]
        nearest = {-1: -1}
        place = {node: n for n, node in enumerate(keep)}
        for node in order:
            nearest[node] = place.get(node, nearest[self.parents[node]])
        above = [nearest[self.parents[node]] for node in keep]
        rest = self._compute_worlds(order, row, {}, 1)[kept, 0]
        step = max(_CHUNK // len(order), 1)
        chunks = []
        for start in range(0, len(times), step):
            cut = slice(start, start + step)
            part = {node: {kind: one[cut] for kind, one in its.items()} for node, its in values.items()}
            world = self._compute_worlds(order, row, part, len(times[cut]))[kept]
            chunks.append(_localize(np.array(above), rest, world))
        names = [self.names[node] for node in keep]
        return _make_bvh(names, above, rest, chunks, fps, notes)

    def _compute_worlds(
        self, order: Sequence[int], row: Mapping[int, int], values: Mapping[int, Values], frames: int
    ) -> Float[np.ndarray, "nodes frames 4 4"]:
        """The transforms to the world of the nodes in `order`; without `values` those at rest."""
        top = np.eye(4)
        top[:3, :3] = self.axes
        world = np.empty((len(order), frames, 4, 4))
        for n, node in enumerate(order):
            above = top if self.parents[node] < 0 else world[row[self.parents[node]]]
            world[n] = above @ self.compute_local(node, values.get(node, {}), frames)
        return world


@contextmanager
def report_damage(kind: str) -> Iterator[None]:
    """Within the block, what reading a damaged file raises becomes a MotionError. NumPy warns of no odd numbers."""
    try:
        with np.errstate(all="ignore"):  # `_localize` finds overflow and NaN
            yield
    except MotionError:
        raise
    except _FAULTS as error:
        raise MotionError(f"not a valid {kind} file ({type(error).__name__}: {str(error)[:80]}).") from None


def make_names_unique(names: Sequence[str]) -> list[str]:
    """The names, those that stood before with a number behind; each at most 200 characters of the file's."""
    taken: set[str] = set()
    unique = []
    for node, name in enumerate(names):
        name = name[:200] or f"node_{node}"
        if name in taken:
            name = f"{name}_{node}"
        taken.add(name)
        unique.append(name)
    return unique


Local = tuple[Float[np.ndarray, "joints 3"], Float[np.ndarray, "joints frames 3"], Float[np.ndarray, "frames joints 3"]]
"""Offsets at rest, translations, and ZXY angles in radians."""


def _make_bvh(
    names: Sequence[str], parents: Sequence[int], rest: Float[np.ndarray, "joints 4 4"], chunks: Sequence[Local],
    fps: float, notes: tuple[str, ...],
) -> Bvh:  # fmt: skip
    """The `Bvh` of joints whose motion is given in parts of the time."""
    above, offsets = np.array(parents), chunks[0][0]
    places = np.concatenate([chunk[1] for chunk in chunks], axis=1)
    angles = np.degrees(unwrap_euler(np.concatenate([chunk[2] for chunk in chunks])))
    size = max(float(np.linalg.norm(offsets[above >= 0], axis=-1).max(initial=0.0)), 1e-9)
    moves = (np.abs(places - offsets[:, None]).max(axis=(1, 2), initial=0.0) > _MOVES * size) | (above < 0)
    channels, columns = [], []
    for joint, moving in enumerate(moves):
        turned = tuple(f"{axis}rotation" for axis in "ZXY")
        channels.append((("Xposition", "Yposition", "Zposition") if moving else ()) + turned)
        columns += [places[joint]] * bool(moving) + [angles[:, joint]]
    return Bvh(
        tuple(names), tuple(parents), offsets, tuple(channels), (), np.concatenate(columns, axis=1), 1.0 / fps, notes,
        axes=_orthonormalize(rest[:, :3, :3]),
    )  # fmt: skip


def _localize(
    above: Int[np.ndarray, "joints"], rest: Float[np.ndarray, "joints 4 4"],
    world: Float[np.ndarray, "joints frames 4 4"],
) -> Local:  # fmt: skip
    """Relative to the joints `above` (-1 for none). Raises MotionError for transforms that cannot be."""
    if not ((np.abs(rest) < MAX_VALUE).all() and (np.abs(world) < MAX_VALUE).all()):  # false for NaN
        raise MotionError(f"its nodes have places that are NaN, infinite or beyond {MAX_VALUE:.0e}; export it again.")
    rest_turns, turns = _orthonormalize(rest[:, :3, :3]), _orthonormalize(world[..., :3, :3])
    turns = turns @ rest_turns.swapaxes(-1, -2)[:, None]
    has_parent = (above >= 0)[:, None]
    offsets = rest[:, :3, 3] - np.where(has_parent, rest[above, :3, 3], 0.0)
    places = world[..., :3, 3] - np.where(has_parent[..., None], world[above, :, :3, 3], 0.0)
    before = np.where(has_parent[..., None, None], turns[above], np.eye(3))
    places = np.einsum("jfba,jfb->jfa", before, places)
    local = before.swapaxes(-1, -2) @ turns
    return offsets, places, np.moveaxis(matrix_to_euler(local, "ZXY"), 0, 1)


def _orthonormalize(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rotations from matrices with a scale, by Gram-Schmidt on the first two columns; identity for a mirror image."""
    x, y = normalize(matrix[..., 0]), matrix[..., 1]
    y = normalize(y - np.einsum("...i,...i->...", x, y)[..., None] * x)
    rotation = np.stack([x, y, np.cross(x, y)], axis=-1)
    return np.where((np.linalg.det(rotation) > 0.5)[..., None, None], rotation, np.eye(3))
