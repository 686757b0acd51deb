"""What the latent stages train on: posteriors of clips and features of their captions, and batches of them.

In a caption, STYLE_TOKEN stands for the token embeddings that follow from the clip's style parameters. Latents are
scaled to unit spread. Both are encoded once and kept in the run folder, as `latents-<fingerprint>.safetensors` and
`captions-<fingerprint>.safetensors`; the fingerprints are of the data set and of the weights that encode. They are
float32, so that nothing depends on whether they were just encoded or read. Knows nothing of losses.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lead.checkpoint import atomic_write
from lead.data import dataset as motion_data
from lead.data.dataset import MAX_FRAMES, Clip
from lead.data.layout import COMPOSED, MIRRORED, STYLE_TOKEN, VARIED, find_splits
from lead.data.pack import StyleVector
from lead.kernels import optimize
from lead.motion.features import Stats
from lead.networks.build import AnyVAE
from lead.networks.style_tokens import StyleTokens
from lead.text.tower import TextTower
from lead.train.clips import balance, subsample, to_tensors
from lead.train.logs import fingerprint
from lead.train.processes import main_process_first
from lead.train.stage import TrainConfig
from lead.train.warm_start import read_stats

MADE_CAPTIONS = 4
"""Captions of a composed or varied clip that are drawn; there are tens of thousands of such clips."""
GROUP = 8
"""Batches whose rows are drawn at once."""
TRIED = "tried"
"""In place of a split's name: motions of the base's own (`lead.train.stages.refine`)."""
SHARES = {"train": 0.3, COMPOSED: 0.55, TRIED: 0.5, VARIED: 0.15, MIRRORED: 0.3}
"""How much of a batch each split has, relative to the others that are drawn from."""
CAPTIONED, VALIDATION = ("train", COMPOSED, TRIED, VARIED), "val"
"""The splits whose clips have captions, which the denoiser learns from; and the one to validate on."""


@dataclass(frozen=True, eq=False)
class LatentClips:
    """Posteriors of clips, in windows of MAX_FRAMES, and the captions of each."""

    mu: Float[Tensor, "clips latents d_latent"]
    std: Float[Tensor, "clips latents d_latent"]
    """Both scaled to unit spread."""
    lengths: Int[Tensor, " clips"]
    texts: tuple[tuple[int, ...], ...]
    """For each clip, its captions' rows in the table of text features."""
    shares: Float[Tensor, " clips"]
    """How often each is drawn: actions with many clips share their draws (`lead.train.clips.balance`)."""
    counts: Int[Tensor, " clips"]
    """How many of the latents are each clip's."""
    split: str = "train"
    pushes: Float[Tensor, " clips"] | None = None
    """How far each moves a prediction towards itself; None where each is 1, as of all clips (see `push_target`)."""

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, eq=False)
class Latents:
    """All that the latent stages read."""

    sources: tuple[LatentClips, ...]
    """The training split with its captioned mirrors, and the splits made from it that there are."""
    val: LatentClips
    """A part of the val split, to validate on."""
    table: Float[Tensor, "captions d_text"]
    """Features of all captions; row 0 is the empty prompt's."""
    fingerprint: str
    captions: "Captions" = field(default_factory=lambda: Captions())
    """The table's sentences."""

    @property
    def captioned(self) -> tuple[LatentClips, ...]:
        """The sources whose clips have captions."""
        return tuple(clips for clips in self.sources if clips.split in CAPTIONED)


@dataclass(frozen=True, eq=False)
class LatentBatch:
    z: Float[Tensor, "batch latents d_latent"]
    lengths: Int[Tensor, " batch"]
    text: Float[Tensor, "batch d_text"]
    rows: Int[Tensor, " batch"]
    """The texts' rows in the table; 0, the empty prompt's, where the clip has no caption."""
    pushes: Float[Tensor, " batch"]
    """1 for clips; see `LatentClips`."""

    @property
    def captioned(self) -> Bool[Tensor, " batch"]:
        """False where the clip has no caption."""
        return self.rows > 0


