"""New training clips from old: procedural variations of style, and mirrors.

`vary_data` adds two splits to a data set of HumanML3D's features. `train_varied`: clips in other styles, captioned in
words or by a style token (STYLE_TOKEN). `train_mirrored`: mirrored clips; only plain mirrors have captions, left and
right exchanged, where `lead.data.mirror_captions` allows them. Knows nothing of models.

`train_varied.txt`, `manners.npz` (each variation's style parameters) and the text of STYLE_TOKEN are file formats:
their names stay.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.data.layout import (
    MIN_CLIP_FRAMES,
    MIRRORED,
    STYLE_PARAMS_FILE,
    STYLE_TOKEN,
    VARIED,
    read_rules,
    read_whole_captions,
    write_captions,
    write_description,
    write_split,
)
from lead.data.mirror_captions import mirror_captions
from lead.data.pack import load_packed
from lead.errors import LeadError
from lead.motion.features import features_to_joints, joints_to_features
from lead.motion.processing.edit import mirror_joints, replace_upper_body
from lead.motion.processing.style_augment import (
    StyleParams,
    apply_style,
    draw_described_style,
    draw_style,
    style_params_to_vector,
)
from lead.motion.skeleton import HUMANML3D

Progress = Callable[[int, int], None]
"""Called with the number of clips done and of all clips."""
Joints = Float[np.ndarray, "_ 22 3"]
"""Joints of a clip of any length, in meters."""


class _Variations:
    """What is written into a data set, clip by clip; all draws come from one generator, in the order of the calls."""

    def __init__(self, data: Path, joints: Sequence[Joints], seed: int) -> None:
        self.data, self.joints, self.rng = data, joints, np.random.default_rng(seed)
        self.varied: list[str] = []
        self.mirrored: list[str] = []
        self.style_params: dict[str, Float[np.ndarray, " params"]] = {}

    def add_varied(self, copy: int, clip: str, joints: Joints, captions: Sequence[str]) -> None:
        """Every second copy has a style that words describe; the others any style, told by the style token alone."""
        params, phrases = draw_described_style(self.rng) if copy % 2 == 0 else (draw_style(self.rng), ())
        name = f"V{copy}_{clip}"
        if self._save(name, joints, params):
            worded = [_append_phrases(caption, phrases) for caption in captions if phrases]
            by_token = [_append_phrases(caption, (f"in {STYLE_TOKEN} style",)) for caption in captions]
            write_captions(self.data / "texts" / f"{name}.txt", worded + by_token)
            self.varied.append(name)
            self.style_params[name] = style_params_to_vector(params)

    def add_mirrored(self, copy: int, clip: str, joints: Joints) -> None:
        """Copy 0 is a plain mirror; others have any style, every second one the upper body of another clip."""
        other = self.joints[int(self.rng.integers(len(self.joints)))]
        base = mirror_joints(replace_upper_body(joints, other) if copy % 2 else joints)
        name = f"M{copy}_{clip}"
        if self._save(name, base, draw_style(self.rng) if copy else StyleParams()):
            self.mirrored.append(name)

    def _save(self, name: str, joints: Joints, params: StyleParams) -> bool:
        """Writes the variation's features; whether it is long enough to count."""
        features = joints_to_features(apply_style(joints, params, seed=int(self.rng.integers(1 << 31))))
        np.save(self.data / "new_joint_vecs" / f"{name}.npy", features)
        return len(features) >= MIN_CLIP_FRAMES


def vary_data(data: Path, copies: int = 8, seed: int = 0, progress: Progress | None = None) -> Mapping[str, int]:
    """Adds `copies` variations of every training clip and as many mirrors; the number of clips of both splits.

    Raises LeadError where the data set has not HumanML3D's features.
    """
    data = Path(data)
    rules, found = read_rules(data), load_packed(data, "train")
    if rules.skeleton is not HUMANML3D:
        raise LeadError(f"{data} has no 22-joint motion: only HumanML3D's features are varied")
    write_description(data, rules)
    joints = [features_to_joints(part) for part in np.split(found.frames, np.cumsum(found.lengths)[:-1])]
    usable = [i for i, clip in enumerate(joints) if len(clip) > MIN_CLIP_FRAMES]
    variations = _Variations(data, [joints[i] for i in usable], seed)
    for done, index in enumerate(usable):
        for copy in range(copies):
            variations.add_varied(copy, found.ids[index], joints[index], found.captions[index])
            variations.add_mirrored(copy, found.ids[index], joints[index])
        if progress:
            progress(done + 1, len(usable))
    np.savez(data / STYLE_PARAMS_FILE, **variations.style_params)  # type: ignore[arg-type]  # numpy's stub: allow_pickle
    write_split(data, VARIED, variations.varied)
    write_split(data, MIRRORED, variations.mirrored)
    caption_mirrors(data)
    return {VARIED: len(variations.varied), MIRRORED: len(variations.mirrored)}


def caption_mirrors(data: Path) -> int:
    """Captions the plain mirrors (`M0_<id>`) of training clips, sides exchanged, where they may have captions.

    Returns how many have them.
    """
    data, found = Path(data), load_packed(Path(data), "train")
    splits = {path.stem: path.read_text().split() for path in data.glob("*.txt")}
    trained = {name for split, ids in splits.items() if split.startswith("train") or split == "val" for name in ids}
    judged = {name for ids in splits.values() for name in ids} - trained
    known = {caption.lower() for captions in found.captions for caption in captions}
    held = {caption.lower() for name in judged for caption in read_whole_captions(data, name)}
    mirrors, count = set(splits[MIRRORED]), 0
    for name, captions in zip(found.ids, found.captions, strict=True):
        swapped = mirror_captions(captions, known, held) if f"M0_{name}" in mirrors else ()
        path = data / "texts" / f"M0_{name}.txt"
        if swapped:
            write_captions(path, swapped)
            count += 1
        else:
            path.unlink(missing_ok=True)
    return count


def _append_phrases(caption: str, phrases: Sequence[str]) -> str:
    return " ".join([caption.rstrip(" ."), *phrases])
