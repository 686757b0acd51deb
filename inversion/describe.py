"""What motions are like, in words: the nearest words, captions and concepts, and whether a caption already does it.

Motions are placed among texts by E_proj in the realigned space (`inversion.similarity.realigned`); several motions count
as their mean.  A concept is described by motions that are generated with it, and stands for others to be near to by the
motion that its file shows.  Motions are compared with it in the VAE's latents, which know manners that no text names:
real clips of seven styles and actions were all nearest, of 17 words, to the one learned from others of the same (in the
realigned space .79 of them).  Every similarity is a cosine.  Whether the base already does what the motions show is
told by generating, as before learning (`inversion.assess`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from concepts import Concept
from inversion.assess import MANNERS, nearest_caption
from inversion.encoded_clips import cut
from inversion.errors import InversionError
from inversion.similarity import realigned
from inversion.templates import ACTIONS
from lead import Lead
from lead.motion import Motion
from lead.motion.skeleton import JOINTS
from lead.text.lexicon import read_lexicon

MADE, SECONDS = 8, 4.0
"""Motions that a concept is described by."""


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
    """How far they are, as a multiple of what counts as doing it."""

    @property
    def known(self) -> bool:
        """Whether that caption does what the motions show."""
        return self.caption_gap < 1.0


def describe(
    base: Lead,
    motions: Sequence[Motion],
    concepts: Sequence[Concept] = (),
    captions: Sequence[str] | None = None,
    count: int = 5,
) -> Description:
    """The `count` nearest words, captions (of ours, unless others are given) and concepts.

    Raises InversionError for no motions, or for one that is too short.
    """
    if not motions:
        raise InversionError("there is no motion to describe; give at least one clip, or a concept")
    pieces, _ = cut(motions, base.skeleton.fps)
    place = placed(base, pieces)
    words, known = motion_words(), captions or our_captions()
    theirs = [mean_latent(base, cut([shown(base, concept)], base.skeleton.fps)[0]) for concept in concepts]
    caption, gap = nearest_caption(base, pieces)
    return Description(
        nearest(place, words, texts(base, words), count),
        nearest(place, known, texts(base, known), count),
        nearest(mean_latent(base, pieces), [concept.token for concept in concepts], torch.stack(theirs), count)
        if theirs
        else (),
        caption,
        gap,
    )


def made_with(base: Lead, concept: Concept, seed: int = 0) -> list[Motion]:
    """Motions generated with a concept, in the prompts that it was learned in."""
    prompts = [template.replace("{}", concept.token) for template in concept.templates] or [concept.probe_prompt]
    every = [prompts[row % len(prompts)] for row in range(MADE)]
    return base.generate(every, seconds=SECONDS, words=concept.words, seed=seed)


def shown(base: Lead, concept: Concept) -> Motion:
    """The motion in a concept's file, or one that is generated where it has none."""
    joints = concept.tensors.get("preview.joints")
    if joints is None or joints.shape[1] != len(JOINTS):
        return made_with(base, concept)[0]
    return Motion(joints.astype("float32"), concept.fps, name=concept.token)


@torch.no_grad()
def placed(base: Lead, pieces: Sequence[Motion]) -> Float[Tensor, "d_text"]:
    """Where motions lie among texts, on the mean."""
    return realigned(base, pieces).mean(dim=0)


@torch.no_grad()
def mean_latent(base: Lead, pieces: Sequence[Motion]) -> Float[Tensor, "d_latent"]:
    """The mean over motions of their mean latent token."""
    z, lengths = base.encode_motion(pieces)
    return base.projector.pool(z, lengths).mean(dim=0)


@torch.no_grad()
def texts(base: Lead, prompts: Sequence[str], batch: int = 256) -> Float[Tensor, "prompts d_text"]:
    """tau of any number of prompts."""
    return torch.cat([base.encode_text(prompts[row : row + batch]) for row in range(0, len(prompts), batch)])


def nearest(
    place: Float[Tensor, "d"], names: Sequence[str], features: Float[Tensor, "names d"], count: int
) -> tuple[Near, ...]:
    """The nearest of named features."""
    near = cosine_similarity(place[None], features, dim=-1)
    best = near.topk(min(count, len(names)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return tuple(Near(names[row], value) for row, value in pairs)


@cache
def motion_words() -> tuple[str, ...]:
    """Single words of motion language.

    Of the tower's 4,195 whole words most are of no motion: they had "kansas" and "salad" near a run.
    """
    phrases = read_lexicon().list_phrases()
    return tuple(sorted({word for phrase in phrases for word in re.findall(r"\b[a-z]{4,}\b", phrase)}))


@cache
def our_captions() -> tuple[str, ...]:
    """The actions that the base is asked for before learning, plainly and in each manner."""
    return tuple(f"a person {action} {manner}".strip() for action in ACTIONS for manner in ("", *MANNERS))
