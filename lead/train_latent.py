"""The stages that learn on latents: diffusion, then the projector.

Posteriors and caption features are computed once and kept in memory; in a caption with MANNER_WORD the word has the
vectors that the clip's manner gives it.  Knows nothing of files' formats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import mse_loss

from lead import data as motion_data
from lead.assemble import load_manners, load_tower, load_vae
from lead.data import MANNER_WORD, MAX_FRAMES, Clip
from lead.denoiser import Denoiser, DenoiserConfig
from lead.diffusion import Diffusion, DiffusionConfig
from lead.layers import lengths_to_mask, masked_mean
from lead.manners import MannerConfig, MannerWords
from lead.motion.features import Stats
from lead.projector import Projector, ProjectorConfig, alignment_loss, variance_loss
from lead.runs import Stage, TrainConfig, save_part
from lead.text import TextTower
from lead.train_vae import tensors
from lead.vae import MotionVAE

DIFFUSION_TRAIN = TrainConfig(steps=6500, batch=128, lr=5e-4)
PROJECTOR_TRAIN = TrainConfig(steps=3500, batch=192, lr=1e-3, ema=0.995)
GROUP = 8
UNCONDITIONAL = 0.1
"""The share of training texts replaced by the empty prompt, for classifier-free guidance."""


@dataclass(frozen=True)
class ProjectorLoss:
    """Weights of LEAD's three losses (the paper gives none)."""

    align: float = 0.1
    rec: float = 1.0
    var: float = 0.1


@dataclass(frozen=True, eq=False)
class LatentClips:
    """Posteriors of clips, windows of MAX_FRAMES, and what is said of each."""

    mu: Float[Tensor, "clips latents d_latent"]
    std: Float[Tensor, "clips latents d_latent"]
    """Both scaled to unit spread."""
    lengths: Int[Tensor, "clips"]
    texts: tuple[tuple[int, ...], ...]
    """For each clip, its captions' rows in the table of text features."""
    frames_per_latent: int

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, eq=False)
class LatentBatch:
    z: Float[Tensor, "batch latents d_latent"]
    lengths: Int[Tensor, "batch"]
    text: Float[Tensor, "batch d_text"]
    captioned: Tensor
    """True where a caption (not nothing) gave the text; [batch]."""


class Captions:
    """Every caption that training may draw, each encoded once; row 0 is the empty prompt."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], int] = {("", ""): 0}
        self._manners: list[np.ndarray | None] = [None]

    def rows(self, clip: Clip) -> tuple[int, ...]:
        """The rows of a clip's captions; one with MANNER_WORD is the clip's own."""
        keys = [(caption, clip.id if MANNER_WORD in caption else "") for caption in clip.captions]
        for key in keys:
            if key not in self._rows:
                self._rows[key] = len(self._rows)
                self._manners.append(clip.manner if key[1] else None)
        return tuple(self._rows[key] for key in keys)

    @torch.no_grad()
    def encode(self, tower: TextTower, words: MannerWords, batch: int = 256) -> Float[Tensor, "captions d_text"]:
        """The table of text features, MANNER_WORD standing for the vectors of the clip's manner."""
        prompts = [caption for caption, _ in self._rows]
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        table = torch.zeros(len(prompts), tower.d_text)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            manners = [(row, manner) for row in part if (manner := self._manners[row]) is not None]
            named = [f"<m{row}>" for row, _ in manners]
            vectors = words(torch.from_numpy(np.stack([m for _, m in manners]))) if manners else ()
            texts = [prompts[row].replace(MANNER_WORD, f"<m{row}>") for row in part]
            with torch.autocast(tower.device.type, torch.bfloat16):
                table[part] = tower.encode(texts, dict(zip(named, vectors, strict=True))).float()
        return table


def train_diffusion(
    data: Path,
    run: Path,
    config: DenoiserConfig | None = None,
    train: TrainConfig = DIFFUSION_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    device: str = "cpu",
) -> Denoiser:
    """MSE on what `diffusion` predicts, on latents drawn from the posteriors; means over real latent tokens only."""
    tower, vae = load_tower(run), load_vae(run)
    config = config or DenoiserConfig(
        d_latent=vae.config.d_latent, d_text=tower.d_text, frames_per_latent=vae.config.frames_per_latent
    )
    words = manner_words(tower, train.seed)
    save_part(Path(run) / "manners.safetensors", words, "manners", words.config)
    sources, table = _sources(data, vae, tower, words)
    schedule = Diffusion(diffusion)
    torch.manual_seed(train.seed)
    stage = Stage("diffusion", Denoiser(config), run, train, device, config=config, diffusion=diffusion)
    batches = latent_batches(sources[:2], table, train, stage.step)
    for _ in stage.steps():
        batch = next(batches)
        t = torch.randint(diffusion.steps, (len(batch.z),))
        eps = torch.randn_like(batch.z)
        dropped = torch.rand(len(batch.z)) < UNCONDITIONAL
        text = torch.where(dropped[:, None], table[0], batch.text)
        inputs = (schedule.noised(batch.z, t, eps), t, text, batch.lengths)
        with stage.accelerator.autocast():
            output = stage.model(*(x.to(stage.device) for x in inputs))
        error = (output - schedule.target(batch.z, t, eps).to(stage.device)).square()
        mask = lengths_to_mask(vae.latent_lengths(batch.lengths), batch.z.shape[1]).to(stage.device)
        stage.update(masked_mean(error, mask), {})
    return stage.finish("denoiser", config)


