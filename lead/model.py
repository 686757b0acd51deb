"""`Lead`: the base model's parts together; load, save, generate.

Text -> text feature -> latent by reverse diffusion -> E_proj -> D_proj -> VAE decoder -> features -> joints
(LEAD, arXiv 2410.14508).  `realign=False` leaves the projector out, which is plain MLD (arXiv 2212.04048).
Latents here are scaled to unit spread; `lengths` count frames at the base's rate.  Learned words come as plain tensors
by token name; what a concept file is, this module does not know.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lead.checkpoint import atomic_write, build, parsed
from lead.conditioning import Words, active_concepts
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT
from lead.diffusion import Diffusion, DiffusionConfig, Sampler, guided
from lead.diffusion import sample as sample_latents
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.features import Stats
from lead.motion.skeleton import Skeleton, skeleton_of
from lead.networks.build import AnyDenoiserConfig, AnyVAEConfig, build_denoiser, build_vae, denoiser_config, vae_config
from lead.networks.denoiser import DenoiserConfig
from lead.networks.lora import LoRA, apply_lora
from lead.networks.projector import Projector, ProjectorConfig
from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
from lead.networks.vae import VAEConfig
from lead.text.tower import TextConfig, TextTower

FORMAT = "lead/1"
EMBEDDED = Path(__file__).parent / "weights" / "lead-small.safetensors"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LeadConfig:
    """Everything but the weights."""

    name: str = "lead"
    license: str = ""
    text: TextConfig = field(default_factory=TextConfig)
    vae: AnyVAEConfig = field(default_factory=VAEConfig)
    denoiser: AnyDenoiserConfig = field(default_factory=DenoiserConfig)
    projector: ProjectorConfig = field(default_factory=ProjectorConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    manners: StyleTokenConfig = field(default_factory=StyleTokenConfig)


_CONFIGS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "text": lambda values: TextConfig(**values),
    "vae": vae_config,
    "denoiser": denoiser_config,
    "projector": lambda values: ProjectorConfig(**values),
    "diffusion": lambda values: DiffusionConfig(**values),
    "manners": lambda values: StyleTokenConfig(**values),
}


class Lead(nn.Module):
    """Text to motion."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: LeadConfig):
        super().__init__()
        self.config = config
        self.text = TextTower(config.text)
        self.vae = build_vae(config.vae)
        self.denoiser = build_denoiser(config.denoiser)
        self.projector = Projector(config.projector)
        self.manners = StyleTokens(config.manners)
        self.diffusion = Diffusion(config.diffusion)
        self.register_buffer("mean", torch.zeros(config.vae.features))
        self.register_buffer("std", torch.ones(config.vae.features))
        self.requires_grad_(False).eval()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def license(self) -> str:
        return self.config.license

    @property
    def skeleton(self) -> Skeleton:
        """Of the features that the base makes: it tells their joints and their frames a second."""
        return skeleton_of(self.config.vae.features)

    @property
    def stats(self) -> Stats:
        return Stats(self.mean.cpu().numpy(), self.std.cpu().numpy())

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def fingerprints(self) -> dict[str, str]:
        """For each part, sha256 over the sorted names, types, shapes and bytes of its tensors."""
        parts = {part: getattr(self, part) for part in ("text", "vae", "denoiser", "projector")}
        return {part: _fingerprint(module.state_dict()) for part, module in parts.items()}

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu") -> "Lead":
        """The base in a checkpoint, or the embedded default; LeadError where the file is not one of ours."""
        path = Path(path) if path else EMBEDDED
        if not path.is_file():
            raise LeadError(f"{path} does not exist; give a checkpoint of `lead train`, or none for the embedded base")
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = _expanded({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 - no dict
        except SafetensorError as error:
            raise LeadError(f"{path} is not a readable safetensors file ({error})") from error
        if metadata.get("format") != FORMAT:
            raise LeadError(
                f"{path} has format {metadata.get('format', 'none')!r}; expected {FORMAT!r}, a LEAD base model"
            )
        config = parsed(metadata.get("config", ""), str(path))
        return build(lambda raw: cls(_config_from_json(raw)), config, tensors, str(path)).to(device)

    def save(self, path: str | Path, compact: bool = False) -> Path:
        """One safetensors file with the config in its metadata; `compact` is a third of the size, and not exact.

        Compact: matrices of the text tower, the denoiser and the projector as 8-bit integers with a scale a row,
        the VAE's, the projector's linear map and all smaller tensors as 16-bit floats.
        """
        path = Path(path)
        tensors = {key: value.detach().cpu().float().contiguous() for key, value in self.state_dict().items()}
        if compact:
            tensors = _compressed(tensors)
        with atomic_write(path) as partial:
            save_file(tensors, partial, metadata={"format": FORMAT, "config": json.dumps(asdict(self.config))})
        return path

    def encode_text(self, prompts: Sequence[str], words: Words | None = None) -> Float[Tensor, "batch d_text"]:
        """tau(prompt); gradients reach the words' vectors."""
        return self.text.encode(prompts, words)

    def encode_motion(
        self, motions: Sequence[Motion]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, "batch"]]:
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
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Int[Tensor, "batch"]]:
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
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"], *, planted: bool = False
    ) -> list[Motion]:
        """Motions of scaled latents; `planted` keeps standing feet from sliding, as generated motions need."""
        features = self.vae.decode(z / self.vae.latent_scale, lengths) * self.std + self.mean
        rows = zip(features.cpu().numpy(), lengths.tolist(), strict=True)
        return [Motion.from_features(row[:length], planted=planted) for row, length in rows]

    @torch.no_grad()
    def reconstruct(self, motions: Sequence[Motion], realign: bool = False) -> list[Motion]:
        """What the VAE (and with `realign` the projector) keeps of motions, each cut to whole packed frames."""
        z, lengths = self.encode_motion(motions)
        return self.decode(self.projector.realign(z, lengths) if realign else z, lengths)

    def sample(
        self,
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, "batch"],
        noise: Float[Tensor, "batch latents d_latent"],
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        adapters: Sequence[tuple[LoRA, Float[Tensor, "batch"], Float[Tensor, "batch"]]] = (),
    ) -> Float[Tensor, "batch latents d_latent"]:
        """Latents by reverse diffusion with classifier-free guidance against the empty prompt.

        `adapters` come with each row's strength and the share of noise levels, from the lowest, on which it acts; both
        for both of the row's prompts: guidance is to strengthen what the prompt says, not what an adapter adds.
        """
        c = self.config.diffusion
        scale = c.guidance if guidance is None else guidance
        steps = steps or c.sampling_steps
        conditioned = partial(self.denoiser.conditioned, times=self.diffusion.sampling_times(steps)[:-1])
        predict = guided(conditioned, text, self.text.encode_unconditional(), lengths, scale)
        if scale != 1.0:
            adapters = [(adapter, rows.repeat(2), reach.repeat(2)) for adapter, rows, reach in adapters]

        at_work: list[list[float]] = []
        with ExitStack() as applying:

            def network(z_t: Tensor, t: Tensor) -> Tensor:
                now = [rows * (t[0] < reach * c.steps) for _, rows, reach in adapters]
                if at_work != (strengths := [rows.tolist() for rows in now]):
                    applying.close()
                    acting = [(part[0], rows) for part, rows in zip(adapters, now, strict=True) if rows.any()]
                    applying.enter_context(apply_lora(self.denoiser, acting))
                    at_work[:] = strengths
                return predict(z_t, t)

            return sample_latents(self.diffusion, network, noise, steps, sampler)

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        *,
        seconds: float | Sequence[float] = 4.0,
        words: Words | None = None,
        seed: int | Sequence[int] = 0,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        realign: bool = True,
        batch: int = 32,
        progress: Progress | None = None,
    ) -> list[Motion]:
        """A motion a prompt, at the base's rate; the same seed gives the same motions.

        `seconds` (0.8 to 9.8 at 20 fps) is rounded to UNIT frames.  `words` gives by token name a learned word's
        vectors, or its tensors: "token_embedding", "direction" [d_latent], which is added to latents, and an adapter's;
        both act on the prompts that name the word, and on no others.
        Noise is drawn for each prompt on its own, so a motion does not depend on what else is generated with it; with
        a list of seeds, one a prompt, each is the motion that its prompt gives alone.
        """
        if not isinstance(seed, int) and len(seed) != len(prompts):
            raise LeadError(f"{len(seed)} seeds for {len(prompts)} prompts; give one, or one a prompt")
        lengths = torch.tensor(_frames(seconds, len(prompts), self.skeleton.fps))
        text, acting = self.encode_text(prompts, words), active_concepts(self.text, prompts, words or {})
        motions: list[Motion] = []
        for start in range(0, len(prompts), batch):
            part = slice(start, start + batch)
            noise = self.noise(lengths[part], seed, start)
            strong = [(word.adapter, word.strengths[part], word.reach[part]) for word in acting]
            adapters = [(adapter, rows, reach) for adapter, rows, reach in strong if adapter and rows.any()]
            z = self.sample(text[part], lengths[part].to(self.device), noise, steps, guidance, sampler, adapters)
            for word in acting:
                z = z + (word.strengths * word.share)[part, None, None] * word.direction
            if realign:
                z = self.projector.realign(z, lengths[part].to(self.device))
            motions += self.decode(z, lengths[part].to(self.device), planted=True)
            if progress:
                progress(len(motions), len(prompts))
        return motions

    def noise(
        self, lengths: Int[Tensor, "batch"], seed: int | Sequence[int], first: int
    ) -> Float[Tensor, "batch latents d_latent"]:
        """A draw a row: of `seed` and the row's place in the whole, which starts at `first`; or of its own seed."""
        latents = self.vae.latent_lengths(lengths)
        noise = torch.zeros(len(lengths), int(latents.max()), self.config.vae.d_latent)
        for row, count in enumerate(latents.tolist()):
            place = first + row
            draw = seed * 1_000_003 + place if isinstance(seed, int) else seed[place] * 1_000_003
            generator = torch.Generator().manual_seed(draw)
            noise[row, :count] = torch.randn(count, noise.shape[2], generator=generator)
        return noise.to(self.device)


