"""What joining costs: timelines of a minute, measured at the borders of their segments and inside.

    python -m benchmarks.control.timelines [--number 10] [--seed 0] [--transition 1.6] [--sheets FOLDER] [--memory]

*Random*: 12 segments of 5 s, drawn from the kinds of the prompt suite that begin and end on both feet (families
STANDING) and whose plain sentence the base shows in nine of ten of its own motions of 5 s. *Written*: the sequences of
WRITTEN, as people write them, with sitting, lying and getting up. Each kind's check (`lead.eval.prompt_checks`) judges
the frames of its segment, and beside it a motion of the same prompt and length alone.

- *Jerk*: the mean size of the third derivative over joints, m/s^3, in frames within BORDER_SECONDS of a border, and in
  all others. *Peak*: the mean over borders of the largest jerk there, over the mean of the largest jerk in stretches of
  the same length in the middle of segments.
- *Skate*: the share of steps in which a low toe is faster than 0.5 m/s.
- *Done*: the share of segments whose frames show the prompt.

`--memory` measures the time and the peak memory of motions of 60 and 600 s, each in a process of its own. `--sheets`
writes a contact sheet of each timeline.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.bases.card import table
from lead import Lead, Motion
from lead.control.timeline import TRANSITION, Segment, Timeline
from lead.eval.check_language import parse
from lead.eval.metrics import SKATE_SPEED, TOE_HEIGHT, TOES
from lead.eval.prompt_suite import MOSTLY, Kind, read_kinds, shows
from lead.motion.render import contact_sheet

SECONDS, SEGMENTS = 5.0, 12
BORDER_SECONDS = 0.4
STANDING = ("walking", "turning", "running", "standing", "arms", "legs", "jumping", "dancing")
HEIGHTS = ("climb stairs", "go down stairs")
"""Not drawn: features hold the height over the floor of the segment, so a timeline does not stay up."""
SURE = 0.9
"""The share of a kind's own motions that show it, from which it is drawn."""
TRIALS = 10
WRITTEN: tuple[tuple[tuple[str, float], ...], ...] = (
    (("walk", 4), ("turn around", 4), ("walk", 4), ("sit down", 4), ("stand up", 4), ("wave", 4)),
    (("stand still", 3), ("wave with the right hand", 4), ("walk", 5), ("run", 5), ("jump up", 4), ("stand still", 3)),
    (("walk", 5), ("pick up", 4), ("walk and turn left", 5), ("put down", 4), ("stand still", 3)),
    (("run", 5), ("jump forward", 3), ("run", 4), ("walk slowly", 5), ("lie down", 5), ("get up", 5)),
    (("sit", 5), ("stand up", 4), ("walk", 5), ("turn left", 4), ("walk", 5), ("sit down", 4), ("sit", 5)),
    (("walk", 4), ("kneel down", 4), ("kneel", 4), ("stand up", 4), ("raise both hands", 4), ("cheer", 4)),
    (("dance", 9), ("bow", 4), ("clap", 4), ("wave with both hands", 4), ("walk backward", 5)),
    (("walk crouched", 5), ("crouch", 4), ("jump up", 4), ("box", 6), ("kick", 4), ("stand still", 4)),
    (("jumping jacks", 8), ("squat", 6), ("push-ups", 8), ("get up", 4), ("jog", 8)),
    (("walk", 20), ("stand still", 12), ("walk in a circle", 15)),
)
"""Kinds of the suite, and seconds."""


@dataclass(frozen=True)
class Figures:
    """One timeline, measured."""

    jerk: tuple[float, float]
    """At borders, inside."""
    peak: tuple[float, float]
    skate: tuple[float, float]
    done: tuple[bool, ...]
    """Of each segment."""
    alone: tuple[bool, ...]
    """Of a motion of each segment's prompt alone."""


def find_sure_kinds(base: Lead, seed: int) -> list[Kind]:
    """The kinds that random timelines are drawn from."""
    sure = []
    for kind in read_kinds():
        if kind.family in STANDING and kind.name not in HEIGHTS:
            motions = base.generate([kind.prompts[0]] * TRIALS, seconds=SECONDS, seed=seed + 1000)
            if np.mean([shows(parse(kind.check), motion) for motion in motions]) >= SURE:
                sure.append(kind)
    return sure


