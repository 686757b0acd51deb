"""Prompts to text features: an open_clip text tower whose token embeddings can be overridden word by word.

A prompt is tokenized; each learned word's vectors take the place of token embeddings *at the embedding
layer*, over dummy ids, any number of vectors a word; positions are added, a causal transformer runs, and
the feature is read at the prompt's end token, whose position we recorded ourselves (open_clip's own
"largest id" pooling would stop at a placeholder). Attention is causal, so everything after the batch's last
end token is left out.

The tower knows nothing of motion nor of concept files: a word arrives as a tensor [vectors, d_token] by its
name with brackets, "<elderly>"; names are compared in lower case. Features are not normalized.

Two presets: `small`, the embedded default's (its weights come with the base model), and `clip-vit-l-14`,
the paper's (its weights are CLIP's own, by open_clip's name or from a local file).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.errors import LeadError
from lead.text import openclip
from lead.text.prompts import Slot, named_tokens
from lead.text.tokenizer import CLIP_MERGES, Tokenizer
from lead.text.transformer import TextTransformer

TOKEN = re.compile(r"<[a-z0-9][a-z0-9-]{0,62}>")
NEUTRAL = "normally"
"""What stands in the place of a word of strength 0 that has no `init`: as a manner's direction is taken from the base's
own motions "normally".  With it walks are normal by .93, with the vocabulary's mean by .91, with "normal" by .45 (a
judge's mean probability, 96 walks)."""


@dataclass(frozen=True)
class TextConfig:
    """The shape of a text tower."""

    width: int = 256
    """d_token: of token embeddings and of the transformer."""
    layers: int = 4
    heads: int = 4
    d_text: int = 256
    """Of the feature."""
    context: int = 77
    """Tokens a prompt may have, start and end included."""
    merges: int = 7500
    """How many of CLIP's 48,894 merges the vocabulary keeps; it has 514 entries more."""
    quick_gelu: bool = False
    """OpenAI's CLIP weights were trained with x * sigmoid(1.702 x)."""


PRESETS = {
    "small": TextConfig(),
    "clip-vit-l-14": TextConfig(768, 12, 12, 768, 77, CLIP_MERGES, quick_gelu=True),
}


class Vocabulary(NamedTuple):
    """How a tower's token embeddings are spread."""

    mean: Float[Tensor, " d_token"]
    std: Float[Tensor, " d_token"]
    norm: float
    """The mean length of an embedding."""