class Captions:
    """Every caption that training may draw, each once; row 0 is the empty prompt.

    STYLE_TOKEN stands for the embeddings of the clip's style parameters.
    """

    def __init__(self, style_tokens: bool = True) -> None:
        self._style_tokens = style_tokens
        self._rows: dict[tuple[str, str], int] = {("", ""): 0}
        self.sentences = [""]
        self._style_params: list[StyleVector | None] = [None]

    def add(self, clip: Clip) -> tuple[int, ...]:
        """The rows of a clip's captions.

        A caption with STYLE_TOKEN has a row of the clip's own; without style tokens it is left out.
        """
        known = [caption for caption in clip.captions if self._style_tokens or STYLE_TOKEN not in caption]
        keys = [(caption, clip.id if STYLE_TOKEN in caption else "") for caption in known]
        for key in keys:
            if key not in self._rows:
                self._rows[key] = len(self._rows)
                self.sentences.append(" ".join(key[0].split()))
                self._style_params.append(clip.style_params if key[1] else None)
        return tuple(self._rows[key] for key in keys)

    @torch.no_grad()
    def encode(self, tower: TextTower, style_tokens: StyleTokens, batch: int = 256) -> Float[Tensor, "captions d_text"]:
        """The table of text features."""
        sentences = self.sentences
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
        table = torch.zeros(len(sentences), tower.d_text)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            with torch.autocast(tower.device.type, torch.bfloat16):
                table[part] = self.encode_rows(part, tower, style_tokens).float().cpu()
        return table

    def encode_rows(
        self, rows: Sequence[int], tower: TextTower, style_tokens: StyleTokens
    ) -> Float[Tensor, "rows d_text"]:
        """Features of these captions, with gradients to the tower's weights."""
        params = {row: found for row in rows if (found := self._style_params[row]) is not None}
        words = {}
        if params:
            vectors = style_tokens(torch.from_numpy(np.stack(list(params.values()))))
            words = {f"<m{row}>": of_row for row, of_row in zip(params, vectors, strict=True)}
        return tower.encode([self.sentences[row].replace(STYLE_TOKEN, f"<m{row}>") for row in rows], words)

    def pack(self) -> dict[str, Tensor]:
        """Everything in tensors."""
        text = "\n".join(self.sentences).encode()
        styled = [(row, params) for row, params in enumerate(self._style_params) if params is not None]
        params = np.stack([params for _, params in styled]) if styled else np.zeros((0, 0), dtype=np.float32)
        return {
            "sentences": torch.frombuffer(bytearray(text), dtype=torch.uint8),
            "styled": torch.tensor([row for row, _ in styled], dtype=torch.long),
            "style_params": torch.from_numpy(params),
        }

    @classmethod
    def unpack(cls, packed: Mapping[str, Tensor]) -> "Captions":
        """The inverse; nothing can be added to it."""
        captions = cls()
        captions.sentences = packed["sentences"].numpy().tobytes().decode().split("\n")
        captions._style_params = [None] * len(captions.sentences)
        for row, params in zip(packed["styled"].tolist(), packed["style_params"].numpy(), strict=True):
            captions._style_params[row] = params
        return captions


