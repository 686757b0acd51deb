"""How nearly constraints of real clips are met, and what that costs.

    python -m benchmarks.control.constraints [--number 25] [--kinds ends,path] [--seconds 4] [--sheet FILE.png]

Each constraint is of a part of a test clip that shows what a plain prompt of the suite says (its check is true); the
prompt is generated with the constraint and without it, from the same noise. Errors are in the world, of what the base
alone made (`base`) and of the result (`after`): joints' mean distance for poses, the pelvis from its path at each
frame's time. `done`: the share of motions on which the prompt's check is true. `FID`: the Fréchet distance, in the
evaluator's space (`lead.eval.evaluator`), to the motions that the base makes without the constraints; beside it that of
motions of the same prompts from other noise, also without constraints, to those. `to real`: the same distances to the
real parts, of the constrained and the unconstrained. Of so few motions it only compares columns. Seconds are of one
core's time.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.bases.base import write_json
from benchmarks.pack import REPOSITORY, pack_rows, read_joints
from lead import Lead, Motion
from lead.control.constraints import Constraint, JointTarget, PathConstraint, PoseConstraint
from lead.control.finish import meet_constraints
from lead.control.targets import measure_errors
from lead.errors import LeadError
from lead.eval.check_language import parse
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio, frechet_distance, jitter
from lead.eval.prompt_suite import Kind, read_kinds, shows
from lead.motion.features import canonical
from lead.motion.processing.rigid import move_to_rigid
from lead.motion.skeleton import FPS

KINDS = ("ends", "keyframes", "path", "reach")
OTHER_SEED = 100_000
"""The first seed of motions from other noise."""
Case = tuple[Kind, np.ndarray]
"""A kind of prompt, and a real part that shows it, [frames, 22, 3] on the one skeleton."""


def draw_cases(number: int, seconds: float, seed: int = 0) -> list[Case]:
    """Parts of test clips that show what a prompt says: one a prompt in turn, of as many prompts as have one."""
    rng, frames = np.random.default_rng(seed), round(seconds * FPS)
    rows = [row for row in pack_rows("test") if row["frames"] > frames]
    parts = []
    for row in (rows[place] for place in rng.permutation(len(rows))[: 20 * number]):
        joints = read_joints(row["id"])
        first = int(rng.integers(0, len(joints) - frames))
        parts.append(canonical(move_to_rigid(joints[first : first + frames])))
    kinds = [kind for kind in read_kinds() if seconds in kind.seconds]
    fitting = {kind.name: [part for part in parts if shows(parse(kind.check), Motion(part))] for kind in kinds}
    cases: list[Case] = []
    for turn in range(number):
        cases += [(kind, fitting[kind.name][turn]) for kind in kinds if turn < len(fitting[kind.name])]
    order = np.sort(rng.permutation(min(len(cases), 3 * number))[:number])
    return [cases[place] for place in order]


def write_constraints(kind: str, part: np.ndarray, rng: np.random.Generator) -> list[Constraint]:
    """The constraints of a kind, from a real part."""
    last = len(part) - 1
    if kind == "ends":
        return [PoseConstraint(part[0], 0.0, placed=True), PoseConstraint(part[last], None, placed=True)]
    if kind == "keyframes":
        places = np.sort(rng.choice(np.arange(8, last - 8, 4), 2, replace=False))
        return [PoseConstraint(part[place], place / FPS, placed=True) for place in places]
    if kind == "path":
        places = [*range(0, last - 8, 20), last]
        return [PathConstraint(part[places][:, 0, [0, 2]], tuple(place / FPS for place in places))]
    place, hand = int(rng.integers(12, last - 12)), int(rng.choice([20, 21]))
    x, y, z = part[place, hand].tolist()
    return [PoseConstraint(part[0], 0.0, placed=True), JointTarget(hand, place / FPS, (x, y, z))]


def generate_plain(base: Lead, cases: Sequence[Case], first_seed: int) -> list[Motion]:
    """Each case's prompt without constraints; the seeds count up."""
    return [
        base.generate(kind.prompts[0], seconds=len(part) / FPS, seed=first_seed + place)[0]
        for place, (kind, part) in enumerate(cases)
    ]


