"""The base model's parts, its networks, and each step that they do.

Text -> text feature -> latent by reverse diffusion -> E_proj -> D_proj -> VAE decoder -> features -> joints
(LEAD, arXiv 2410.14508). Without the projector it is plain MLD (arXiv 2212.04048).
Latents here are scaled to unit spread; `lengths` count frames at the base's rate. Concepts come as typed tensors by
token (`lead.conditioning`); this module does not know concept files. `lead.generation` has the steps in a row.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.base_file import LeadConfig
from lead.checkpoint import fingerprint
from lead.conditioning import ScheduledLoRA, Words, schedule_adapters
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT
from lead.diffusion import Diffusion, Network, Sampler, Steer, draw_noise, guide, list_draws
from lead.diffusion import sample as sample_latents
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.features import Stats
from lead.motion.skeleton import Skeleton, skeleton_of
from lead.networks.build import build_denoiser, build_vae
from lead.networks.projector import Projector
from lead.networks.style_tokens import StyleTokens
from lead.text.tower import TextTower

PARTS = ("text", "vae", "denoiser", "projector")
"""What a base's fingerprints tell apart."""


class LeadParts(nn.Module):
    """Text tower, motion VAE, denoiser and projector of a base, frozen."""

    mean: Float[Tensor, " feats"]
    std: Float[Tensor, " feats"]

    def __init__(self, config: LeadConfig):
        super().__init__()
        self.config = config
        self.text = TextTower(config.text)
        self.vae = build_vae(config.vae)
        self.denoiser = build_denoiser(config.denoiser)
        self.projector = Projector(config.projector)
        self.style_tokens = StyleTokens(config.style_tokens)
        self.diffusion = Diffusion(config.diffusion)
        self.register_buffer("mean", torch.zeros(config.vae.features))
        self.register_buffer("std", torch.ones(config.vae.features))
        self.style_means: dict[tuple[str, ...], Tensor] = {}
        """[d_latent] by phrase and fingerprints: what `lead.generation.compute_style_direction` computes once."""
        self._fingerprints: tuple[list[tuple[int, int]], list[Tensor], dict[str, str]] | None = None
        self.requires_grad_(False).eval()

    def __repr__(self) -> str:
        millions = sum(x.numel() for x in self.parameters()) / 1e6
        return f"Lead({self.name!r}, {millions:.1f} million weights, {self.device})"

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def license(self) -> str:
        return self.config.license

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the features that the base makes, with its joints and frames a second."""
        return skeleton_of(self.config.vae.features)

    @property
    def stats(self) -> Stats:
        """Mean and standard deviation of the features that the base was trained on."""
        return Stats(self.mean.cpu().numpy(), self.std.cpu().numpy())

    @property
    def seconds_range(self) -> tuple[float, float]:
        """The shortest and the longest motion that `generate` makes."""
        return MIN_FRAMES / self.skeleton.fps, MAX_FRAMES / self.skeleton.fps

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def fingerprints(self) -> dict[str, str]:
        """For each part, sha256 over the sorted names, types, shapes and bytes of its tensors.

        Hashing takes a while, so it is done once for each state of the weights: where they lie in memory, and the
        versions in which PyTorch counts their changes. The tensors are kept so that no other weights can take their
        place in memory. PyTorch does not count changes through `.data`; `compute_fingerprints` sees those too.
        """
        tensors = [tensor for part in PARTS for tensor in getattr(self, part).state_dict().values()]
        if any(tensor.is_inference() for tensor in tensors):  # they have no version
            return self.compute_fingerprints()
        state = [(tensor.data_ptr(), tensor._version) for tensor in tensors]
        if self._fingerprints is None or self._fingerprints[0] != state:
            self._fingerprints = state, tensors, self.compute_fingerprints()
        return dict(self._fingerprints[2])

    def compute_fingerprints(self) -> dict[str, str]:
        """`fingerprints`, computed from the bytes that are in memory at this call."""
        return {part: fingerprint(getattr(self, part).state_dict()) for part in PARTS}

    def encode_text(self, prompts: Sequence[str], words: Words | None = None) -> Float[Tensor, "batch d_text"]:
        """tau(prompt) for each prompt; gradients flow to the words' vectors."""
        return self.text.encode(prompts, words)

    def encode_motion(
        self, motions: Sequence[Motion]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, " batch"]]:
        """Posterior means (scaled) and lengths, of the first MAX_FRAMES of each motion."""
        rows = [motion.features(self.skeleton) for motion in motions]
        for motion, features in zip(motions, rows, strict=True):
            if len(features) < MIN_FRAMES:
                raise LeadError(
                    f"{motion.name or 'a motion'} has {len(motion.joints)} frames at {motion.fps:g} fps; "
                    f"at least {(MIN_FRAMES + 1) / self.skeleton.fps:.2f} s are needed"
                )
        return self.encode_features(rows)

    def encode_features(
        self, features: Sequence[Float[np.ndarray, "_ feats"]]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, " batch"]]:
        """`encode_motion` of features at the base's rate that are not normalized; MIN_FRAMES rows and more each."""
        stats = self.stats
        rows = [stats.normalize(each)[:MAX_FRAMES] for each in features]
        lengths = torch.tensor([len(row) // UNIT * UNIT for row in rows])
        batch = np.zeros((len(rows), int(lengths.max()), rows[0].shape[1]), dtype=np.float32)
        for padded, row, length in zip(batch, rows, lengths.tolist(), strict=True):
            padded[:length] = row[:length]
        on_device = torch.from_numpy(batch).to(self.device), lengths.to(self.device)
        return self.vae.encode(*on_device)[0] * self.vae.latent_scale, on_device[1]

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, " batch"], *, clean_feet: bool = False
    ) -> list[Motion]:
        """Motions of scaled latents, all on one skeleton (`lead.motion.processing.foot_cleanup`).

        `clean_feet` keeps standing feet from sliding, as generated motions need.
        """
        rows = zip(self.decode_features(z, lengths).cpu().numpy(), lengths.tolist(), strict=True)
        return [self.to_motion(row[:length], clean_feet) for row, length in rows]

    def decode_features(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Features of scaled latents, not normalized; gradients flow to the latents."""
        return self.vae.decode(z / self.vae.latent_scale, lengths) * self.std + self.mean

    def to_motion(self, features: Float[np.ndarray, "frames feats"], clean_feet: bool) -> Motion:
        """The motion of decoded features, on one skeleton."""
        per_token = self.config.vae.frames_per_token
        return Motion.from_features(features, clean_feet=clean_feet, rigid=True, frames_per_token=per_token)

    @torch.no_grad()
    def reconstruct(self, motions: Sequence[Motion], realign: bool = False) -> list[Motion]:
        """Motions through the VAE and back (with `realign` through the projector too), cut to whole packed frames."""
        z, lengths = self.encode_motion(motions)
        return self.decode(self.projector.realign(z, lengths) if realign else z, lengths)

    def sample(
        self,
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, " batch"],
        noise: Float[Tensor, "batch latents d_latent"],
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        adapters: Sequence[ScheduledLoRA] = (),
        skip: int = 0,
        steer: Steer | None = None,
    ) -> Float[Tensor, "batch latents d_latent"]:
        """Latents by reverse diffusion with classifier-free guidance against the empty prompt.

        With `skip` the first so many of the steps are left out; `noise` is then z_t at the next one. `steer` changes
        each step's estimate of the clean latents.
        """
        steps = steps or self.config.diffusion.sampling_steps
        network = self.denoise(text, lengths, steps, guidance, adapters)
        return sample_latents(self.diffusion, network, noise, steps, sampler, skip, steer)

    def denoise(
        self,
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, " batch"],
        steps: int,
        guidance: float | None = None,
        adapters: Sequence[ScheduledLoRA] = (),
    ) -> Network:
        """The network that a sampler of so many steps asks: guided by the prompts, with the adapters of each timestep.

        Adapters act on both halves of guidance, with and without the prompt: guidance strengthens what the prompt says,
        not what an adapter adds.
        """
        c = self.config.diffusion
        scale = c.guidance if guidance is None else guidance
        if not abs(scale) <= 1e30:  # false for NaN; more is no number in 32 bits
            raise LeadError(f"guidance {scale:g}; expected a number near the base's own, {c.guidance:g}")
        condition = partial(self.denoiser.condition, times=self.diffusion.sampling_times(steps)[:-1])
        predict = guide(condition, text, self.text.encode_unconditional(), lengths, scale)
        if scale != 1.0:
            adapters = [adapter.repeat(2) for adapter in adapters]

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            with schedule_adapters(self.denoiser, adapters, t[0], c.steps):
                return predict(z_t, t)

        return network

    def noise(
        self, lengths: Int[Tensor, " batch"], seed: int | Sequence[int], first: int = 0
    ) -> Float[Tensor, "batch latents d_latent"]:
        """Draw noise for each row, from `seed` and the row's place, which starts at `first`; or from its own seed."""
        draws = list_draws(seed, len(lengths), first)
        return draw_noise(self.vae.latent_lengths(lengths), self.vae.config.d_latent, draws).to(self.device)

    def count_frames(self, seconds: float) -> int:
        """The frames of a motion of so many seconds, a multiple of UNIT; LeadError if the base does not make it."""
        return self.count_each(seconds, 1)[0]

    def count_each(self, seconds: float | Sequence[float], count: int) -> list[int]:
        """The frames of each motion, a multiple of UNIT; LeadError for a length that the base does not make."""
        each = [float(seconds)] * count if isinstance(seconds, int | float) else [float(s) for s in seconds]
        if len(each) != count:
            raise LeadError(f"{len(each)} durations for {count} prompts; give one, or one a prompt")
        shortest, longest = self.seconds_range
        for s in each:
            if not shortest <= s <= longest:
                raise LeadError(f"{s:g} s cannot be generated; this base makes {shortest:g} to {longest:g} s")
        return [round(s * self.skeleton.fps / UNIT) * UNIT for s in each]
