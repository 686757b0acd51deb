"""How rigid generated bodies are: bone lengths of motions with and without concepts, as made and as read from files.

    python -m benchmarks.bases.bones [--base PATH]

A style (elderly walks) and an action (a kick) are learned from the pack's exemplars. Each of 50 plain prompts of the
suite is generated four times: without concepts, with the style, with the action, and with both in one prompt; strengths
go from 0 to 1.5. Each of these 200 motions is written to BVH, GLB and NPZ and read again. Figures are the largest of
all motions and bones, relative to the bone's mean length over all motions: how much a bone's length changes within a
motion, how much it differs anywhere in all motions, and how much left differs from right.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.bases.card import BONES, format_bones
from benchmarks.pack import pack_folder
from inversion import learn
from lead import Lead, Motion
from lead.conditioning import Words
from lead.errors import LeadError
from lead.eval.prompt_suite import read_kinds
from lead.motion.skeleton import MIRROR, bone_lengths

PROMPTS = 50
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
SECONDS = (2.0, 4.0, 8.0)
STYLE, ACTION = "<elderly>", "<kick>"
FILES = ("bvh", "glb", "npz")
ROWS = ("as made", *(f"read from {suffix.upper()}" for suffix in FILES))


def learn_concepts(base: Lead) -> Words:
    """A style and an action, by the defaults, as `Lead.generate` takes them."""
    folders = pack_folder() / "exemplars"
    style, action = (
        [Motion.read(path) for path in sorted((folders / name).glob("*.bvh"))] for name in ("elderly-walk", "kick")
    )
    return {**learn(base, style, STYLE, kind="style").words, **learn(base, action, ACTION, kind="action").words}


def make_prompts() -> tuple[list[str], list[float]]:
    """All prompts with their seconds; 50 plain ones of the suite, spread over its kinds, in four ways each."""
    kinds = read_kinds()
    plain = [kinds[place].prompts[0] for place in np.linspace(0, len(kinds) - 1, PROMPTS).round().astype(int)]
    prompts: list[str] = []
    for place, text in enumerate(plain):
        style, action = (STRENGTHS[(place * step) % len(STRENGTHS)] for step in (1, 3))
        styled, acted = f"{text} in ({STYLE}:{style:g}) style", f"does ({ACTION}:{action:g})"
        prompts += [text, styled, f"{text} and {acted}", f"{styled} and {acted}"]
    return prompts, [SECONDS[place // 4 % len(SECONDS)] for place in range(len(prompts))]


def measure_bones(base: Lead, words: Words | None = None) -> dict[str, dict[str, float]]:
    """BONES by ROWS, and how many motions; `words` are learned unless they are given."""
    prompts, seconds = make_prompts()
    motions = base.generate(prompts, seconds=seconds, words=learn_concepts(base) if words is None else words)
    result = {ROWS[0]: compare_lengths(motions)}
    with tempfile.TemporaryDirectory() as folder:
        for row, suffix in zip(ROWS[1:], FILES, strict=True):
            result[row] = compare_lengths(
                [write_and_read(motion, Path(folder) / f"one.{suffix}") for motion in motions]
            )
    return result


def write_and_read(motion: Motion, path: Path) -> Motion:
    motion.save(path)
    return Motion.read(path)


def compare_lengths(motions: Sequence[Motion]) -> dict[str, float]:
    """BONES of motions, and how many they are."""
    lengths = [bone_lengths(motion.joints.astype(np.float64))[:, 1:] for motion in motions]
    mean = np.concatenate(lengths).mean(axis=0)
    mirrored = np.array(MIRROR[1:]) - 1
    return {
        "motions": len(motions),
        BONES[0]: max(float((_spread(rows) / mean).max()) for rows in lengths),
        BONES[1]: float((_spread(np.concatenate(lengths)) / mean).max()),
        BONES[2]: max(float((np.abs(rows - rows[:, mirrored]) / mean).max()) for rows in lengths),
    }


def _spread(lengths: Float[np.ndarray, "frames bones"]) -> Float[np.ndarray, " bones"]:
    spread: Float[np.ndarray, " bones"] = lengths.max(axis=0) - lengths.min(axis=0)
    return spread


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.bones", description=main.__doc__)
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    options = parser.parse_args(arguments)
    try:
        print(format_bones(measure_bones(Lead.load(options.base))))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
