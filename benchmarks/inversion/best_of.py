"""What it is worth to keep the best of several motions: `Lead.rank` beside the first motions. Two tables.

    python -m benchmarks.inversion.best_of [--base PATH] [--samples 16] [--keep 3] [--seed 1] [--styles FOLDER ...]

Prompts: whether the checks of the suite (`lead.eval.prompt_checks`), which rank nothing, see what is asked. Twenty
kinds of motion are varied, twenty were chosen because the suite's figures were low. Styles: each folder has clips of a
walk in a style that it is named after (`elderly-walk`), and becomes a concept, which is asked for in other actions. Two
judges say in which of the pack's styles a motion is: `benchmarks.judges.linear`, and the evaluator by the mean of real
clips. The evaluator's space is one of those in which motions are ranked, so its figures flatter.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judges.linear import LinearJudge, train_linear_judge
from benchmarks.pack import pack_rows, read_joints
from cli.jobs.keep_best import make_rank
from inversion import learn
from lead import Lead, Motion
from lead.eval.check_language import parse
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio
from lead.eval.prompt_suite import shows

SECONDS = 4.0
VARIED = {
    "a man walks forward": "walk()",
    "a person walks in a curve to the left": 'at_once(walk(), curve(side="left"))',
    "somebody walks down the stairs": 'stairs(way="down")',
    "a person turns left": 'turn(degrees=90, side="left", loose=True)',
    "a woman jogs forward": "run()",
    "a man stands still": "stand_still()",
    "a person stands with arms crossed": "arms_crossed()",
    "a man sits on a chair": "sit()",
    "a person stands up from a chair": "stand_up()",
    "a person falls down": "fall()",
    "a woman squats": "squat()",
    "a person does push-ups": "push_ups()",
    "a woman raises both hands": 'raise_hand(side="both")',
    "a person waves": "wave()",
    "a person reaches up high": "reach_up()",
    "a person pushes something": "push()",
    "a man boxes": "box()",
    "a person kicks with the right leg": 'kick(side="right")',
    "a person dances": "dance()",
    "a person squats, then jumps": "then(squat(), jump())",
}
HARD = {
    "a man walks quickly": 'walk(pace="fast")',
    "a person walks forward and then comes back": "there_and_back()",
    "a person marches in place": "march()",
    "a person turns around to the right": 'turn(degrees=180, side="right")',
    "a woman jumps up": 'jump(way="up")',
    "a person does jumping jacks": "jumping_jacks()",
    "a person stretches both arms out to the sides": "arms_to_the_sides()",
    "a person punches with the left hand": 'punch(side="left")',
    "somebody swings a sword": "swing()",
    "a man drinks from a cup": "hand_to_face()",
    "a person walks, then kicks with the left leg": 'then(goes(), kick(side="left"))',
    "a person stands up and then walks away": "then(stand_up(), walk())",
    "a person picks something up and walks on": "then(pick_up(), goes())",
    "a person bows and then waves": "then(bow(), wave())",
    "a person raises the left hand, then the right hand": 'then(raise_hand(side="left"), raise_hand(side="right"))',
    "a person waves and then claps": "then(wave(), clap())",
    "a person walks with the hands on the hips": "at_once(walk(), hands_on_hips())",
    "a person walks with the arms stretched out to the sides": "at_once(walk(), arms_to_the_sides())",
    "a person sits and claps": "at_once(sit(), clap())",
    "a person walks backward and waves": 'at_once(walk(way="backward"), wave())',
}
ACTIONS = {
    "runs": "run",
    "raises both hands": "raise-up-both-hands",
    "waves the right hand": "wave-right-hand",
}
"""Phrases of a prompt, and the pack's names of contents."""
STYLES = ("active", "elderly", "exhausted", "feminine", "masculine", "normal", "youthful")
TIMES = 3
"""Seeds of an action in a style."""
CLIPS = 10
"""Real clips of an action in a style that the evaluator compares with."""


@dataclass(frozen=True)
class Shares:
    """The mean over prompts of the share that is right, and of the foot skate ratio."""

    all: float
    first: float
    kept: float
    skate_all: float
    skate_kept: float

    @classmethod
    def of(
        cls, right: Sequence[Sequence[bool]], skate: Sequence[Sequence[float]], kept: Sequence[list[int]]
    ) -> "Shares":
        """From a row a prompt."""
        count = len(kept[0])
        return cls(
            float(np.mean(right)),
            float(np.mean([row[:count] for row in right])),
            float(np.mean([np.array(row)[places] for row, places in zip(right, kept, strict=True)])),
            float(np.mean(skate)),
            float(np.mean([np.array(row)[places] for row, places in zip(skate, kept, strict=True)])),
        )


