"""One motion of a timeline's segments, denoised together, and steered where there are constraints.

`timeline_sampling` says which latents each network's window sees; here they get prompts, concepts, noise and the
decoder. Conventions: meters, Y up; frames are the base's, from 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from lead.conditioning import ActiveConcept, Words, add_directions, check_latents, mix_adapters
from lead.control.constrained_generation import check_steerable
from lead.control.constrained_sampling import Guide
from lead.control.constraints import Constraint
from lead.control.finish import finish_motion
from lead.control.reach import limit_to_body
from lead.control.targets import build_targets
from lead.control.timeline import Timeline
from lead.control.timeline_sampling import Plan, Windows, decode_in_windows, join_windows, plan_timeline
from lead.data.dataset import MAX_FRAMES
from lead.diffusion import Network
from lead.diffusion import sample as sample_latents
from lead.errors import LeadError
from lead.generation import Progress, Sampling, encode_prompts
from lead.motion import Motion
from lead.parts import LeadParts

MOST_STEERED_SECONDS = 60.0
"""Of a timeline with constraints, which is decoded some 300 times."""


def generate_timeline(
    base: LeadParts,
    timeline: Timeline,
    words: Words,
    seed: int,
    sampling: Sampling,
    constraints: Sequence[Constraint],
    conditions: Mapping[int, Float[Tensor, " d_text"]],
    clean_feet: bool,
    progress: Progress | None,
) -> Motion:
    """The motion of `Lead.generate_timeline`, which says what the parameters are."""
    plan, prompts, notes = plan_for_base(base, timeline), timeline.prompts, list[str]()
    if constraints:
        _check_steerable(base, plan)
        constraints, notes = limit_to_body(constraints, plan.frames, base.skeleton.fps, prompts)
    steps = sampling.steps or base.config.diffusion.sampling_steps
    done = 0

    def tell(now: int | None = None, of: int = steps) -> None:
        nonlocal done
        done = done if now is None else now
        if progress:
            progress(done, of)

    text, concepts = encode_prompts(base, prompts, words)
    for place, condition in conditions.items():
        text[place] = condition
    network = join_windows(_list_networks(base, plan, text, concepts, sampling, steps), steps, tell)
    noise = _draw_noise(base, plan, timeline, seed)
    by_segment = add_directions(noise.new_zeros(len(prompts), 1, noise.shape[-1]), concepts)[:, 0]
    directions = plan.shares.to(by_segment) @ by_segment

    def decode(z: Tensor) -> Tensor:
        return _decode(base, plan, z, sampling.realign)

    steer, refine = None, None
    if constraints:
        targets = [build_targets(constraints, plan.frames, base.skeleton.fps)]
        guide = Guide(targets, lambda z: decode(z + directions), decode, tell)
        steer, refine = guide.steer, guide.refine
    z = sample_latents(base.diffusion, network, noise, steps, sampling.sampler, steer=steer) + directions
    for latents, prompt in zip(torch.split(z[0], plan.own_latents.tolist()), prompts, strict=True):
        check_latents(latents[None], [prompt])
    features = decode(refine(z) if refine else z)[0].cpu().numpy()
    motion = base.to_motion(features, clean_feet and not constraints)
    if constraints:
        motion = finish_motion(motion, constraints, clean_feet=clean_feet)
    marks = (*plan.mark(prompts, base.skeleton.fps), *motion.marks)
    return replace(motion, marks=marks, notes=(*notes, *motion.notes))


def plan_for_base(base: LeadParts, timeline: Timeline) -> Plan:
    """The windows of a timeline in a base's latents; LeadError for what the base does not make."""
    return plan_timeline(timeline, base.skeleton.fps, base.config.vae.frames_per_latent, MAX_FRAMES)


def _check_steerable(base: LeadParts, plan: Plan) -> None:
    """LeadError for a base and a timeline that cannot be steered to constraints."""
    check_steerable(base.name, base.skeleton)
    if plan.frames > MOST_STEERED_SECONDS * base.skeleton.fps:
        asked = plan.frames / base.skeleton.fps
        raise LeadError(f"{asked:g} s with constraints; at most {MOST_STEERED_SECONDS:g} s: make several timelines")


def _list_networks(
    base: LeadParts,
    plan: Plan,
    text: Float[Tensor, "segments d_text"],
    concepts: Sequence[ActiveConcept],
    sampling: Sampling,
    steps: int,
) -> list[tuple[Windows, Network]]:
    """The windows, `sampling.batch` at a time, each with the network that sees its prompts and concepts."""
    parts = []
    for windows in plan.split(sampling.batch, base.device):
        unguided = base.text.encode_unconditional().expand(len(windows), -1)
        rows, guidance = (windows.shares @ text, sampling.guidance) if windows.guided else (unguided, 1.0)
        adapters = mix_adapters(concepts, windows.shares)
        parts.append((windows, base.denoise(rows, windows.lengths, steps, guidance, adapters)))
    return parts


def _draw_noise(base: LeadParts, plan: Plan, timeline: Timeline, seed: int) -> Float[Tensor, "1 latents d_latent"]:
    """The noise of all latents: a segment's from its own seed, or else from `seed` and its place."""
    lengths = plan.own_latents[:, None] * plan.per
    noise = [
        base.noise(own, seed if segment.seed is None else segment.seed, place if segment.seed is None else 0)[0]
        for place, (own, segment) in enumerate(zip(lengths, timeline.segments, strict=True))
    ]
    return torch.cat(noise)[None]


def _decode(
    base: LeadParts, plan: Plan, z: Float[Tensor, "1 latents d_latent"], realign: bool
) -> Float[Tensor, "1 frames feats"]:
    """Features of a whole timeline's latents; gradients flow to these."""

    def decode(z: Tensor, lengths: Tensor) -> Tensor:
        return base.decode_features(base.projector.realign(z, lengths) if realign else z, lengths)

    return decode_in_windows(decode, z[0], plan.frames, plan.per, MAX_FRAMES)[None]
