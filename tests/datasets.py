"""Small folders in the layouts of HumanML3D and KIT-ML, of synthetic walks."""

from pathlib import Path

import numpy as np
from walks import synthesize_walk

from lead.motion.features import Stats
from lead.motion.skeleton import HUMANML3D, Skeleton

TOKENS = "a/DET person/NOUN walk/VERB"


def authors_folder(out: Path, skeleton: Skeleton = HUMANML3D, clips: int = 10, tests: int = 1) -> Path:
    """`clips` walks and their mirrors: the last `tests` are for testing, the one before for validation, the rest train.

    Beside them, in `train.txt`: `crops` (two captions of parts, one too short a part), `half` (one caption of the whole
    with nan tags, one of a part), `short` and `long` (out of the rules), `holes` (NaN).
    """
    vectors, texts = out / "new_joint_vecs", out / "texts"
    for folder in (vectors, texts):
        folder.mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    training = []

    def add(name: str, seconds: float, captions: list[str], split: str) -> None:
        motion = synthesize_walk(seconds, skeleton.fps, seed=len(training))
        features = (motion.mirror() if name.startswith("M") else motion).features(skeleton)
        if name == "holes":
            features[7, 3] = np.nan
        np.save(vectors / f"{name}.npy", features)
        (texts / f"{name}.txt").write_text("".join(f"{caption}\n" for caption in captions))
        splits[split].append(name)
        if split == "train" and np.isfinite(features).all():
            training.append(features)

    frames = 42 if skeleton is HUMANML3D else 26
    for number in range(clips):
        split = "train" if number < clips - tests - 1 else "val" if number < clips - tests else "test"
        seconds = (frames + 3 * (number % 10)) / skeleton.fps
        for name, side in ((f"{number:06}", "left"), (f"M{number:06}", "right")):
            lines = [f"a person walks and looks {side} {number}#{TOKENS}#0.0#0.0", f"someone walks#{TOKENS}#0.0#0.0"]
            add(name, seconds, lines, split)
    add("crops", 9, [f"first#{TOKENS}#0.0#4.0", f"second#{TOKENS}#4.5#8.5", f"a blink#{TOKENS}#1.0#1.5"], "train")
    add("half", 9, [f"all of it#{TOKENS}#nan#nan", f"a part#{TOKENS}#2.0#6.0"], "train")
    add("short", (frames - 10) / skeleton.fps, [f"a person starts#{TOKENS}#0.0#0.0"], "train")
    add("long", 203 / skeleton.fps, [f"a person walks far#{TOKENS}#0.0#0.0", f"a part#{TOKENS}#1.0#6.0"], "train")
    add("holes", 6, [f"a person flickers#{TOKENS}#0.0#0.0"], "train")

    splits["all"] = [name for names in splits.values() for name in names]
    splits["train_val"] = splits["train"] + splits["val"]
    for split, names in splits.items():
        (out / f"{split}.txt").write_text("\n".join(names) + "\n")
    Stats.from_features(np.concatenate(training)).write(out)
    return out