def train_projector(
    data: Path,
    run: Path,
    config: ProjectorConfig | None = None,
    train: TrainConfig = PROJECTOR_TRAIN,
    weights: ProjectorLoss = ProjectorLoss(),
    device: str = "cpu",
) -> Projector:
    """L_align + L_rec + L_var on latents drawn from the posteriors; clips without a caption count in the last two."""
    tower, vae = load_tower(run), load_vae(run)
    words = load_manners(run)
    config = config or ProjectorConfig(
        d_latent=vae.config.d_latent, d_text=tower.d_text, frames_per_latent=vae.config.frames_per_latent
    )
    sources, table = _sources(data, vae, tower, words)
    torch.manual_seed(train.seed)
    stage = Stage("projector", Projector(config), run, train, device, config=config, loss=weights)
    batches = latent_batches(sources, table, train, stage.step)
    for _ in stage.steps():
        batch = next(batches)
        z, lengths, text, captioned = (
            x.to(stage.device) for x in (batch.z, batch.lengths, batch.text, batch.captioned)
        )
        with stage.accelerator.autocast():
            loss, parts = projector_loss(stage.model, z, lengths, text, captioned, weights)
        stage.update(loss, parts)
    return stage.finish("projector", config)


def projector_loss(
    projector: Projector, z: Tensor, lengths: Tensor, text: Tensor, captioned: Tensor, weights: ProjectorLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    z_proj = projector.encode(z, lengths)
    z_hat = projector.decode(z_proj, lengths)
    mask = projector.mask(lengths, z.shape[1])
    pooled = projector.pooled(z_proj, lengths)
    parts = {
        "align": alignment_loss(pooled[captioned], text[captioned]),
        "rec": mse_loss(z_hat[mask], z[mask]),
        "var": variance_loss(z[mask], z_hat[mask]),
    }
    return weights.align * parts["align"] + weights.rec * parts["rec"] + weights.var * parts["var"], parts


def latent_batches(
    sources: Sequence[LatentClips], table: Float[Tensor, "captions d_text"], train: TrainConfig, step: int
) -> Iterator[LatentBatch]:
    """Batches from `step` on, an equal share from each source; what is drawn depends on the seed and the step alone.

    Rows for GROUP batches are drawn at once and dealt out by length, so that a batch holds little padding.
    """
    while True:
        rng = np.random.default_rng([train.seed, step // GROUP])
        chunk = rng.permutation(GROUP)[step % GROUP]
        share = train.batch // len(sources)
        picked = []
        for source in sources:
            rows = rng.integers(len(source), size=GROUP * share)
            rows = rows[np.argsort(source.lengths[rows].numpy(), kind="stable")]
            picked.append(rows[chunk * share : (chunk + 1) * share])
        yield _drawn_batch(sources, picked, table, np.random.default_rng([train.seed, step, 1]))
        step += 1


def _drawn_batch(
    sources: Sequence[LatentClips], picked: Sequence[np.ndarray], table: Tensor, rng: np.random.Generator
) -> LatentBatch:
    """The picked rows, each with a latent drawn from its posterior and one of its captions."""
    pairs = list(zip(sources, picked, strict=True))
    lengths = torch.cat([source.lengths[rows] for source, rows in pairs])
    latents = -(-int(lengths.max()) // sources[0].frames_per_latent)
    mu, std = (torch.cat([getattr(source, key)[rows, :latents] for source, rows in pairs]) for key in ("mu", "std"))
    z = mu + std * torch.from_numpy(rng.standard_normal(mu.shape, dtype=np.float32))
    said = [source.texts[row] for source, rows in pairs for row in rows]
    texts = torch.tensor([options[rng.integers(len(options))] if options else 0 for options in said])
    return LatentBatch(z, lengths, table[texts], texts > 0)


@torch.no_grad()
def latent_clips(vae: MotionVAE, clips: Sequence[Clip], captions: Captions) -> LatentClips:
    """Posteriors of clips; those longer than MAX_FRAMES as windows that overlap by half."""
    windows = [window for clip in clips for window in _windows(clip)]
    windows.sort(key=lambda window: len(window.features))
    latents = -(-MAX_FRAMES // vae.config.frames_per_latent)
    mu = torch.zeros(len(windows), latents, vae.config.d_latent)
    std, lengths = torch.zeros_like(mu), torch.zeros(len(windows), dtype=torch.long)
    for start in range(0, len(windows), 64):
        part = slice(start, start + 64)
        features, lengths[part] = tensors(motion_data.collate(windows[part]), torch.device("cpu"))
        mean, log_variance = vae.encode(features, lengths[part])
        mu[part, : mean.shape[1]] = mean * vae.latent_scale
        std[part, : mean.shape[1]] = (0.5 * log_variance).exp() * vae.latent_scale
    texts = tuple(captions.rows(window) for window in windows)
    return LatentClips(mu, std, lengths, texts, vae.config.frames_per_latent)


def _windows(clip: Clip) -> Iterator[Clip]:
    for start in range(0, max(len(clip.features) - MAX_FRAMES // 2, 1), MAX_FRAMES // 2):
        yield Clip(clip.id, clip.features[start : start + MAX_FRAMES], clip.captions, clip.manner)


def _sources(
    data: Path, vae: MotionVAE, tower: TextTower, words: MannerWords
) -> tuple[list[LatentClips], Float[Tensor, "captions d_text"]]:
    """The training split and, where the data set was varied, its variations and its mirrored clips; and the texts."""
    stats, captions = Stats.read(data), Captions()
    splits = [s for s in ("train", "train_varied", "train_mirrored") if (Path(data) / f"{s}.txt").is_file()]
    sources = [latent_clips(vae, motion_data.load(data, split, stats), captions) for split in splits]
    return sources, captions.encode(tower, words)


def manner_words(tower: TextTower, seed: int) -> MannerWords:
    torch.manual_seed(seed)
    vocabulary = tower.vocabulary()
    return MannerWords.drawn(MannerConfig(d_token=tower.d_token), vocabulary.mean, vocabulary.std)
