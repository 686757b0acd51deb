"""What foot locking does to generated motions, beside real clips.

    python -m benchmarks.foot_lock [--number 64] [--output runs/foot_lock.json] [--sheet FILE.png]

Captions of the pack's test split, evenly over its sources, 4 s each, as `lead-invert generate` makes them, before and
after `lead.motion.processing.foot_lock`; and the real clips of those captions, as a control.  The tables go to docs/foot-lock.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base import write_json
from benchmarks.base_card import table
from benchmarks.pack import REPOSITORY, Row, pack_rows, read_joints
from lead import Lead, Motion
from lead.errors import LeadError
from lead.eval.metrics import SKATE_SPEED, TOE_HEIGHT, TOES, foot_skate_ratio, jitter
from lead.motion.processing.foot_lock import LEGS, foot_lock

DOC = REPOSITORY / "docs" / "foot-lock.md"
SWING = 1.0
"""Meters a second: a low toe that is faster swings through and does not stand."""
COLUMNS = {
    "clips": "clips", "before": "skate before", "after": "after", "swing": "of it swinging", "worse": "clips worse",
    "drift_before": "drift before", "drift_after": "after", "moved": "moved, cm", "legs": "legs, cm",
    "most": "most, cm", "knee_before": "knee before", "knee_after": "after", "jitter_before": "jerk before",
    "jitter_after": "after",
}  # fmt: skip
TEXT = """# Foot lock

`python -m benchmarks.foot_lock` makes this page. [Foot clean-up](foot-clean-up.md) describes the method
(`lead/motion/processing/foot_lock.py`).

- *Skate*: the share of frame steps (20 fps) in which a toe is under 5 cm in both frames and faster than 0.5 m/s.
- *Of it swinging*: the part of the remaining skate in which that toe is faster than 1 m/s. Such a foot passes low; it does
  not slide.
- *Clips worse*: clips whose skate rose.
- *Drift*: the mean speed of low toes that were slower than 0.5 m/s before, in cm/s.
- *Moved*: how far joints are from where they were: the mean of all 22, the mean of knees, ankles and toes (*legs*), and the
  most that any joint of any clip moved.
- *Knee*: the change of a knee's angle in one frame, in degrees; 999 of a thousand steps change less.
- *Jerk*: the mean size of the third derivative, in m/s^3.
"""


def low_toes(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each toe is low in two frames, and how fast it is between them in meters a second, [steps, 2]."""
    toes = joints[:, TOES].astype(np.float64)
    low = toes[..., 1] < TOE_HEIGHT
    return low[1:] & low[:-1], np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * 20.0


def standing_speed(motions: Sequence[Motion], before: Sequence[Motion]) -> float:
    """Centimeters a second of toes that stood before: low, and slower than skating begins."""
    speeds = []
    for motion, other in zip(motions, before, strict=True):
        low, was = low_toes(other.joints)
        speeds.append(low_toes(motion.joints)[1][low & (was <= SKATE_SPEED)])
    return 100 * float(np.concatenate(speeds).mean())


def knee_degrees(joints: np.ndarray) -> np.ndarray:
    """The angle in both knees, [frames, 2]."""
    angles = []
    for hip, knee, ankle, _ in LEGS:
        thigh, shin = joints[:, hip] - joints[:, knee], joints[:, ankle] - joints[:, knee]
        lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        angles.append(np.degrees(np.arccos(np.clip((thigh * shin).sum(axis=-1) / lengths, -1, 1))))
    return np.stack(angles, axis=-1)


