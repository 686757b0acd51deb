"""Baselines of the inversion benchmark: a LoRA of the denoiser, or changed latents, without a pseudo-word.

    LoRA            low-rank additions to the denoiser (Hu et al., arXiv 2106.09685), trained on the exemplars under a
                    prompt with a rare word, as LoRA-MDM does for styles; prior preservation mixes in the base's own
                    generations of other prompts (Ruiz et al., *DreamBooth*, arXiv 2208.12242)
    mean latent     the mean of the exemplars' latents, whatever the prompt says
    latent offset   the prompt without the word, moved by mean(exemplars) - mean(the base's own motions of that action)

Each gives the phrase that asks for the concept, a generator, the bytes one would share, and the steps made.
Latents here are scaled; an offset is one vector, the same for all latent tokens.
"""

import time
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.inversion.concepts import OTHERS, Subject
from inversion.encoded_clips import encode_clips
from inversion.optimization.objectives import Batch, denoising_loss
from lead import Lead, Motion
from lead.data.dataset import UNIT
from lead.networks.lora import LoRA, apply_lora

Generate = Callable[[Sequence[str], Sequence[float], int, bool], list[Motion]]
Latents = Callable[[Sequence[str], Int[Tensor, " batch"], int], Tensor]
"""Prompts without the concept's phrase, lengths and a seed to scaled latents."""
Baseline = tuple[str, Generate, int, int]

RARE_WORD = "sks"
PLAIN = ("a person walks{}", *OTHERS.values(), "a person squats{}", "a person kicks{}")
"""Prompts whose motions prior preservation trains on."""
PRIOR_SAMPLES, PRIOR_SECONDS = 6, 4.0  # motions of each prompt of PLAIN
OWN_SAMPLES = 32  # the base's own motions that an offset starts from
BATCH, RATE = 64, 1e-3
CHUNK = 32  # motions sampled at once
FLOAT_BYTES = 4