def measure(
    base: Lead, kind: str, cases: Sequence[Case], without: Sequence[Motion], console: Console
) -> tuple[dict[str, Any], list[Motion]]:
    """The figures of a kind; and its motions: of each case the real part, without and with its constraints."""
    rng, rows, motions = np.random.default_rng(1), [], []
    each = list(zip(cases, without, strict=True))
    for seed, ((prompt, part), plain) in enumerate(track(each, kind, console=console, transient=True)):
        constraints, seconds, text = write_constraints(kind, part, rng), len(part) / FPS, prompt.prompts[0]
        started = time.process_time()
        with patch("lead.control.finish.meet_constraints", wraps=meet_constraints) as meet:
            made = base.generate(text, seconds=seconds, seed=seed, constraints=constraints)[0]
        ended = time.process_time()
        joints = made.joints.astype(np.float64)
        check = parse(prompt.check)
        rows.append({
            "plain": meet_constraints(plain.joints, constraints, FPS)[1],
            "base": meet_constraints(meet.call_args.args[0], constraints, FPS)[1],
            "after": measure_errors(joints, constraints, FPS),
            "done": shows(check, made), "done_plain": shows(check, plain),
            "skate": foot_skate_ratio(made.joints), "skate_plain": foot_skate_ratio(plain.joints),
            "jerk": jitter(made.joints), "jerk_plain": jitter(plain.joints), "jerk_real": jitter(part),
            "seconds": ended - started,
        })  # fmt: skip
        motions += [Motion(part), plain, made]
    figures = {key: float(np.mean([np.mean(row[key]) for row in rows])) for key in rows[0]}
    figures |= {f"{key}_most": float(np.max([np.max(row[key]) for row in rows])) for key in ("base", "after")}
    return figures | {"number": len(rows)}, motions


def measure_distances(motions: Sequence[Motion], others: Sequence[Motion]) -> dict[str, float]:
    """FIDs of a kind's motions; `others` are of the same prompts, without constraints, from other noise."""
    evaluator = Evaluator.load()
    real, without, met, other = (
        evaluator.embed_motions([one.features() for one in some])
        for some in (motions[::3], motions[1::3], motions[2::3], others)
    )
    return {
        "fid": frechet_distance(met, without), "fid_other": frechet_distance(other, without),
        "fid_real": frechet_distance(met, real), "fid_real_plain": frechet_distance(without, real),
    }  # fmt: skip


def make_table(figures: dict[str, dict[str, Any]]) -> Table:
    """A row a kind."""
    heads = ("kind", "number", "off: plain", "base", "most", "after", "most", "done", "plain", "FID", "others",
             "to real", "plain", "skate", "plain", "jerk", "plain", "real", "s")  # fmt: skip
    table = Table(*heads, title="Constraints of real clips; lengths in cm")
    for kind, row in figures.items():
        lengths = [f"{100 * row[key]:.1f}" for key in ("plain", "base", "base_most", "after", "after_most")]
        done, skate = ([f"{row[key]:.2f}" for key in (name, f"{name}_plain")] for name in ("done", "skate"))
        distances = [f"{row[key]:.1f}" for key in ("fid", "fid_other", "fid_real", "fid_real_plain")]
        jerk = [f"{row[key]:.0f}" for key in ("jerk", "jerk_plain", "jerk_real")]
        table.add_row(kind, str(row["number"]), *lengths, *done, *distances, *skate, *jerk, f"{row['seconds']:.1f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and writes its figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.control.constraints", description="How constraints are met."
    )
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--number", type=int, default=25, help="of each kind (default: 25)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"any of {','.join(KINDS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=4.0, choices=(2.0, 4.0, 8.0))
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "constraints.json")
    parser.add_argument("--sheet", type=Path, help="a picture of the first motions of the last kind")
    options, console = parser.parse_args(arguments), Console(width=170)
    torch.set_num_threads(1)
    figures: dict[str, dict[str, Any]] = {}
    try:
        base, cases = Lead.load(options.base), draw_cases(options.number, options.seconds)
        without, others = (generate_plain(base, cases, first_seed) for first_seed in (0, OTHER_SEED))
        for kind in options.kinds.split(","):
            row, motions = measure(base, kind, cases, without, console)
            figures[kind] = row | measure_distances(motions, others)
            write_json(options.output, figures)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    console.print(make_table(figures))
    if options.sheet is not None:
        from lead.motion.render import contact_sheet

        titles = [f"{name}: {kind.prompts[0]}" for kind, _ in cases for name in ("real", "without", "constrained")]
        contact_sheet(motions[:9], titles[:9]).save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
