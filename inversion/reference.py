"""New motions of the kind that a clip shows: the clip stands in place of a prompt.

The realigned space is what makes this possible (LEAD, arXiv 2410.14508): E_proj puts a clip where its caption would be,
so its vector, made as long as a caption's, is the text condition of the denoiser. The motions are new performances, not
copies of the clip. Knows no concepts: a clip has no words.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from inversion.encoded_clips import pool_realigned
from inversion.errors import InversionError
from lead import Lead, Motion
from lead.data.dataset import MIN_FRAMES, UNIT

PLAIN = "a person walks forward"
"""A caption whose feature is as long as those of others, within a few per cent."""


@torch.no_grad()
def generate_like(
    base: Lead,
    clips: Sequence[Motion],
    *,
    seconds: Sequence[float],
    seeds: Sequence[int],
    steps: int | None = None,
    guidance: float | None = None,
    clean_feet: bool = True,
) -> list[Motion]:
    """A motion for each clip, of these lengths, from these seeds; `steps`, `guidance` and feet as in `Lead.generate`.

    Of a long clip the first 9.8 s count. Raises InversionError for a clip that is too short to be encoded, and for a
    length that the base does not make.
    """
    if not clips:
        return []
    shortest, longest = base.seconds_range
    if wrong := [s for s in seconds if not shortest <= s <= longest]:
        raise InversionError(f"{wrong[0]:g} s cannot be generated; this base makes {shortest:g} to {longest:g} s")
    text = encode_like(base, clips)
    lengths = torch.tensor([round(s * base.skeleton.fps / UNIT) * UNIT for s in seconds])
    noise, lengths = base.noise(lengths, seeds, 0), lengths.to(base.device)
    z = base.sample(text, lengths, noise, steps, guidance)
    return base.decode(base.projector.realign(z, lengths), lengths, clean_feet=clean_feet)


@torch.no_grad()
def encode_like(base: Lead, clips: Sequence[Motion]) -> Float[Tensor, "clips d_text"]:
    """What stands in place of the text features of prompts, for one or more clips.

    Raises InversionError for a clip that is too short to be encoded.
    """
    rate = base.skeleton.fps
    for clip in clips:
        if clip.seconds < (least := (MIN_FRAMES + 1) / rate):
            raise InversionError(f"a reference clip of {clip.seconds:.2f} s; at least {least:.2f} s are needed")
    pooled = pool_realigned(base, clips, [clip.features(base.skeleton) for clip in clips])
    features: Tensor = normalize(pooled, dim=-1) * base.encode_text([PLAIN]).norm()
    return features
