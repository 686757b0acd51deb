"""In-betweening: gaps of real clips filled by `edit_clip`, by interpolation and by the base's plain output.

    python -m benchmarks.control.inbetween [--number 10] [--sheet FILE.png]

A gap of 1 s or 2 s is cut out of the middle of 4 s of a test clip; the clip's caption is the prompt. `interpolation`:
the pelvis linearly, bones' directions by the shortest way. `plain`: what the base makes of the caption alone, laid over
the frame before the gap. L2: the mean distance of joints to the clip's own in the gap, in centimeters. NPSS: the
normalized power spectrum similarity of joints' places (Gopalakrishnan et al., arXiv 1809.03036); lower is nearer. Seam:
the greatest jerk within two frames of the gap's ends, beside the clip's own there, in m/s^3.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.bases.base import write_json
from benchmarks.pack import REPOSITORY, pack_rows, read_joints
from lead import Lead, Motion
from lead.control.edit import edit_clip
from lead.errors import LeadError
from lead.eval.metrics import foot_skate_ratio
from lead.motion.features import canonical
from lead.motion.processing.edit import bone_directions
from lead.motion.processing.join import place_after
from lead.motion.processing.rigid import move_to_rigid
from lead.motion.rotations import normalize
from lead.motion.skeleton import FPS, bone_lengths, place_bones

FRAMES, GAPS = 80, (20, 40)
"""Of a clip, and of its gap."""


def draw_clips(number: int, seed: int = 0) -> list[tuple[str, np.ndarray]]:
    """Captions and parts of test clips, evenly over the pack's sources."""
    rng = np.random.default_rng(seed)
    rows = [row for row in pack_rows("test") if row["frames"] > FRAMES]
    by_source = {source: [r for r in rows if r["source"] == source] for source in sorted({r["source"] for r in rows})}
    clips = []
    for turn in range(number):
        some = by_source[list(by_source)[turn % len(by_source)]]
        row = some[int(rng.integers(len(some)))]
        joints = read_joints(row["id"])
        first = int(rng.integers(0, len(joints) - FRAMES))
        clips.append((row["captions"][0], canonical(move_to_rigid(joints[first : first + FRAMES])).astype(np.float32)))
    return clips


def interpolate(joints: np.ndarray, first: int, end: int) -> np.ndarray:
    """The gap filled from the frame before it to the frame after it: the baseline."""
    share = (np.arange(first, end) - first + 1)[:, None, None] / (end - first + 1)
    one, other = (bone_directions(joints[frame][None]) for frame in (first - 1, end))
    angle = np.arccos(np.clip((one * other).sum(axis=-1, keepdims=True), -1.0, 1.0))
    sine = np.maximum(np.sin(angle), 1e-6)
    between = np.where(angle < 1e-4, one, (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / sine)
    root = joints[first - 1, 0] * (1 - share[:, 0]) + joints[end, 0] * share[:, 0]
    filled: np.ndarray = joints.astype(np.float64)
    filled[first:end] = place_bones(root, normalize(between), bone_lengths(joints[0].astype(np.float64)))
    return filled


def npss(real: np.ndarray, made: np.ndarray) -> float:
    """Earth mover's distance of each number's normalized power spectrum, weighted by the real power."""
    powers = [np.abs(np.fft.rfft(x.reshape(len(x), -1), axis=0)) ** 2 for x in (real, made)]
    shares = [power / np.maximum(power.sum(axis=0), 1e-12) for power in powers]
    moved = np.abs(np.cumsum(shares[0], axis=0) - np.cumsum(shares[1], axis=0)).sum(axis=0)
    weight = powers[0].sum(axis=0)
    return float((moved * weight).sum() / weight.sum())


def seam_jerk(joints: np.ndarray, first: int, end: int) -> float:
    """The greatest mean jerk of joints near the ends of the gap."""
    jerk = np.linalg.norm(np.diff(joints.astype(np.float64), n=3, axis=0), axis=-1).mean(axis=-1) * FPS**3
    return float(max(jerk[at - 3 : at + 2].max() for at in (first, end)))


def measure(base: Lead, clips: Sequence[tuple[str, np.ndarray]], gap: int, console: Console) -> dict[str, Any]:
    """The figures of a gap of so many frames."""
    first = (FRAMES - gap) // 2
    inside, rows, exact, shown = slice(first, first + gap), [], True, []
    kept = np.ones(FRAMES, dtype=bool)
    kept[inside] = False
    for seed, (caption, clip) in enumerate(track(clips, f"{gap / FPS:g} s", console=console, transient=True)):
        hidden = clip.copy()
        hidden[inside] = interpolate(clip, first, first + gap)[inside]  # so that nothing of the gap is seen
        edited = edit_clip(base, Motion(hidden), kept, caption, seed=seed).joints
        plain = base.generate(caption, seconds=(gap + 4) / FPS, seed=seed)[0].joints
        joints = {
            "edit": edited, "interpolation": hidden,
            "plain": np.concatenate([clip[:first], place_after(clip[first - 1], plain)[1 : gap + 1],
                                     clip[first + gap :]]),
        }  # fmt: skip
        exact &= bool(np.array_equal(edited[kept], clip[kept]))
        row = {}
        for name, some in joints.items():
            row |= {f"{name} L2": 100 * np.linalg.norm(some - clip, axis=-1)[inside].mean()}
            row |= {
                f"{name} NPSS": npss(clip[inside], some[inside]),
                f"{name} seam": seam_jerk(some, first, first + gap),
            }
            row |= {f"{name} skate": foot_skate_ratio(some[inside])}
        rows.append({**row, "real seam": seam_jerk(clip, first, first + gap)})
        shown += [clip, hidden, edited]
    return {"number": len(rows), "exact": exact, "shown": shown} | {
        key: float(np.mean([row[key] for row in rows])) for key in rows[0]
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and writes its figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.control.inbetween", description="Gaps of real clips, filled."
    )
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--number", type=int, default=10, help="clips (default: 10)")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "inbetween.json")
    parser.add_argument("--sheet", type=Path, help="a picture of the first clips and their longest gap")
    options, console = parser.parse_args(arguments), Console(width=110)
    torch.set_num_threads(1)
    table = Table(
        "gap", "way", "L2, cm", "NPSS", "seam", "skate", title="In-betweening; kept frames bit-equal: see below"
    )
    figures: dict[str, Any] = {}
    try:
        base, clips = Lead.load(options.base), draw_clips(options.number)
        for gap in GAPS:
            row = measure(base, clips, gap, console)
            shown = row.pop("shown")
            figures[f"{gap / FPS:g} s"] = row
            for way in ("edit", "interpolation", "plain"):
                cells = [f"{row[f'{way} {key}']:.2f}" for key in ("L2", "NPSS", "seam", "skate")]
                table.add_row(f"{gap / FPS:g} s", way, *cells)
            table.add_row(f"{gap / FPS:g} s", "real", "", "", f"{row['real seam']:.2f}", "")
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, figures)
    console.print(table)
    console.print(f"kept frames bit-equal: {all(row['exact'] for row in figures.values())}")
    if options.sheet is not None:
        from lead.motion.render import contact_sheet

        titles = [f"{name}: {caption}" for caption, _ in clips for name in ("real", "interpolated", "edit")]
        contact_sheet([Motion(joints) for joints in shown[:9]], titles[:9]).save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