def draw_latent_batch(
    sources: Sequence[LatentClips], table: Float[Tensor, "captions d_text"], train: TrainConfig, step: int
) -> LatentBatch:
    """The batch of a step, from each source its part (SHARES); the draw depends on the seed and the step alone.

    Rows for GROUP batches are drawn at once and dealt out by length, so that a batch holds little padding.
    """
    rng = np.random.default_rng([train.seed, step // GROUP])
    chunk = rng.permutation(GROUP)[step % GROUP]
    picked = []
    edges = np.cumsum([SHARES[source.split] for source in sources])
    parts = np.diff(np.round(edges / edges[-1] * train.batch).astype(int), prepend=0)
    for share, source in zip(parts.tolist(), sources, strict=True):
        at = rng.random(GROUP * share) * float(source.shares.sum())
        rows = np.searchsorted(np.cumsum(source.shares.numpy()), at).clip(max=len(source) - 1)
        rows = rows[np.argsort(source.lengths[rows].numpy(), kind="stable")]
        picked.append(rows[chunk * share : (chunk + 1) * share])
    return _draw_rows(sources, picked, table, np.random.default_rng([train.seed, step, 1]))


def draw_validation_batch(latents: Latents) -> LatentBatch:
    """The val clips' latents under their first captions; always the same."""
    val, rng = latents.val, np.random.default_rng(0)
    z = val.mu + val.std * torch.from_numpy(rng.standard_normal(val.mu.shape, dtype=np.float32))
    texts = torch.tensor([options[0] if options else 0 for options in val.texts])
    return LatentBatch(z, val.lengths, latents.table[texts], texts, torch.ones(len(z)))


def _draw_rows(
    sources: Sequence[LatentClips],
    picked: Sequence[Int[np.ndarray, " _"]],
    table: Float[Tensor, "captions d_text"],
    rng: np.random.Generator,
) -> LatentBatch:
    """The picked rows, each with a latent drawn from its posterior and one of its captions."""
    pairs = list(zip(sources, picked, strict=True))
    lengths = torch.cat([source.lengths[rows] for source, rows in pairs])
    latents = max(int(source.counts[rows].max()) for source, rows in pairs if len(rows))
    mu, std = (torch.cat([getattr(source, key)[rows, :latents] for source, rows in pairs]) for key in ("mu", "std"))
    z = mu + std * torch.from_numpy(rng.standard_normal(mu.shape, dtype=np.float32))
    options = [source.texts[row] for source, rows in pairs for row in rows]
    texts = torch.tensor([of_clip[rng.integers(len(of_clip))] if of_clip else 0 for of_clip in options])
    ones = torch.ones(len(z))
    pushes = [ones[: len(rows)] if source.pushes is None else source.pushes[rows] for source, rows in pairs]
    return LatentBatch(z, lengths, table[texts], texts, torch.cat(pushes))


@torch.no_grad()
def encode_clips(vae: AnyVAE, clips: Sequence[Clip], captions: Captions) -> LatentClips:
    """Posteriors of clips; those longer than MAX_FRAMES as windows that overlap by half."""
    windows = [window for clip in clips for window in _cut_windows(clip)]
    windows.sort(key=lambda window: len(window.features))
    latents = int(vae.latent_lengths(torch.tensor([MAX_FRAMES]))[0])
    mu = torch.zeros(len(windows), latents, vae.config.d_latent)
    std, lengths = torch.zeros_like(mu), torch.zeros(len(windows), dtype=torch.long)
    for start in range(0, len(windows), 64):
        part = slice(start, start + 64)
        features, frames = to_tensors(motion_data.collate(windows[part]), vae.latent_scale.device)
        mean, log_variance = vae.encode(features, frames)
        mu[part, : mean.shape[1]] = (mean * vae.latent_scale).cpu()
        std[part, : mean.shape[1]] = ((0.5 * log_variance).exp() * vae.latent_scale).cpu()
        lengths[part] = frames.cpu()
    texts = tuple(captions.add(window) for window in windows)
    shares = torch.from_numpy(balance(windows))
    return LatentClips(mu, std, lengths, texts, shares, vae.latent_lengths(lengths))


def _cut_windows(clip: Clip) -> Iterator[Clip]:
    last = 1 if clip.authors else max(len(clip.features) - MAX_FRAMES // 2, 1)  # authors' clips are a window long
    for start in range(0, last, MAX_FRAMES // 2):
        yield replace(clip, features=clip.features[start : start + MAX_FRAMES], authors=False)


def load_latents(
    data: Path,
    run: Path,
    vae: AnyVAE,
    tower: TextTower,
    style_tokens: StyleTokens,
    device: str,
    with_table: bool = True,
) -> Latents:
    """The data set's latents and captions by these parts: from the run folder, or encoded and written there.

    Among several processes the main one encodes, and the others read. Without the table, for who encodes captions
    anew, its features are 0.
    """
    made_of, styled = fingerprint(data), style_tokens.config.vectors > 0
    latents_key = digest(made_of, hash_weights(vae), str(styled))
    captions_key = digest(latents_key, hash_weights(tower), hash_weights(style_tokens))
    with main_process_first(device):
        packed = make_once(
            Path(run),
            "latents",
            latents_key,
            lambda: _encode_data(data, read_stats(data, run), optimize(vae.to(device)), styled),
        )
        captions = Captions.unpack(packed)
        table = torch.zeros(len(captions.sentences), tower.d_text)
        if with_table:
            made = make_once(
                Path(run), "captions", captions_key, lambda: {"table": captions.encode(tower.to(device), style_tokens)}
            )
            table = made["table"]
    sources = [_unpack(packed, split, vae) for split in SHARES if f"{split}.mu" in packed]
    return Latents(tuple(sources), _unpack(packed, VALIDATION, vae), table, captions_key, captions)


def digest(*made_of: str) -> str:
    return hashlib.sha256("".join(made_of).encode()).hexdigest()[:16]


def make_once(run: Path, name: str, key: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of `<name>-<key>.safetensors`; where that is missing they are made, and older ones removed."""
    path = run / f"{name}-{key}.safetensors"
    if not path.is_file():
        made = make()
        for stale in run.glob(f"{name}-*.safetensors"):
            stale.unlink()
        with atomic_write(path) as partial:
            save_file(made, partial)
    return load_file(path)


def _encode_data(data: Path, stats: Stats, vae: AnyVAE, style_tokens: bool) -> dict[str, Tensor]:
    """Everything in named tensors; clips' caption rows stand one after another, `counts` says how many each has."""
    captions = Captions(style_tokens)
    packed: dict[str, Tensor] = {}
    for split in (*find_splits(data, SHARES), VALIDATION):
        clips = motion_data.load_captioned(data, stats) if split == "train" else motion_data.load(data, split, stats)
        if split in (COMPOSED, VARIED):
            clips = [replace(clip, captions=_thin(clip.captions)) for clip in clips]
        encoded = encode_clips(vae, subsample(clips) if split == VALIDATION else clips, captions)
        texts = torch.tensor([row for rows in encoded.texts for row in rows], dtype=torch.long)
        counts = torch.tensor([len(rows) for rows in encoded.texts])
        named = {"mu": encoded.mu, "std": encoded.std, "lengths": encoded.lengths, "texts": texts, "counts": counts}
        named["shares"] = encoded.shares
        packed |= {f"{split}.{name}": tensor for name, tensor in named.items()}
    return {**packed, **captions.pack()}


def _thin(captions: Sequence[str], most: int = MADE_CAPTIONS) -> tuple[str, ...]:
    """At most so many captions, evenly spread over all."""
    return tuple(captions[:: -(-len(captions) // most)]) if captions else ()


def _unpack(packed: dict[str, Tensor], split: str, vae: AnyVAE) -> LatentClips:
    """The inverse for one split."""
    names = ("mu", "std", "lengths", "texts", "counts", "shares")
    mu, std, lengths, texts, counts, shares = (packed[f"{split}.{name}"] for name in names)
    rows = tuple(tuple(part.tolist()) for part in torch.split(texts, counts.tolist()))
    return LatentClips(mu, std, lengths, rows, shares, vae.latent_lengths(lengths), split)


def hash_weights(module: nn.Module) -> str:
    """sha256 of a module's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
