"""Motion textual inversion: a few clips to a concept.

Everything is frozen but the word's vectors.  For a style or a persona they are sought first among the base's own
made-up words for manners, v = mean + W p, plus a free part; for an action they are free.  Each step draws exemplars,
prompts, times and noise at once; a fixed draw decides which step's vectors are kept.
The mathematics of the objectives is in `inversion.objectives`, the prompts in `inversion.templates`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from concepts import Concept, Exemplar, check_token, thin_curve
from inversion.errors import InversionError
from inversion.objectives import Draw, Objective, objective_loss
from inversion.templates import Kind, caption_to_action, shown_actions, templates
from lead import Lead
from lead.data import MAX_FRAMES
from lead.model import MIN_FRAMES
from lead.motion import Motion

Progress = Callable[[int, int, float], None]

BATCH = 64
CHECK_EVERY = 10
FREE_SHARE = 0.1
"""The free part's rate beside a manner: enough to fine-tune, too little to leave what the base has learnt to hear."""
MANNER_SHARE = 5.0
"""A manner's numbers are of unit spread, an embedding's are not."""
PREVIEW_FRAMES = 60


class _Word(nn.Module):
    """The vectors that are learnt: free, or within the base's space of manners plus a free part."""

    def __init__(self, base: Lead, start: Tensor, manners: bool):
        super().__init__()
        self.free = nn.Parameter(torch.zeros_like(start))
        self.start = start
        self.manner = nn.Parameter(torch.zeros(base.manners.config.params)) if manners else None
        self.map = base.manners.map

    def forward(self) -> Tensor:
        v = self.start + self.free
        if self.manner is not None:
            v = v + torch.einsum("p,pvd->vd", self.manner, self.map)
        return v


def learn(
    base: Lead,
    clips: Sequence[Motion],
    token: str,
    *,
    init: str | None = None,
    kind: Kind = "style",
    objective: Objective = "noise",
    steps: int = 200,
    vectors: int = 2,
    seed: int = 0,
    captions: Sequence[str] | None = None,
    rate: float = 0.05,
    progress: Progress | None = None,
) -> Concept:
    """The concept that clips show.

    `captions` say what each clip shows (one a clip, without the word); without them the action is recognised.
    `init` is a phrase that the word starts from.  Ctrl-C ends the search; the best word so far is returned, and
    `Concept.steps` says how many steps were made.  The same seed gives the same concept.
    Raises InversionError for clips that are missing or too short, ConceptError for a bad token.
    """
    _check(clips, token, objective, steps, vectors, captions)
    windows, owners = _windows(clips, base.skeleton.fps)
    actions = [caption_to_action(c) for c in captions] if captions else shown_actions(base, windows)
    if captions:
        actions = [actions[owner] for owner in owners]
    prompts = templates(kind, actions)
    with torch.no_grad():
        z, lengths = base.encode_motion(windows)

    manners = kind != "action" and init is None and vectors == base.manners.config.vectors
    word = _Word(base, _start(base, init, vectors, manners), manners)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(
        [{"params": [word.free], "lr": rate * (FREE_SHARE if manners else 1.0)}]
        + ([{"params": [word.manner], "lr": rate * MANNER_SHARE}] if word.manner is not None else [])
    )
    fixed = _draw(base, z, lengths, prompts, 4 * BATCH, torch.Generator().manual_seed(seed + 1))
    curve, best = [], (_evaluate(base, objective, fixed, token, word()), word().detach().clone(), 0)
    first, done = best[0], 0
    try:
        for step in range(steps):
            loss = _loss(base, objective, _draw(base, z, lengths, prompts, BATCH, generator), token, word())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done = step + 1
            curve.append(loss.item())
            if done % CHECK_EVERY == 0 or done == steps:
                score = _evaluate(base, objective, fixed, token, word())
                if score < best[0]:
                    best = (score, word().detach().clone(), done)
            if progress:
                progress(done, steps, curve[-1])
    except KeyboardInterrupt:
        pass
    concept = Concept(
        token=token,
        token_embedding=best[1].cpu().numpy(),
        kind=kind,
        base=base.name,
        fingerprints=base.fingerprints,
        init=init or "",
        templates=tuple(dict.fromkeys(row[0] for row in prompts)),
        objective=objective,
        fps=base.skeleton.fps,
        steps=done,
        seed=seed,
        loss=thin_curve(curve),
        scores={"loss.start": first, "loss.best": best[0], "step.best": best[2]},
        exemplars=tuple(Exemplar.from_joints(clip.joints, clip.fps) for clip in clips),
        license=base.license,
    )
    return _with_probe_and_preview(base, concept, windows[0])


