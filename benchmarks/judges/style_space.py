"""Fits the style space of reports (`inversion.judgement.style_space`) to the pack's train split.

    python -m benchmarks.judges.style_space            # writes inversion/judgement/style_space.safetensors (a minute)

Classes are the nine acted styles, and 90 procedural styles of `lead.motion.processing.style_augment`, each of them
applied to a clip of every content of one actor. What differs within a class (content, take, cut, mirror) is divided
out. Contents have equal weights within a class, and classes have equal weights. Elderly, exhausted and the few-shot
styles are in no split that is read here.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors.numpy import save_file

from benchmarks.pack import Row, pack_rows, read_joints
from inversion.judgement.style_space import FILE
from inversion.similarity import embed
from lead.data.dataset import MAX_FRAMES
from lead.eval.evaluator import Evaluator
from lead.motion.features import joints_to_features
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.style_augment import apply_style, draw_style

ACTORS = ("normal", "masculine", "youthful", "feminine", "active")
"""Styles whose clips procedural styles are applied to."""
PROCEDURAL, TAKES, DIMENSIONS, SHRINK = 90, 12, 20, 0.3
SHORTEST = 30  # frames of a cut


def draw_clips(seed: int = 0) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Joints, the name of each one's class, and its content."""
    rng = np.random.default_rng(seed)
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in pack_rows("train", source="bandai"):
        cells[row["style"], row["content"]].append(row)
    joints, styles, contents = [], [], []
    for (style, content), rows in sorted(cells.items()):
        for place in rng.permutation(len(rows))[:TAKES]:
            joints.append(_cut(read_joints(rows[place]["id"]), rng, True))
            styles.append(style)
            contents.append(content)
    for number in range(PROCEDURAL):
        params, actor = draw_style(rng), ACTORS[number % len(ACTORS)]
        for (style, content), rows in sorted(cells.items()):
            if style == actor:
                source = read_joints(rows[rng.integers(len(rows))]["id"])
                varied = apply_style(source, params, seed=int(rng.integers(1 << 30)))
                joints.append(_cut(varied.astype(np.float32), rng, params.asymmetry == 0))
                styles.append(f"{actor} {number}")
                contents.append(content)
    return joints, np.array(styles), np.array(contents)


def _cut(joints: np.ndarray, rng: np.random.Generator, symmetric: bool) -> np.ndarray:
    """A part of a clip, half of the times mirrored."""
    keep = min(len(joints), max(SHORTEST, int(len(joints) * rng.uniform(0.5, 1.0))))
    start = rng.integers(0, len(joints) - keep + 1)
    part = joints[start : start + keep][:MAX_FRAMES]
    return mirror_joints(part) if symmetric and rng.random() < 0.5 else part


def fit(
    rows: Float[np.ndarray, "clips d"], styles: np.ndarray, contents: np.ndarray
) -> tuple[Float[np.ndarray, "d k"], dict[str, Float[np.ndarray, " d"]]]:
    """The projection whose classes are farthest apart in units of the spread within them, and the classes' centers."""
    within, centers = np.zeros((rows.shape[1],) * 2), {}
    for name in sorted(set(styles)):
        part, of = rows[styles == name], contents[styles == name]
        weight = np.array([1.0 / (of == content).sum() for content in of])
        weight /= weight.sum()
        centers[name] = weight @ part
        within += ((part - centers[name]) * weight[:, None]).T @ (part - centers[name])
    within /= len(centers)
    within = (1 - SHRINK) * within + SHRINK * np.diag(np.diag(within))
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    between = np.cov(np.array(list(centers.values())).T)
    _, vectors = np.linalg.eigh(inverse @ between @ inverse.T)
    return inverse.T @ vectors[:, ::-1][:, :DIMENSIONS], centers


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judges.style_space", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--output", type=Path, default=FILE)
    output = parser.parse_args(arguments).output
    joints, styles, contents = draw_clips()
    embeddings = embed(Evaluator.load(), [joints_to_features(one) for one in joints])
    rows = np.concatenate([embeddings.posture, embeddings.meaning], axis=1)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    projection, centers = fit((rows - mean) / scale, styles, contents)
    acted = [center @ projection for name, center in centers.items() if not name[-1].isdigit()]
    tensors = {"mean": mean, "scale": scale, "projection": projection, "centers": np.array(acted)}
    save_file(
        {name: np.ascontiguousarray(tensor, dtype=np.float32) for name, tensor in tensors.items()},
        output,
        {"license": "CC BY-NC-SA 4.0", "from": "benchmarks/judges/style_space.py"},
    )
    print(f"{output}: {len(joints)} clips, {len(centers)} styles, {output.stat().st_size / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
