"""What the foot clean-up does to generated motions, beside real clips.

    python -m benchmarks.bases.foot_lock [--number 64] [--output runs/foot_lock.json] [--sheet FILE.png]

Captions of the pack's test split, evenly over its sources, 4 s each, generated without and with `clean_feet`
(`lead.motion.processing.foot_cleanup`); and the real clips of those captions, through their features, as a control.
The table goes to docs/foot-lock.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bases.base import write_json
from benchmarks.bases.card import table
from benchmarks.pack import REPOSITORY, Row, pack_rows, read_joints
from lead import Lead, Motion
from lead.errors import LeadError
from lead.eval.metrics import SKATE_SPEED, TOE_HEIGHT, TOES, foot_skate_ratio, jitter
from lead.motion.processing.ik import LEGS

DOC = REPOSITORY / "docs" / "foot-lock.md"
SWING = 1.0
"""Meters a second: a faster low toe belongs to a swinging foot, not to a standing one."""
Pair = tuple[Motion, Motion]
"""A motion before and after the clean-up."""
COLUMNS = {
    "clips": "clips", "before": "skate before", "after": "after", "swing": "of it swinging", "worse": "clips worse",
    "drift_before": "drift before", "drift_after": "after", "moved": "moved, cm", "legs": "legs, cm",
    "most": "most, cm", "knee_before": "knee before", "knee_after": "after", "jitter_before": "jerk before",
    "jitter_after": "after",
}  # fmt: skip
TEXT = """# Foot lock

`python -m benchmarks.bases.foot_lock` makes this page. [Foot clean-up](foot-clean-up.md) describes the method
(`lead/motion/processing/foot_cleanup.py`). *Before* is without it (`--no-foot-lock`, `clean_feet=False`), *after* is
the default. Both are on the one skeleton.

- *Skate*: the share of frame steps (20 fps) in which a toe is under 5 cm in both frames and faster than 0.5 m/s.
- *Of it swinging*: the part of the remaining skate in which that toe is faster than 1 m/s. Such a foot passes low; it
  does not slide.
- *Clips worse*: clips whose skate rose.
- *Drift*: the mean speed of low toes that were slower than 0.5 m/s before, in cm/s.
- *Moved*: how far joints are from where they were, relative to the pelvis: the mean of all 22, the mean of knees,
  ankles and toes (*legs*), and the most that any joint of any clip moved.
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
        low, speed = low_toes(other.joints)
        speeds.append(low_toes(motion.joints)[1][low & (speed <= SKATE_SPEED)])
    return 100 * float(np.concatenate(speeds).mean())


def knee_degrees(joints: np.ndarray) -> np.ndarray:
    """The angle in both knees, [frames, 2]."""
    angles = []
    for hip, knee, ankle, _ in LEGS:
        thigh, shin = joints[:, hip] - joints[:, knee], joints[:, ankle] - joints[:, knee]
        lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        angles.append(np.degrees(np.arccos(np.clip((thigh * shin).sum(axis=-1) / lengths, -1, 1))))
    return np.stack(angles, axis=-1)


def distances(before: Motion, after: Motion) -> np.ndarray:
    """Meters that each joint moved relative to the pelvis, [frames, 22]."""
    one, other = (motion.joints - motion.joints[:, :1] for motion in (before, after))
    return np.linalg.norm(one - other, axis=-1)


def measure(pairs: Sequence[Pair]) -> dict[str, float]:
    """The figures of motions at 20 fps, before and after the clean-up."""
    before, after = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratios = np.array([[foot_skate_ratio(motion.joints) for motion in pair] for pair in pairs])
    moved = np.concatenate([distances(*pair) for pair in pairs])
    knees = [
        np.concatenate([np.abs(np.diff(knee_degrees(m.joints), axis=0)).ravel() for m in some])
        for some in (before, after)
    ]
    skating = [speed[low & (speed > SKATE_SPEED)] for low, speed in (low_toes(motion.joints) for motion in after)]
    left = np.concatenate(skating)
    return {
        "clips": len(pairs),
        "before": float(ratios[:, 0].mean()),
        "after": float(ratios[:, 1].mean()),
        "swing": float((left > SWING).mean()) if len(left) else 0.0,
        "drift_before": standing_speed(before, before),
        "drift_after": standing_speed(after, before),
        "worse": int((ratios[:, 1] > ratios[:, 0] + 1e-9).sum()),
        "moved": 100 * float(moved.mean()),
        "legs": 100 * float(moved[:, [joint for leg in LEGS for joint in leg[1:]]].mean()),
        "most": 100 * float(moved.max()),
        "knee_before": float(np.percentile(knees[0], 99.9)),
        "knee_after": float(np.percentile(knees[1], 99.9)),
        "jitter_before": float(np.mean([jitter(motion.joints) for motion in before])),
        "jitter_after": float(np.mean([jitter(motion.joints) for motion in after])),
    }


def draw_rows(number: int) -> list[Row]:
    """Clips of the test split, evenly over its sources."""
    rows, rng = pack_rows("test"), np.random.default_rng(0)
    by_source = [[row for row in rows if row["source"] == source] for source in sorted({r["source"] for r in rows})]
    shuffled = [[some[i] for i in rng.permutation(len(some))] for some in by_source]
    turns = [some[n] for n in range(max(map(len, shuffled))) for some in shuffled if n < len(some)]
    return turns[:number]


def run(number: int, sheet: Path | None) -> dict[str, Any]:
    """The figures of generations, of each source's captions, and of the real clips."""
    rows, base = draw_rows(number), Lead.load()
    captions = [row["captions"][0] for row in rows]
    before = base.generate(captions, seconds=4.0, seed=0, clean_feet=False)
    pairs = list(zip(before, base.generate(captions, seconds=4.0, seed=0), strict=True))
    figures = {f"{number} generations": measure(pairs)}
    for source in sorted({row["source"] for row in rows}):
        own = [pair for pair, row in zip(pairs, rows, strict=True) if row["source"] == source]
        figures[f"of captions of {source}"] = measure(own)
    real = [Motion(read_joints(row["id"])).features() for row in rows]
    both = [
        (Motion.from_features(features, rigid=True), Motion.from_features(features, clean_feet=True, rigid=True))
        for features in real
    ]
    figures["real clips of those captions"] = measure(both)
    if sheet is not None:
        _draw(pairs, captions, sheet)
    return figures


def _draw(pairs: Sequence[Pair], captions: Sequence[str], path: Path) -> None:
    """The four generations that change most, before and after, around the frame where they do."""
    from lead.motion.render import contact_sheet

    moved = [distances(*pair).max(axis=1) for pair in pairs]
    shown, titles = [], []
    for clip in sorted(range(len(pairs)), key=lambda clip: -moved[clip].max())[:4]:
        before, after = pairs[clip]
        start = int(np.clip(moved[clip].argmax() - 8, 0, len(before.joints) - 16))
        for name, motion in (("before", before), ("after", after)):
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
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bases.foot_lock", description="Foot clean-up in figures."
    )
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