def _frames(seconds: float | Sequence[float], count: int, fps: float) -> list[int]:
    each = [float(seconds)] * count if isinstance(seconds, int | float) else [float(s) for s in seconds]
    if len(each) != count:
        raise LeadError(f"{len(each)} durations for {count} prompts; give one, or one a prompt")
    shortest, longest = MIN_FRAMES / fps, MAX_FRAMES / fps
    for s in each:
        if not shortest <= s <= longest:
            raise LeadError(f"{s:g} s cannot be generated; this base makes {shortest:g} to {longest:g} s")
    return [round(s * fps / UNIT) * UNIT for s in each]


def _config_from_json(raw: Mapping[str, Any]) -> LeadConfig:
    return LeadConfig(raw["name"], raw["license"], **{key: part(raw[key]) for key, part in _CONFIGS.items()})


_SCALE = "/scale"
_EXACT = ("mean", "std", "vae.latent_scale")
_FINE = ("vae.", "projector.linear_")
"""Whose matrices are not put into 8 bits: the VAE would shake, the projector's linear map would blur the path."""


def _compressed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `Lead.save` stores when compact; `_expanded` is its inverse up to rounding."""
    stored = {}
    for key, value in tensors.items():
        if key in _EXACT:
            stored[key] = value
        elif value.ndim == 2 and value.numel() >= 4096 and not key.startswith(_FINE):
            scale = value.abs().amax(dim=1).clamp(min=1e-12) / 127
            stored[key] = (value / scale[:, None]).round().to(torch.int8)
            stored[key + _SCALE] = scale
        else:
            stored[key] = value.to(torch.float16)
    return stored


def _expanded(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """float32 tensors, whatever they were stored as."""
    tensors = {key: value.float() for key, value in stored.items() if not key.endswith(_SCALE)}
    for key in stored:
        if key.endswith(_SCALE):
            tensors[key.removesuffix(_SCALE)] *= stored[key][:, None]
    return tensors


def _fingerprint(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
