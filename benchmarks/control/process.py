"""What loops, in-place clips, mirrors and speeds do to real clips.

    python -m benchmarks.control.process [--clips 20] [--sheet FILE.png]

Walks, runs, waves and dances of the pack's test split, each kind up to so many clips. The sheet shows ten cycles of a
clip of each kind. The tables stand in docs/process.md.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.pack import Row, pack_rows, read_joints
from lead.motion import Motion, MotionError
from lead.motion.processing.foot_lock import find_contacts
from lead.motion.processing.ik import TOES
from lead.motion.processing.loop import Cycle, measure_seam
from lead.motion.render.sheets import contact_sheet
from lead.motion.render.view_options import ViewOptions

KINDS = {"walks": "walk", "runs": "run", "waves": "wave", "dances": "danc"}
"""How the pack's name of the action begins; for dances, what a caption has in it."""
SPEEDS = (0.5, 1.5, 2.0)


def choose_clips(word: str, most: int) -> list[Motion]:
    """Clips of which the action's name begins with the word, or of dances any caption has it; evenly over the split."""
    rows: list[Row] = [
        row for row in pack_rows("test")
        if row["content"].startswith(word) or (word == KINDS["dances"] and word in " ".join(row["captions"]))
    ]  # fmt: skip
    picked = rows if len(rows) <= most else [rows[n * len(rows) // most] for n in range(most)]
    return [Motion(read_joints(row["id"]), name=row["id"]) for row in picked]


def find_loops(clips: Sequence[Motion]) -> list[tuple[Motion, Cycle]]:
    """The clips that have a cycle, with it."""
    found = []
    for clip in clips:
        try:
            cycle = clip.find_cycle()
        except MotionError:
            continue
        if cycle.is_good:
            found.append((clip, cycle))
    return found


def root_reach(motion: Motion) -> float:
    """Centimeters from x = z = 0 to the pelvis, the most."""
    return 100 * float(np.linalg.norm(motion.joints[:, 0, [0, 2]], axis=-1).max())


def standing_slide(motion: Motion, contacts: np.ndarray) -> float:
    """Centimeters a second that toes move over the floor while they stand; 0 where none does."""
    toes = motion.joints[:, TOES][..., [0, 2]].astype(np.float64)
    moved = np.linalg.norm(np.diff(toes, axis=0), axis=-1)[contacts[1:] & contacts[:-1]]
    return 100 * motion.fps * float(moved.mean()) if len(moved) else 0.0


def warp_contacts(contacts: np.ndarray, frames: int, speed: float) -> np.ndarray:
    """Which feet stand in the frames of the motion at another speed."""
    times = np.arange(frames) * speed
    after = np.minimum(np.ceil(times).astype(int), len(contacts) - 1)
    warped: np.ndarray = contacts[np.floor(times).astype(int)] & contacts[after]
    return warped


def loop_row(clips: Sequence[Motion], found: Sequence[tuple[Motion, Cycle]]) -> list[str]:
    """How many clips loop, and how their seams are beside their inside."""
    loops = [clip.loop(cycle) for clip, cycle in found]
    before = [measure_seam(clip.joints[cycle.first : cycle.last + 1], clip.fps) for clip, cycle in found]
    seams = [measure_seam(loop.joints, loop.fps) for loop in loops]
    tenth = [loop.repeat(10) for loop in loops]
    slides = []
    for loop, (clip, cycle) in zip(loops, found, strict=True):
        stretch = slice(cycle.first, cycle.last + 1)
        part, contacts = replace(clip, joints=clip.joints[stretch]), find_contacts(clip.joints, clip.fps)[stretch]
        slides.append(standing_slide(loop, contacts) - standing_slide(part, contacts))
    return [
        f"{len(found)} of {len(clips)}",
        _spread([len(loop.joints) / loop.fps for loop in loops], 2),
        _spread([100 * cycle.gap for _, cycle in found], 1),
        _spread([cycle.velocity_gap for _, cycle in found], 2),
        _spread([seam.step / seam.median_step for seam in seams], 2),
        _spread([seam.jump / seam.median_jump for seam in before], 2),
        _spread([seam.jump / seam.median_jump for seam in seams], 2),
        _spread(slides, 2),
        _spread([root_reach(ten.in_place()) for ten in tenth], 2),
    ]


def speed_cells(clips: Sequence[Motion]) -> list[str]:
    """For each speed the slide of standing feet, before and after; after it, by the second of the clip."""
    cells = []
    for speed in SPEEDS:
        pairs = []
        for clip in clips:
            contacts, fast = find_contacts(clip.joints, clip.fps), clip.change_speed(speed)
            later = warp_contacts(contacts, len(fast.joints), speed)
            pairs.append((standing_slide(clip, contacts), standing_slide(fast, later) / speed))
        before, after = np.mean(pairs, axis=0)
        cells.append(f"{before:.1f} -> {after:.1f}")
    return cells


def _spread(values: Sequence[float], digits: int) -> str:
    """The median and the largest."""
    return f"{np.median(values):.{digits}f} ({max(values):.{digits}f})" if len(values) else "-"


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="Measures loops, in-place clips, mirrors and speeds on real clips.")
    options.add_argument("--clips", type=int, default=20, help="of each kind, at most")
    options.add_argument("--sheet", type=Path, help="a picture of ten cycles of a clip of each kind")
    asked = options.parse_args(arguments)
    loops = Table(
        "kind", "loops", "seconds", "gap, cm", "gap, m/s", "step", "jump, cut", "jump, closed", "slide, cm/s",
        "in place, cm", title="Loops: median (largest)",
    )  # fmt: skip
    others = Table(
        "kind", "in place, cm", "mirrored twice", *(f"slide at x{speed:g}, cm/s" for speed in SPEEDS),
        title="Other edits",
    )  # fmt: skip
    shown: list[tuple[str, Motion]] = []
    for kind, word in KINDS.items():
        clips = choose_clips(word, asked.clips)
        found = find_loops(clips)
        loops.add_row(kind, *loop_row(clips, found))
        equal = all(np.array_equal(clip.mirror().mirror().joints, clip.joints) for clip in clips)
        reach = [root_reach(clip.in_place()) for clip in clips]
        others.add_row(kind, _spread(reach, 2), "equal" if equal else "NOT equal", *speed_cells(clips))
        for clip, cycle in found[:2]:
            shown.append((f"{kind}: ten cycles of {cycle.frames / clip.fps:.2f} s", clip.loop(cycle).repeat(10)))
            shown.append((f"{kind}: the same in place", clip.loop(cycle).repeat(10).in_place()))
    Console(width=140).print(loops, others)
    if asked.sheet:
        motions, titles = [motion for _, motion in shown], [title for title, _ in shown]
        contact_sheet(motions, titles, options=ViewOptions(trail=True)).save(asked.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