def measure(
    base: Lead, kinds: Sequence[Kind], seconds: Sequence[float], seed: int, transition: float
) -> tuple[Figures, Motion]:
    """A timeline of these kinds, and its figures."""
    prompts = [kind.prompts[0] for kind in kinds]
    segments = tuple(Segment(prompt, length) for prompt, length in zip(prompts, seconds, strict=True))
    motion = base.generate_timeline(Timeline(segments, transition), seed=seed)
    spans = [(round(mark.start * motion.fps), round(mark.end * motion.fps)) for mark in motion.marks]
    parts = [Motion(motion.joints[start:end], motion.fps) for start, end in spans]
    lengths = [min(length, base.seconds_range[1]) for length in seconds]
    alone = base.generate(prompts, seconds=lengths, seed=seed)
    checks = [parse(kind.check) for kind in kinds]
    jerk, skate, reach = jerk_of(motion), skate_of(motion), round(BORDER_SECONDS * motion.fps)
    borders, middles = [start for start, _ in spans[1:]], [(start + end) // 2 for start, end in spans]
    at = np.zeros(len(motion.joints), dtype=bool)
    for border in borders:
        at[border - reach : border + reach] = True
    figures = Figures(
        (float(jerk[at].mean()), float(jerk[~at].mean())),
        (_peak(jerk, borders, reach), _peak(jerk, middles, reach)),
        (float(skate[at].mean()), float(skate[~at].mean())),
        tuple(shows(check, part) for check, part in zip(checks, parts, strict=True)),
        tuple(shows(check, other) for check, other in zip(checks, alone, strict=True)),
    )
    return figures, motion


def jerk_of(motion: Motion) -> Float[np.ndarray, " frames"]:
    """The mean over joints of the size of the third derivative, in m/s^3; at both ends that of the nearest frame."""
    third = np.diff(motion.joints.astype(np.float64), n=3, axis=0) * motion.fps**3
    return np.pad(np.linalg.norm(third, axis=-1).mean(axis=-1), (1, 2), mode="edge")


def skate_of(motion: Motion) -> Float[np.ndarray, " frames"]:
    """1 in frames that a low toe slides from, else 0, as `lead.eval.metrics.foot_skate_ratio` counts."""
    toes = motion.joints[:, TOES].astype(np.float64)
    low = toes[..., 1] < TOE_HEIGHT
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * motion.fps
    return np.pad((low[1:] & low[:-1] & (speed > SKATE_SPEED)).any(axis=1).astype(float), (0, 1))


def _peak(jerk: Float[np.ndarray, " frames"], places: Sequence[int], reach: int) -> float:
    return float(np.mean([jerk[place - reach : place + reach].max() for place in places]))


def summarize(name: str, figures: Sequence[Figures], kinds: Sequence[Sequence[Kind]]) -> tuple[list[object], list[str]]:
    """A row of the table, and the kinds that segments mostly do not show."""
    jerk, peak, skate = (np.mean([getattr(one, key) for one in figures], axis=0) for key in ("jerk", "peak", "skate"))
    worst = max(one.jerk[0] / one.jerk[1] for one in figures)
    done = {kind.name: [] for some in kinds for kind in some}  # type: dict[str, list[bool]]
    for one, some in zip(figures, kinds, strict=True):
        for kind, shown in zip(some, one.done, strict=True):
            done[kind.name].append(shown)
    every, alone = (np.concatenate([getattr(one, key) for one in figures]).mean() for key in ("done", "alone"))
    weak = [f"{kind} {sum(shown)} of {len(shown)}" for kind, shown in sorted(done.items()) if np.mean(shown) < MOSTLY]
    row = [
        name, len(figures), sum(len(one.done) for one in figures), f"{jerk[0]:.0f}", f"{jerk[1]:.0f}",
        f"{jerk[0] / jerk[1]:.2f}", f"{worst:.2f}", f"{peak[0] / peak[1]:.2f}", f"{skate[0]:.3f}", f"{skate[1]:.3f}",
        f"{every:.2f}", f"{alone:.2f}",
    ]  # fmt: skip
    return row, weak


def measure_memory(seconds: float) -> str:
    """Seconds of work and peak memory of a timeline of this length, in a process of its own."""
    code = f"from benchmarks.control.timelines import run_alone; run_alone({seconds})"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def run_alone(seconds: float) -> None:
    """Generates in this process and prints a row: the motion's length, seconds, seconds a minute of motion, peak MB."""
    base, prompts = Lead.load(), ("a person walks forward", "a person waves", "a person turns around", "a person jumps")
    base.generate("a person walks", seconds=1.0)  # what is done once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    segments = tuple(Segment(prompts[place % 4], SECONDS) for place in range(round(seconds / SECONDS)))
    started = time.perf_counter()
    base.generate_timeline(Timeline(segments))
    spent = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {seconds:g} | {spent:.1f} | {60 * spent / seconds:.2f} | {before:.0f} | {peak:.0f} |")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints tables in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.control.timelines", description=main.__doc__)
    parser.add_argument("--number", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--transition", type=float, default=TRANSITION)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args(arguments)
    if given.memory:
        print(table(("motion, s", "work, s", "s a minute", "MB before", "MB at most"), []))
        for seconds in (60.0, 600.0):
            print(measure_memory(seconds))
        return 0
    base, by_name, rng = Lead.load(), {kind.name: kind for kind in read_kinds()}, np.random.default_rng(given.seed)
    sure = find_sure_kinds(base, given.seed)
    print(f"{len(sure)} kinds: {', '.join(kind.name for kind in sure)}\n")
    drawn = [[sure[k] for k in rng.choice(len(sure), SEGMENTS, replace=False)] for _ in range(given.number)]
    written = [[by_name[name] for name, _ in one] for one in WRITTEN]
    lengths = {
        "random": [[SECONDS] * SEGMENTS] * given.number,
        "written": [[float(seconds) for _, seconds in one] for one in WRITTEN],
    }
    rows, weak = [], {}
    for name, some in (("random", drawn), ("written", written)):
        figures = []
        for place, (kinds, seconds) in enumerate(zip(some, lengths[name], strict=True)):
            measured, motion = measure(base, kinds, seconds, given.seed + place, given.transition)
            figures.append(measured)
            if given.sheets:
                given.sheets.mkdir(parents=True, exist_ok=True)
                contact_sheet([motion], [name]).save(given.sheets / f"{name}-{place}.png")
        row, weak[name] = summarize(name, figures, some)
        rows.append(row)
    columns = (
        "", "timelines", "segments", "jerk at borders", "inside", "ratio", "worst", "peak ratio", "skate at borders",
        "inside", "done", "done alone",
    )  # fmt: skip
    print(table(columns, rows))
    for name, kinds in weak.items():
        print(f"\nUnder {MOSTLY:g}, {name}: {', '.join(kinds) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