class TextTower(nn.Module):
    """Prompts and learned words to features [batch, d_text]."""

    def __init__(self, config: TextConfig = PRESETS["small"]) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Tokenizer(config.merges)
        self.transformer: Any = TextTransformer(
            vocabulary=self.tokenizer.size,
            context=config.context,
            width=config.width,
            layers=config.layers,
            heads=config.heads,
            d_text=config.d_text,
            quick_gelu=config.quick_gelu,
        )

    @property
    def d_token(self) -> int:
        return self.config.width

    @property
    def d_text(self) -> int:
        return self.config.d_text

    @property
    def device(self) -> torch.device:
        return self.transformer.token_embedding.weight.device

    def forward(
        self, prompts: Sequence[str], words: Mapping[str, Any] | None = None
    ) -> Float[Tensor, "batch d_text"]:
        return self.encode(prompts, words)

    def encode(
        self, prompts: Sequence[str], words: Mapping[str, Any] | None = None
    ) -> Float[Tensor, "batch d_text"]:
        """Features of prompts, not normalized; gradients flow to the words' vectors.

        `words`: token with brackets to [vectors, d_token], tensors or arrays, or to a word's tensors by name, of
        which "token_embedding" and "init" count here. Words that no prompt names change nothing. Raises LeadError for
        a word that is not given, for a strength that is not one and for a prompt over the context.
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        loaded = self._check_words(words or {})
        corners = [_corners(self.tokenizer.split(prompt)) for prompt in prompts]
        rows = [self._ids_and_vectors(prompt, of[0][1], loaded) for prompt, of in zip(prompts, corners, strict=True)]
        features = self._encode(rows)
        others = [(row, *corner) for row, of in enumerate(corners) for corner in of[1:]]
        if not others:
            return features
        weights = torch.tensor([of[0][0] for of in corners]).to(features)
        more = self._encode([self._ids_and_vectors(prompts[row], parts, loaded) for row, _, parts in others])
        shares = torch.tensor([weight for _, weight, _ in others]).to(features)
        into = torch.tensor([row for row, _, _ in others], device=self.device)
        return (weights[:, None] * features).index_add(0, into, shares[:, None] * more)

    def encode_unconditional(self) -> Float[Tensor, "1 d_text"]:
        """The empty prompt's feature."""
        return self.encode([""])

    def named_tokens(self, prompt: str) -> dict[str, float]:
        """The learned words that a prompt names, in lower case with brackets, and how strongly."""
        return named_tokens(self.tokenizer.clean(prompt))

    def _encode(self, rows: Sequence[tuple[list[int], list[tuple[int, Tensor]]]]) -> Float[Tensor, "batch d_text"]:
        tokens = max((len(ids) for ids, _ in rows), default=1)
        ids = torch.full((len(rows), tokens), self.tokenizer.end)
        for row, (row_ids, _) in enumerate(rows):
            ids[row, : len(row_ids)] = torch.tensor(row_ids)
        ends = torch.tensor([len(row_ids) - 1 for row_ids, _ in rows], device=self.device)
        embeddings = self.transformer.token_embedding(ids.to(self.device))
        spliced = [(row, at, vectors) for row, (_, found) in enumerate(rows) for at, vectors in found]
        return self._features(_splice(embeddings, spliced), ends)

    def token_vectors(self, phrase: str) -> Float[Tensor, "vectors d_token"]:
        """The embeddings of a phrase's tokens: where a learned word can start from."""
        ids = self.tokenizer.encode(phrase)
        if not ids:
            raise LeadError(f"the phrase {phrase!r} has no words in it; give one such as 'walks backward'")
        return self.transformer.token_embedding.weight[ids].detach().clone()

    def vocabulary(self) -> Vocabulary:
        """Mean, spread and length of the embeddings of whole English words."""
        ids = torch.tensor(sorted(self.tokenizer.whole_words().values()), device=self.device)
        vectors = self.transformer.token_embedding.weight[ids].detach()
        return Vocabulary(vectors.mean(0), vectors.std(0), float(vectors.norm(dim=-1).mean()))

    def _check_words(self, words: Mapping[str, Any]) -> dict[str, tuple[Tensor, Any]]:
        """By name in lower case a word's vectors, and its `init`: a phrase or vectors."""
        checked = {}
        for token, vectors in words.items():
            name, init = token.lower(), NEUTRAL
            if not TOKEN.fullmatch(name):
                raise LeadError(
                    f"the word {token!r} cannot be used in a prompt; expected a name in angle brackets of "
                    "letters, digits and hyphens, such as <my-concept>"
                )
            if isinstance(vectors, Mapping):
                vectors, init = vectors["token_embedding"], vectors.get("init", NEUTRAL)
            tensors = [torch.as_tensor(given) for given in (vectors, init) if not isinstance(given, str)]
            for tensor in tensors:
                if tensor.ndim != 2 or tensor.shape[1] != self.d_token or not len(tensor):
                    raise LeadError(
                        f"{name} has vectors of shape {list(tensor.shape)}, this base model's words have "
                        f"[vectors, {self.d_token}]: it was learned on another base model; learn it on this one"
                    )
            known = [tensor.to(self.device, self.transformer.token_embedding.weight.dtype) for tensor in tensors]
            checked[name] = known[0], known[1] if len(known) > 1 else init
        return checked

    def _spoken(self, slot: Slot, words: Mapping[str, tuple[Tensor, Any]], prompt: str) -> Tensor:
        """The vectors in a word's place: its own, or at strength 0 those of its `init`."""
        vectors, init = _look_up(slot.token, words, prompt)
        if slot.strength:
            return vectors
        return self.token_vectors(init) if isinstance(init, str) else init

    def _ids_and_vectors(
        self, prompt: str, parts: Sequence[int | Slot], words: Mapping[str, tuple[Tensor, Any]]
    ) -> tuple[list[int], list[tuple[int, Tensor]]]:
        """A prompt's ids from start to end, and where in them which vectors go."""
        ids = [self.tokenizer.start]
        found = []
        for part in parts:
            if isinstance(part, Slot):
                vectors = self._spoken(part, words, prompt)
                found.append((len(ids), vectors))
                ids += [self.tokenizer.end] * len(vectors)
            else:
                ids.append(part)
        ids.append(self.tokenizer.end)
        if len(ids) > self.config.context:
            excess = len(ids) - self.config.context
            held = sum(len(vectors) for _, vectors in found)
            words_hold = f" ({held} of them are learned words')" if held else ""
            raise LeadError(
                f"this prompt has {len(ids)} tokens{words_hold}, the text tower reads {self.config.context}: "
                f"shorten it by {excess} tokens (words have 1 to 3): {_excerpt(prompt)!r}"
            )
        return ids, found

    def _features(
        self, embeddings: Float[Tensor, "batch tokens d_token"], ends: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d_text"]:
        tower, tokens = self.transformer, embeddings.shape[1]
        x = embeddings + tower.positional_embedding[:tokens]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:tokens, :tokens])
        pooled = x[torch.arange(len(x), device=x.device), ends]
        return tower.ln_final(pooled) @ tower.text_projection


