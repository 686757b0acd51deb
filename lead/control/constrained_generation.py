"""Motions of prompts that meet constraints: led along a path where that is all, else steered, and then finished.

1. *Along a path.* Where a path is all that is asked for and the base's own motion goes along one, that motion is bent
   and timed to it (`follow_path`).
2. *Steered.* Else the noise of the best of several plain motions is steered to the constraints (`candidates`,
   `constrained_sampling`).
3. *Finished.* What is left is done by inverse kinematics (`finish`).
Conventions: meters, Y up; frames are the base's, from 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lead.control.candidates import CANDIDATES, choose
from lead.control.constrained_sampling import Guide
from lead.control.constraints import Constraint
from lead.control.finish import finish_motion
from lead.control.follow_path import find_lone_path, follow_path
from lead.control.reach import limit_to_body
from lead.control.targets import build_targets
from lead.errors import LeadError
from lead.generation import Progress, PromptBatch, generate_plain
from lead.motion import Motion
from lead.motion.skeleton import HUMANML3D, Skeleton


def generate_constrained(
    batch: PromptBatch, constraints: Sequence[Constraint], *, clean_feet: bool, progress: Progress | None
) -> list[Motion]:
    """A motion a prompt; all meet the constraints. Each motion's notes say what was lowered and what was far off."""
    skeleton = batch.base.skeleton
    check_steerable(batch.base.name, skeleton)
    constraints, notes = limit_to_body(constraints, int(batch.lengths.min()), skeleton.fps, batch.prompts)
    if find_lone_path(constraints):
        motions: list[Motion] = []
        tell = (lambda *_: progress(len(motions), len(batch))) if progress else None
        for row in range(len(batch)):
            motions.append(_lead_along_path(batch.select([row]), constraints, tell))
            if progress:
                progress(len(motions), len(batch))
    else:
        motions = _generate_steered(batch, constraints, progress)
    met = [finish_motion(motion, constraints, clean_feet=clean_feet) for motion in motions]
    return [replace(motion, notes=(*notes, *motion.notes)) for motion in met]


def check_steerable(name: str, skeleton: Skeleton) -> None:
    """LeadError for a base whose motions cannot be steered to constraints."""
    if skeleton is not HUMANML3D:
        raise LeadError(f"{name} makes motion of {skeleton.name}; constraints need a base of HumanML3D's")


def _lead_along_path(one: PromptBatch, constraints: Sequence[Constraint], tell: Progress | None) -> Motion:
    """The motion of one prompt led along a path; steered to it where it does not go along by itself.

    `tell` is called as it goes; what it raises ends the work.
    """
    base, fps = one.base, one.base.skeleton.fps

    def make(seconds: float) -> list[Motion]:
        lengths = torch.tensor([base.count_frames(seconds)], device=base.device)
        return generate_plain(replace(one, lengths=lengths), clean_feet=False, progress=tell)

    joints = follow_path(make, constraints, int(one.lengths) + 1, fps, base.seconds_range)
    if joints is None:
        return _generate_steered(one, constraints, tell)[0]
    return base.reconstruct([Motion(joints.astype(np.float32), fps)])[0]


def _generate_steered(batch: PromptBatch, constraints: Sequence[Constraint], progress: Progress | None) -> list[Motion]:
    """A motion a prompt, steered to the constraints and not finished."""
    motions: list[Motion] = []
    for part in batch.split():
        tell = partial(progress, len(motions), len(batch)) if progress else lambda: None
        guide = build_guide(part, constraints, tell)
        z = part.sample(_choose_noise(part, guide), guide.steer)
        part.check(z)
        motions += part.base.decode(guide.refine(part.complete(z)), part.lengths)
        if progress:
            progress(len(motions), len(batch))
    return motions


def build_guide(batch: PromptBatch, constraints: Sequence[Constraint], tell: Callable[[], None]) -> Guide:
    """What steers the sampling of a batch to the constraints, and calls `tell` as it goes."""
    decode = partial(batch.base.decode_features, lengths=batch.lengths)
    targets = [build_targets(constraints, frames, batch.base.skeleton.fps) for frames in batch.lengths.tolist()]
    return Guide(targets, lambda z: decode(batch.complete(z)), decode, tell)


def _choose_noise(batch: PromptBatch, guide: Guide) -> Float[Tensor, "batch latents d_latent"]:
    """The noise of the best candidate of each row."""
    drawn = batch.draw_noise(CANDIDATES)
    noise = drawn.reshape(len(batch), CANDIDATES, *drawn.shape[1:])
    best = []
    for row, targets in enumerate(guide.targets):
        candidates = batch.select([row] * CANDIDATES)
        latents = int(batch.base.vae.latent_lengths(candidates.lengths).max())
        z = candidates.complete(candidates.sample(noise[row, :, :latents]))
        features = batch.base.decode_features(z, candidates.lengths)
        best.append(noise[row, choose(features, targets, batch.prompts[row])])
    return torch.stack(best)