def measured(motions: Sequence[Motion]) -> dict[str, float]:
    """The figures of a set of motions at 20 fps."""
    locked = [foot_lock(motion) for motion in motions]
    ratios = np.array([[foot_skate_ratio(m.joints) for m in pair] for pair in zip(motions, locked, strict=True)])
    moved = np.concatenate([np.linalg.norm(a.joints - b.joints, axis=-1) for a, b in zip(motions, locked, strict=True)])
    knees = [
        np.concatenate([np.abs(np.diff(knee_degrees(m.joints), axis=0)).ravel() for m in some])
        for some in (motions, locked)
    ]
    skating = [speed[low & (speed > SKATE_SPEED)] for low, speed in (low_toes(motion.joints) for motion in locked)]
    left = np.concatenate(skating)
    return {
        "clips": len(motions),
        "before": float(ratios[:, 0].mean()),
        "after": float(ratios[:, 1].mean()),
        "swing": float((left > SWING).mean()) if len(left) else 0.0,
        "drift_before": standing_speed(motions, motions),
        "drift_after": standing_speed(locked, motions),
        "worse": int((ratios[:, 1] > ratios[:, 0] + 1e-9).sum()),
        "moved": 100 * float(moved.mean()),
        "legs": 100 * float(moved[:, [joint for leg in LEGS for joint in leg[1:]]].mean()),
        "most": 100 * float(moved.max()),
        "knee_before": float(np.percentile(knees[0], 99.9)),
        "knee_after": float(np.percentile(knees[1], 99.9)),
        "jitter_before": float(np.mean([jitter(motion.joints) for motion in motions])),
        "jitter_after": float(np.mean([jitter(motion.joints) for motion in locked])),
    }


def drawn_rows(number: int) -> list[Row]:
    """Clips of the test split, evenly over its sources."""
    rows, rng = pack_rows("test"), np.random.default_rng(0)
    by_source = [[row for row in rows if row["source"] == source] for source in sorted({r["source"] for r in rows})]
    shuffled = [[some[i] for i in rng.permutation(len(some))] for some in by_source]
    turns = [some[n] for n in range(max(map(len, shuffled))) for some in shuffled if n < len(some)]
    return turns[:number]


def run(number: int, sheet: Path | None) -> dict[str, Any]:
    """The figures of generations, of each source's captions, and of the real clips."""
    rows = drawn_rows(number)
    motions = Lead.load().generate([row["captions"][0] for row in rows], seconds=4.0, seed=0)
    real = [Motion(read_joints(row["id"])) for row in rows]
    figures = {f"{number} generations": measured(motions)}
    for source in sorted({row["source"] for row in rows}):
        own = [motion for motion, row in zip(motions, rows, strict=True) if row["source"] == source]
        figures[f"of captions of {source}"] = measured(own)
    figures["real clips of those captions"] = measured(real)
    if sheet is not None:
        _draw(motions, [row["captions"][0] for row in rows], sheet)
    return figures


def _draw(motions: Sequence[Motion], captions: Sequence[str], path: Path) -> None:
    """The four generations that change most, before and after, around the frame where they do."""
    from lead.motion.render.contact_sheet import contact_sheet

    locked = [foot_lock(motion) for motion in motions]
    moved = [np.linalg.norm(a.joints - b.joints, axis=-1).max(axis=1) for a, b in zip(motions, locked, strict=True)]
    shown, titles = [], []
    for clip in sorted(range(len(motions)), key=lambda clip: -moved[clip].max())[:4]:
        start = int(np.clip(moved[clip].argmax() - 8, 0, len(motions[clip].joints) - 16))
        for name, motion in (("before", motions[clip]), ("after", locked[clip])):
            shown.append(Motion(motion.joints[start : start + 16], motion.fps))
            titles.append(f"{name}: {captions[clip]} (up to {100 * moved[clip].max():.1f} cm)")
    contact_sheet(shown, titles).save(path)


def markdown(figures: dict[str, dict[str, float]]) -> str:
    """The table of the document."""
    forms = {"clips": "d", "worse": "d", "before": ".3f", "after": ".3f", "swing": ".0%", "moved": ".2f", "legs": ".2f"}
    lines = [[name, *(format(row[key], forms.get(key, ".1f")) for key in COLUMNS)] for name, row in figures.items()]
    return f"{TEXT}\n{table(['', *COLUMNS.values()], lines)}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark, writes its figures and the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.foot_lock", description="Foot lock, before and after.")
    parser.add_argument("--number", type=int, default=64, help="generations (default: 64)")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "foot_lock.json")
    parser.add_argument("--doc", type=Path, default=DOC, help="the document to write (default: docs/foot-lock.md)")
    parser.add_argument("--sheet", type=Path, help="a picture of the generations that change most")
    options = parser.parse_args(arguments)
    try:
        figures = run(options.number, options.sheet)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, figures)
    text = markdown(figures)
    options.doc.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