def _check(
    clips: Sequence[Motion], token: str, objective: str, steps: int, vectors: int, captions: Sequence[str] | None
) -> None:
    check_token(token)
    if not clips:
        raise InversionError("there are no clips to learn from; give at least one BVH, NPZ or NPY clip")
    if objective not in get_args(Objective):
        raise InversionError(f"objective {objective!r} is not known; choose one of {', '.join(get_args(Objective))}")
    if steps < 1 or not 1 <= vectors <= 16:
        raise InversionError(f"steps={steps}, vectors={vectors}: expected at least 1 step, and 1 to 16 vectors")
    if captions is not None and len(captions) != len(clips):
        raise InversionError(f"{len(captions)} captions for {len(clips)} clips; give one caption a clip")


def _windows(clips: Sequence[Motion], fps: float) -> tuple[list[Motion], list[int]]:
    """Clips at the base's rate, long ones cut into equal pieces; and for each piece the clip it comes from."""
    windows, owners = [], []
    for index, clip in enumerate(clips):
        at_rate = clip.resample(fps)
        frames = len(at_rate.joints) - 1
        if frames < MIN_FRAMES:
            raise InversionError(
                f"{clip.name or f'clip {index + 1}'} is {clip.seconds:.2f} s long ({len(clip.joints)} frames at "
                f"{clip.fps:g} fps); at least {(MIN_FRAMES + 1) / fps:.2f} s are needed: leave it out or record more"
            )
        pieces = -(-frames // MAX_FRAMES)
        for piece in np.array_split(np.arange(frames), pieces):
            windows.append(replace(at_rate, joints=at_rate.joints[piece[0] : piece[-1] + 2]))
            owners.append(index)
    return windows, owners


def _start(base: Lead, init: str | None, vectors: int, manners: bool) -> Tensor:
    """The neutral manner, the phrase's own vectors (repeated or cut to fit), or the vocabulary's mean."""
    if init is not None:
        rows = base.text.token_vectors(init)
        return rows[torch.arange(vectors) % len(rows)]
    return base.manners.mean.clone() if manners else base.text.vocabulary().mean.expand(vectors, -1).clone()


def _draw(
    base: Lead, z: Tensor, lengths: Tensor, prompts: Sequence[tuple[str, ...]], size: int, generator: torch.Generator
) -> Draw:
    rows = torch.randint(len(z), (size,), generator=generator)
    t = torch.randint(base.config.diffusion.steps, (size,), generator=generator)
    eps = torch.randn(size, *z.shape[1:], generator=generator)
    which = torch.randint(len(prompts[0]), (size,), generator=generator)
    chosen = tuple(prompts[row][place] for row, place in zip(rows.tolist(), which.tolist(), strict=True))
    return Draw(z[rows], lengths[rows], t.to(z.device), eps.to(z.device), chosen)


def _loss(base: Lead, objective: Objective, draw: Draw, token: str, vectors: Tensor) -> Tensor:
    """The objective's loss of a draw; 16-bit products, which are twice as fast on a CPU and lead to the same words."""
    different = sorted(set(draw.prompts))
    with torch.autocast(base.device.type, torch.bfloat16):
        features = base.encode_text([prompt.replace("{}", token) for prompt in different], {token: vectors})
        text = features[[different.index(prompt) for prompt in draw.prompts]]
        return objective_loss(base, objective, draw, text)


@torch.no_grad()
def _evaluate(base: Lead, objective: Objective, fixed: Draw, token: str, vectors: Tensor) -> float:
    return _loss(base, objective, fixed, token, vectors).item()


@torch.no_grad()
def _with_probe_and_preview(base: Lead, concept: Concept, exemplar: Motion) -> Concept:
    """Adds the condition that a loader recomputes, and a short clip of what the word was learnt from."""
    cond = base.encode_text([concept.probe_prompt], concept.words)[0].cpu().numpy()
    preview = exemplar.joints[:PREVIEW_FRAMES].astype(np.float16)
    return replace(concept, tensors={**concept.tensors, "probe.cond": cond, "preview.joints": preview})
