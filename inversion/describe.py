"""What motions are like, in words: the nearest words, captions and concepts, and whether a caption already does it.

Motions are compared with texts in the realigned space (E_proj), with concepts in the VAE's latents; several motions
count as their mean. A concept is described by motions that are generated with it; others are compared with the motion
in its file. The VAE's latents know styles that no text names: real clips of seven styles and actions were all nearest,
of 17 concepts, to the one learned from other clips of the same (in the realigned space .79 of them).
Every similarity is a cosine. Whether the base already does what the motions show is measured by generating, as
`inversion.assess` does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity

from concepts import Concept
from inversion.assess import find_nearest_caption
from inversion.encoded_clips import EncodedClips
from inversion.errors import InversionError
from inversion.templates import ACTIONS, STYLES, action_to_caption
from lead import Lead
from lead.motion import Motion
from lead.motion.skeleton import JOINTS
from lead.text.lexicon import read_lexicon

SAMPLES, SAMPLE_SECONDS = 8, 4.0
"""Motions that a concept is described by, and their duration."""
TEXT_BATCH = 256
CAPTIONS = tuple(action_to_caption(action, style) for action in ACTIONS for style in ("", *STYLES))


@dataclass(frozen=True)
class Near:
    """A word, a caption or a concept's token."""

    text: str
    similarity: float
    """Cosine: of words and captions in the realigned space, of concepts in the VAE's latents."""


@dataclass(frozen=True)
class Description:
    """What some motions are like; the nearest first."""

    words: tuple[Near, ...]
    captions: tuple[Near, ...]
    concepts: tuple[Near, ...]
    caption: str
    """The caption whose generations come nearest to the motions."""
    caption_gap: float
    """Their distance, as a multiple of what counts as known."""

    @property
    def known(self) -> bool:
        """Whether that caption does what the motions show."""
        return self.caption_gap < 1.0


@torch.no_grad()
def describe(
    base: Lead,
    encoded: EncodedClips,
    concepts: Sequence[Concept] = (),
    captions: Sequence[str] | None = None,
    count: int = 5,
) -> Description:
    """The `count` nearest words, captions (of CAPTIONS, unless others are given) and concepts.

    Raises InversionError for no motions, or for one that is too short.
    """
    if not encoded.clips:
        raise InversionError("there is no motion to describe; give at least one clip, or a concept")
    encoded.check(base.skeleton.fps)
    place, words, known = encoded.pooled.mean(dim=0), list_words(), captions or CAPTIONS
    near_concepts: tuple[Near, ...] = ()
    if concepts:
        latents = torch.stack([concept_latent(base, concept) for concept in concepts])
        own = mean_latent(base, encoded.z, encoded.lengths)
        near_concepts = rank_nearest(own, [concept.token for concept in concepts], latents, count)
    caption, gap = find_nearest_caption(base, encoded)
    return Description(
        rank_nearest(place, words, encode_texts(base, words), count),
        rank_nearest(place, known, encode_texts(base, known), count),
        near_concepts,
        caption,
        gap,
    )


def generate_examples(base: Lead, concept: Concept, seed: int = 0) -> list[Motion]:
    """Motions generated with a concept, from the prompts that it was learned in."""
    prompts = [template.replace("{}", concept.token) for template in concept.templates] or [concept.probe_prompt]
    every = [prompts[row % len(prompts)] for row in range(SAMPLES)]
    return base.generate(every, seconds=SAMPLE_SECONDS, words=concept.words, seed=seed)


def find_example(base: Lead, concept: Concept) -> Motion:
    """The motion in a concept's file, or one that is generated where it has none."""
    joints = concept.tensors.get("preview.joints")
    if joints is None or joints.shape[1] != len(JOINTS):
        return generate_examples(base, concept)[0]
    return Motion(joints.astype("float32"), concept.fps, name=concept.token)


@torch.no_grad()
def concept_latent(base: Lead, concept: Concept) -> Float[Tensor, "d_latent"]:
    """The mean latent of a concept's example."""
    return mean_latent(base, *base.encode_motion([find_example(base, concept).resample(base.skeleton.fps)]))


def mean_latent(
    base: Lead, z: Float[Tensor, "pieces latents d_latent"], lengths: Int[Tensor, "pieces"]
) -> Float[Tensor, "d_latent"]:
    """The mean over motions of their mean latents."""
    return base.projector.pool(z, lengths).mean(dim=0)


def list_words() -> tuple[str, ...]:
    """Single words that describe motion, sorted.

    Most of the text tower's 4,195 whole words do not: "kansas" and "salad" came out near a run.
    """
    phrases = read_lexicon().list_phrases()
    return tuple(sorted({word for phrase in phrases for word in re.findall(r"\b[a-z]{4,}\b", phrase)}))


@torch.no_grad()
def encode_texts(base: Lead, prompts: Sequence[str]) -> Float[Tensor, "prompts d_text"]:
    """tau of any number of prompts."""
    starts = range(0, len(prompts), TEXT_BATCH)
    return torch.cat([base.encode_text(prompts[start : start + TEXT_BATCH]) for start in starts])


def rank_nearest(
    place: Float[Tensor, "d"], names: Sequence[str], features: Float[Tensor, "names d"], count: int
) -> tuple[Near, ...]:
    """The `count` names whose features have the greatest cosine to `place`, the nearest first."""
    cosines = cosine_similarity(place[None], features, dim=-1)
    best = cosines.topk(min(count, len(names)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return tuple(Near(names[row], value) for row, value in pairs)
