"""Prompts to token ids: CLIP's byte-pair encoding, with all of its merges or only the first ones.

A small tower cannot afford CLIP's 49,408 embeddings. With the first N merges alone rarer words fall into more pieces.
Every id below 512 + N is CLIP's own; the two special tokens follow: `start`, then `end`.

`lead.text.prompts` reads a prompt. Its texts are encoded; each concept's token comes back as a `Slot`.
Knows nothing of embeddings.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from lead.text import openclip
from lead.text.prompts import Slot, parse_prompt

CLIP_MERGES = 48894


class Tokenizer:
    """CLIP's tokenizer with the first `merges` of its merges."""

    def __init__(self, merges: int = CLIP_MERGES) -> None:
        if not 0 <= merges <= CLIP_MERGES:
            raise ValueError(f"merges={merges}: CLIP's vocabulary has 0 to {CLIP_MERGES}")
        self._clip, self._clean = _load_clip(merges)
        self.size = 512 + merges + 2
        self.start = self.size - 2
        self.end = self.size - 1

    def clean(self, text: str) -> str:
        """The text as CLIP reads it: in lower case, one space between words, garbled characters repaired."""
        return self._clean(text)

    def encode(self, text: str) -> list[int]:
        """Ids of a text without slots; without `start` and `end`."""
        return self._clip.encode(self.clean(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids from `encode`: in lower case, one space between words."""
        return self._clip.decode(ids).strip()

    def split(self, prompt: str) -> list[int | Slot]:
        """A prompt's ids and slots in order, without `start` and `end`; LeadError for a bad strength."""
        cleaned = self.clean(prompt)  # once: cleaning what is clean can take it for garbled and change it
        parts: list[int | Slot] = []
        for part in parse_prompt(cleaned):
            parts += [part] if isinstance(part, Slot) else self._clip.encode(part)
        return parts

    def whole_words(self) -> dict[str, int]:
        """The vocabulary's plain English words of three letters and more, with their ids."""
        return {
            piece.removesuffix("</w>"): number
            for piece, number in self._clip.encoder.items()
            if re.fullmatch(r"[a-z]{3,}</w>", piece)
        }


@lru_cache(maxsize=4)
def _load_clip(merges: int) -> tuple[openclip.SimpleTokenizer, Callable[[str], str]]:
    """An open_clip tokenizer with its first merges, which leaves cleaning to its caller; and how it would clean.

    Kept for each count of merges, because reading CLIP's vocabulary takes a while; nothing changes it afterwards.
    """
    clip = openclip.load_tokenizer()
    clean, clip.clean_fn = clip.clean_fn, str
    pieces = sorted(clip.encoder, key=clip.encoder.__getitem__)
    specials = pieces[-2:]
    clip.encoder = {piece: number for number, piece in enumerate(pieces[: 512 + merges] + specials)}
    clip.decoder = {number: piece for piece, number in clip.encoder.items()}
    clip.bpe_ranks = {pair: rank for pair, rank in clip.bpe_ranks.items() if rank < merges}
    clip.cache = {special: special for special in specials}
    clip.vocab_size = len(clip.encoder)
    clip.all_special_ids = [clip.encoder[special] for special in specials]
    clip.sot_token_id, clip.eot_token_id = clip.all_special_ids
    return clip, clean