def lora(
    base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float, rank: int, prior: bool
) -> Baseline:
    """A LoRA, trained for `budget` processor seconds. It acts on every prompt, with the word or without it."""
    started, steps = time.process_time(), 0
    phrase = subject.format_phrase(RARE_WORD)
    z, lengths, text = _encode_exemplars(base, clips, subject.own.prompt.format(phrase))
    shares = torch.full((len(z),), 1.0 / len(z))
    if prior:
        prior_z, frames, captions = _sample_prior(base, subject, seed)
        z, lengths, text = _join(z, prior_z), torch.cat([lengths, frames]), torch.cat([text, captions])
        shares = torch.cat([shares, torch.full((len(prior_z),), 1.0 / len(prior_z))])  # half of a batch
    generator = torch.Generator().manual_seed(seed)
    adapter = LoRA.initialize(base.denoiser, rank, generator)
    optimizer = torch.optim.Adam(adapter.parameters(), lr=RATE)
    while time.process_time() - started < budget or not steps:
        rows = torch.multinomial(shares, BATCH, replacement=True, generator=generator)
        t = torch.randint(base.config.diffusion.steps, (BATCH,), generator=generator)
        eps = torch.randn(BATCH, *z.shape[1:], generator=generator)
        with apply_lora(base.denoiser, [(adapter, torch.ones(1))]), torch.autocast("cpu", torch.bfloat16):
            loss = denoising_loss(base, Batch(z[rows], lengths[rows], t, eps, ()), text[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    size = sum(tensor.numel() for tensor in adapter.to_tensors().values()) * FLOAT_BYTES
    return phrase, _generate_with(base, adapter.requires_grad_(False)), size, steps


def _generate_with(base: Lead, adapter: LoRA) -> Generate:
    def generate(prompts: Sequence[str], seconds: Sequence[float], seed: int, realign: bool) -> list[Motion]:
        with apply_lora(base.denoiser, [(adapter, torch.ones(1))]):
            return base.generate(prompts, seconds=seconds, seed=seed, realign=realign)

    return generate


def _sample_prior(base: Lead, subject: Subject, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The base's own motions of PLAIN, as latents with lengths and text features."""
    prompts = [prompt.format("") for prompt in PLAIN for _ in range(PRIOR_SAMPLES)]
    lengths = torch.full((len(prompts),), _frames(PRIOR_SECONDS, base.skeleton.fps))
    return _sample(base, prompts, lengths, seed), lengths, base.encode_text(prompts)


def mean_latent(base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float) -> Baseline:
    """Each latent token is the mean of the exemplars' tokens at its position; shorter exemplars repeat."""
    z, lengths, _ = _encode_exemplars(base, clips, "")
    counts = base.vae.latent_lengths(lengths).tolist()

    def latents(prompts: Sequence[str], lengths: Tensor, seed: int) -> Tensor:
        places = torch.arange(int(base.vae.latent_lengths(lengths).max()))
        mean = torch.stack([row[places % count] for row, count in zip(z, counts, strict=True)]).mean(dim=0)
        return mean.expand(len(prompts), -1, -1)

    return subject.word_phrase, _generate_only_for(base, subject, latents), z[0].numel() * FLOAT_BYTES, 0


def latent_offset(base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float) -> Baseline:
    """Adds one vector to all tokens: the exemplars' mean token minus that of the base's motions of their action."""
    z, lengths, _ = _encode_exemplars(base, clips, "")
    prompts = [subject.own.prompt.format(subject.no_phrase)] * OWN_SAMPLES
    frames = torch.full((OWN_SAMPLES,), _frames(subject.own.seconds, base.skeleton.fps))
    own = _sample(base, prompts, frames, seed)
    offset = _mean_token(base, z, lengths) - _mean_token(base, own, frames)

    def latents(prompts: Sequence[str], lengths: Tensor, seed: int) -> Tensor:
        return _sample(base, prompts, lengths, seed) + offset

    return subject.word_phrase, _generate_only_for(base, subject, latents), offset.numel() * FLOAT_BYTES, 0


def _mean_token(base: Lead, z: Tensor, lengths: Tensor) -> Float[Tensor, " d_latent"]:
    mask = base.projector.mask(lengths, z.shape[1])
    return z[mask].mean(dim=0)


def _generate_only_for(base: Lead, subject: Subject, latents: Latents) -> Generate:
    """Decodes `latents` for prompts that name the concept; the base generates the others."""

    def generate(prompts: Sequence[str], seconds: Sequence[float], seed: int, realign: bool) -> list[Motion]:
        motions: list[Motion] = []
        plain = [prompt.replace(subject.word_phrase, subject.no_phrase) for prompt in prompts]
        rows = [i for i, prompt in enumerate(prompts) if prompt != plain[i]]
        if len(rows) < len(prompts):
            motions = base.generate(plain, seconds=seconds, seed=seed, realign=realign)
        lengths = torch.tensor([_frames(seconds[i], base.skeleton.fps) for i in rows])
        z = latents([plain[i] for i in rows], lengths, seed)
        z = base.projector.realign(z, lengths) if realign else z
        decoded = dict(zip(rows, base.decode(z, lengths, clean_feet=True), strict=True))
        return [decoded[i] if i in decoded else motions[i] for i in range(len(prompts))]

    return torch.no_grad()(generate)


@torch.no_grad()
def _sample(base: Lead, prompts: Sequence[str], lengths: Tensor, seed: int) -> Tensor:
    """Samples latents of the base for prompts."""
    text, count = base.encode_text(prompts), int(base.vae.latent_lengths(lengths).max())
    noise = torch.randn(len(text), count, base.config.vae.d_latent, generator=torch.Generator().manual_seed(seed))
    parts = [slice(start, start + CHUNK) for start in range(0, len(text), CHUNK)]
    return torch.cat([base.sample(text[part], lengths[part], noise[part]) for part in parts])


@torch.no_grad()
def _encode_exemplars(base: Lead, clips: Sequence[Motion], prompt: str) -> tuple[Tensor, Tensor, Tensor]:
    """Latents and lengths of the clips' pieces that the base can encode, and the prompt's text feature."""
    encoded = encode_clips(base, clips)
    return encoded.z, encoded.lengths, base.encode_text([prompt]).expand(len(encoded.z), -1)


def _join(a: Tensor, b: Tensor) -> Tensor:
    """Joins two sets of latents; pads the shorter ones with zeros."""
    tokens = max(a.shape[1], b.shape[1])
    return torch.cat([torch.nn.functional.pad(z, (0, 0, 0, tokens - z.shape[1])) for z in (a, b)])


def _frames(seconds: float, fps: float) -> int:
    return round(seconds * fps / UNIT) * UNIT