def measure_prompts(base: Lead, checks: dict[str, str], samples: int, keep: int, seed: int) -> Shares:
    """By the suite's checks."""
    right, skate, kept = [], [], []
    for prompt, text in checks.items():
        motions = base.generate([prompt] * samples, seconds=SECONDS, seed=seed)
        kept.append([score.place for score in base.rank(motions, prompt)[:keep]])
        right.append([shows(parse(text), motion) for motion in motions])
        skate.append([foot_skate_ratio(motion.joints, motion.fps) for motion in motions])
        print(f"{prompt}: {np.mean(right[-1]):.2f}, kept {np.array(right[-1])[kept[-1]].mean():.2f}", file=sys.stderr)
    return Shares.of(right, skate, kept)


def measure_style(
    base: Lead, folder: Path, judge: LinearJudge, samples: int, keep: int, seed: int
) -> tuple[Shares, Shares]:
    """By the linear judge and by the evaluator, over ACTIONS, each with TIMES seeds."""
    style, evaluator = folder.name.partition("-")[0], Evaluator.load()
    clips = [Motion.read(path) for path in sorted(folder.glob("*.bvh"))]
    concept = learn(base, clips, f"<{style}>", kind="style")
    rank = make_rank(base, [concept], concept.words)
    real = {name: np.stack([_embed_real(evaluator, name, one) for one in STYLES]) for name in ACTIONS.values()}
    linear, nearest, skate, kept = [], [], [], []
    for (action, content), one_seed in product(ACTIONS.items(), range(seed, seed + TIMES)):
        prompt = f"a person {action} in <{style}> style"
        motions = base.generate([prompt] * samples, seconds=SECONDS, words=concept.words, seed=one_seed)
        kept.append([score.place for score in rank(motions, prompt)[:keep]])
        features = [motion.features() for motion in motions]
        linear.append([bool(name == style) for name in judge.classify(features)])
        rows = np.linalg.norm(evaluator.embed_motions(features)[:, None] - real[content], axis=-1).argmin(axis=1)
        nearest.append([STYLES[row] == style for row in rows])
        skate.append([foot_skate_ratio(motion.joints, motion.fps) for motion in motions])
        print(f"{prompt}: {np.mean(linear[-1]):.2f}, {np.mean(nearest[-1]):.2f}", file=sys.stderr)
    return Shares.of(linear, skate, kept), Shares.of(nearest, skate, kept)


def _embed_real(evaluator: Evaluator, content: str, style: str) -> Any:
    """The mean embedding of real clips."""
    splits = ("train", "newstyle_eval", "compositional", "newstyle_exemplar", "test")
    rows = [row for split in splits for row in pack_rows(split)]
    found = [row for row in rows if (row["source"], row["content"], row["style"]) == ("bandai", content, style)]
    motions = [Motion(read_joints(row["id"])[:196], 20.0) for row in found[:CLIPS]]
    return evaluator.embed_motions([motion.features() for motion in motions]).mean(axis=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion.best_of", description=main.__doc__)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--keep", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--styles", type=Path, nargs="*", default=[])
    given = parser.parse_args(arguments)
    base, how = Lead.load(given.base), (given.samples, given.keep, given.seed)
    named = {"varied prompts": VARIED, "hard prompts": HARD}
    rows = {name: measure_prompts(base, checks, *how) for name, checks in named.items()}
    if given.styles:
        judge = train_linear_judge()
        for folder in given.styles:
            name = f"`<{folder.name.partition('-')[0]}>` in other actions"
            linear, nearest = measure_style(base, folder, judge, *how)
            rows |= {f"{name}, linear judge": linear, f"{name}, evaluator": nearest}
    print(f"| | all {given.samples} | first {given.keep} | kept {given.keep} | skate of all | skate of the kept |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, row in rows.items():
        figures = f"{row.all:.2f} | {row.first:.2f} | {row.kept:.2f} | {row.skate_all:.3f} | {row.skate_kept:.3f}"
        print(f"| {name} | {figures} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