def clip_tower(preset: str = "clip-vit-l-14", weights: str | Path = "openai") -> TextTower:
    """A tower with CLIP's published weights: open_clip's name for them, or a local file or folder."""
    config = PRESETS[preset]
    tensors = openclip.text_weights(weights, "ViT-L-14")
    tower = TextTower(config)
    expected = {name: tuple(tensor.shape) for name, tensor in tower.transformer.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items() if name in expected}
    if found != expected:
        wrong = sorted(name for name in expected if found.get(name) != expected[name])
        raise LeadError(
            f"{weights}: {len(wrong)} tensors of {preset} are missing or of another shape, the first is "
            f"{wrong[0]} {found.get(wrong[0], 'missing')}, expected {expected[wrong[0]]}; is it another CLIP?"
        )
    tower.transformer.load_state_dict({name: tensors[name].float() for name in expected})
    return tower.eval()


def _splice(
    embeddings: Float[Tensor, "batch tokens d_token"], spliced: Sequence[tuple[int, int, Tensor]]
) -> Float[Tensor, "batch tokens d_token"]:
    """The embeddings with each (row, position, vectors) written over those from that position on."""
    if not spliced:
        return embeddings
    rows = [row for row, _, vectors in spliced for _ in vectors]
    columns = [at + offset for _, at, vectors in spliced for offset in range(len(vectors))]
    index = torch.tensor([rows, columns], device=embeddings.device)
    return embeddings.index_put((index[0], index[1]), torch.cat([vectors for _, _, vectors in spliced]))


def _corners(parts: Sequence[int | Slot]) -> list[tuple[float, list[int | Slot]]]:
    """Prompts whose words are there (strength 1) or not (0), with their shares; first the one with all words.

    The shares are 1 - s_1, s_1 - s_2, ..., s_n: the module's equation, gathered by prompt.
    """
    steps = sorted({part.strength for part in parts if isinstance(part, Slot)} - {0.0}) or [1.0]
    corners = [(steps[0], 0.0)]  # share, and which strengths are left out: those up to it
    corners += [(upper - lower, lower) for lower, upper in pairwise(steps)]
    if steps[-1] != 1.0:
        corners.append((1.0 - steps[-1], steps[-1]))
    return [(share, [_there(part, least) for part in parts]) for share, least in corners]


def _there(part: int | Slot, left_out: float) -> int | Slot:
    return replace(part, strength=float(part.strength > left_out)) if isinstance(part, Slot) else part


def _look_up(token: str, words: Mapping[str, tuple[Tensor, Any]], prompt: str) -> tuple[Tensor, Any]:
    if token in words:
        return words[token]
    message = f"the prompt {_excerpt(prompt)!r} names {token}, which is not loaded"
    if words:
        message += f"; loaded: {', '.join(sorted(words))}"
    near = difflib.get_close_matches(token, words, n=3)
    if near:
        message += f"; did you mean {' or '.join(near)}?"
    raise LeadError(message + ("" if near else "; give its concept file, or write it without angle brackets"))


def _excerpt(prompt: str, characters: int = 80) -> str:
    return prompt if len(prompt) <= characters else prompt[: characters - 3] + "..."
