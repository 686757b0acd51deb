"""Restyling: an existing clip in the style of a concept, on its own path and in its own time.

The latents z of the clip are noised to the level of a sampling step and denoised twice from the same noise: under the
clip's caption in the concept's style, and under the caption alone. The difference is what the style changes:

    z' = z + mean over draws of the noise of (denoise(z_t, styled) - denoise(z_t, plain))

What both denoise alike stays as it was recorded: errors of the base cancel out. More noise changes more of the motion.
Source: the difference of two predictions from shared noise, as in delta denoising score (Hertz et al., arXiv
2304.07090), here of whole samples. A long clip is restyled in pieces that overlap and are joined.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from concepts import Concept
from inversion.encoded_clips import encode_clips
from inversion.errors import InversionError
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.conditioning import activate_concepts, add_directions, check_latents, select_adapters
from lead.data.dataset import MAX_FRAMES, UNIT
from lead.motion import Motion
from lead.motion.processing.join import cross_fade, place_after

NOISE = 0.5
"""The level that latents are noised to, as a share of the diffusion's steps."""
DRAWS = 4
"""Draws of the noise, whose differences are averaged."""
OVERLAP = 16
"""Frames that pieces of a long clip share."""


@torch.no_grad()
def restyle(
    base: Lead,
    clip: Motion,
    concept: Concept,
    *,
    strength: float = 1.0,
    caption: str = "",
    noise: float = NOISE,
    draws: int = DRAWS,
    seed: int = 0,
    clean_feet: bool = True,
    shared: bool = True,
) -> Motion:
    """The clip in the concept's style, on the base's skeleton and at its rate, from the clip's place and heading.

    `caption` says what the clip shows, without a token; by default it is recognized. The result's `notes` are the
    captions that the clip was taken for. `strength` is the concept's, as in a prompt. `shared=False` leaves the plain
    denoising out: a baseline, SDEdit (Meng et al., arXiv 2108.01073). Raises InversionError for a concept of an action,
    for a clip that is too short, and for a level of noise that is not above 0 and at most 1.
    """
    if concept.kind == "action":
        raise InversionError(
            f"{concept.token} is an action; a clip can take on a style or a persona. To have the action in a style, "
            f'generate it: "a person does {concept.token} slowly"'
        )
    if not 0 < noise <= 1:
        raise InversionError(f"noise {noise:g}: expected a level above 0 and at most 1")
    at_rate, caption = clip.resample(base.skeleton.fps), caption.strip()
    frames = len(at_rate.joints)
    held = np.repeat(at_rate.joints[-1:], UNIT + 1, axis=0)  # what the base reads in whole units is cut off again
    pieces = _cut(replace(at_rate, joints=np.concatenate([at_rate.joints, held])))
    encoded = encode_clips(base, pieces, [caption] * len(pieces) if caption else None)
    word = concept.token if strength == 1.0 else f"({concept.token}:{strength:g})"
    styled = [prompts[0].replace("{}", word) for prompts in fill_templates(concept.kind, encoded.actions)]
    plain = [action_to_caption(action) for action in encoded.actions]
    z, lengths = encoded.z, encoded.lengths
    prompts = plain * draws + styled * draws if shared else styled * draws
    denoised = _denoise(base, z, lengths, prompts, concept, noise, base.noise(lengths.repeat(draws), seed, 0))
    *before, after = denoised.reshape(-1, draws, *z.shape)
    z = z + (after - (before[0] if before else z)).mean(dim=0)
    check_latents(z, styled)
    restyled = base.decode(base.projector.realign(z, lengths), lengths, clean_feet=clean_feet)
    joints = place_after(pieces[0].on_one_skeleton().joints[0], restyled[0].joints)
    for piece in restyled[1:]:
        placed = place_after(joints[-OVERLAP], piece.joints)
        faded = cross_fade(joints[-OVERLAP:], placed[:OVERLAP])
        joints = np.concatenate([joints[:-OVERLAP], faded, placed[OVERLAP:]])
    joints = joints[:frames].astype(np.float32)
    return replace(restyled[0], joints=joints, rig=clip.rig, name=clip.name, notes=tuple(dict.fromkeys(plain)))


def _cut(clip: Motion) -> list[Motion]:
    """Pieces that the base can read, of equal length but for the last; neighbors share OVERLAP frames."""
    frames = len(clip.joints) - 1
    if frames <= MAX_FRAMES:
        return [clip]
    count = -(-(frames - OVERLAP) // (MAX_FRAMES - OVERLAP))
    length = -(-((frames - OVERLAP) / count + OVERLAP) // UNIT) * UNIT
    starts = [int(place * (length - OVERLAP)) for place in range(count)]
    return [replace(clip, joints=clip.joints[start : start + int(length) + 1]) for start in starts]


def _denoise(
    base: Lead,
    z: Float[Tensor, "pieces latents d_latent"],
    lengths: Int[Tensor, " pieces"],
    prompts: list[str],
    concept: Concept,
    noise: float,
    eps: Float[Tensor, "drawn latents d_latent"],
) -> Float[Tensor, "rows latents d_latent"]:
    """The latents noised to a level and denoised again, a row a prompt; the concept acts where a prompt names it.

    The pieces follow one another in the rows, again and again, and so do the draws of the noise.
    """
    z, lengths = z.repeat(len(prompts) // len(z), 1, 1), lengths.repeat(len(prompts) // len(lengths))
    eps = eps.repeat(len(prompts) // len(eps), 1, 1)
    steps = base.config.diffusion.sampling_steps
    times = base.diffusion.sampling_times(steps)[:-1]
    skip = min(int((times > noise * base.config.diffusion.steps).sum()), steps - 1)
    z_t = base.diffusion.add_noise(z, times[skip].expand(len(z)).to(z.device), eps)
    active = activate_concepts(base.text, prompts, concept.words)
    text = base.encode_text(prompts, concept.words)
    sampled = base.sample(text, lengths, z_t, adapters=select_adapters(active), skip=skip)
    return add_directions(sampled, active)
