"""Prompts to text features: an open_clip text tower in which vectors can stand in the place of a token's embeddings.

A prompt is tokenized. A concept's vectors replace embeddings *at the embedding layer*, over placeholder ids, any number
of vectors a token. Positions are added, a causal transformer runs, and the feature is read at the prompt's end token,
whose position is recorded here (open_clip's own "largest id" pooling would stop at a placeholder). Attention is causal,
so everything after the batch's last end token is left out.

A strength s of a token moves the feature along a line, from the prompt without the concept (its initializer in the
token's place) to the prompt with it. Where tokens of one prompt have strengths s_1 < ... < s_n, the line has corners:

    tau = (1 - s_n) tau_0 + (s_n - s_(n-1)) tau_n + ... + s_1 tau_1,

where tau_0 is without all concepts, and tau_k has those whose strength is at least s_k.

Concepts come by token with brackets, "<elderly>", as vectors [vectors, d_token] or as `WordTensors`; tokens are
compared in lower case. Features are not normalized. Knows nothing of motion nor of concept files.

Two presets: `small`, the embedded default's (its weights come with the base model), and `clip-vit-l-14`,
the paper's (its weights are CLIP's own, by open_clip's name or from a local file).
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.errors import LeadError
from lead.text import openclip
from lead.text.prompts import TOKEN, Slot, find_tokens
from lead.text.tokenizer import CLIP_MERGES, Tokenizer
from lead.text.transformer import TextTransformer

NEUTRAL = "normally"
"""Stands in the place of a token of strength 0 whose concept has no initializer, as in the prompts of the motions from
which a style's direction is measured. With it .93 of walks are normal, with the vocabulary's mean .91, with "normal"
.45 (a judge's mean probability, 96 walks)."""


@runtime_checkable
class WordTensors(Protocol):
    """The text side of a concept."""

    @property
    def token_embedding(self) -> Tensor | np.ndarray:
        """[vectors, d_token]: stands in the token's place."""

    @property
    def initializer(self) -> str | Tensor | np.ndarray | None:
        """A phrase or vectors [initial_vectors, d_token] that stand there at strength 0; None for `NEUTRAL`."""


class TokenVectors(NamedTuple):
    """A concept's vectors, checked and on the tower's device."""

    vectors: Float[Tensor, "vectors d_token"]
    initializer: str | Float[Tensor, "initial_vectors d_token"]


class EncodedPrompt(NamedTuple):
    """A prompt's ids from start to end, and the vectors that replace embeddings, each with its first position."""

    ids: list[int]
    replacements: list[tuple[int, Float[Tensor, "_ d_token"]]]


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
    """How many of CLIP's 48,894 merges the vocabulary keeps; it has 514 more entries."""
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
    """Prompts to features [batch, d_text], with vectors in the places of tokens."""

    def __init__(self, config: TextConfig = PRESETS["small"]) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Tokenizer(config.merges)
        self.transformer = TextTransformer(
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
        return self._embedding.device

    @property
    def _embedding(self) -> Float[Tensor, "vocabulary d_token"]:
        return self.transformer.token_embedding.weight

    def forward(
        self, prompts: Sequence[str], words: Mapping[str, Tensor | np.ndarray | WordTensors] | None = None
    ) -> Float[Tensor, "batch d_text"]:
        """`encode`."""
        return self.encode(prompts, words)

    def encode(
        self, prompts: Sequence[str], words: Mapping[str, Tensor | np.ndarray | WordTensors] | None = None
    ) -> Float[Tensor, "batch d_text"]:
        """Features of prompts, not normalized; gradients flow to the words' vectors.

        `words`: by token with brackets, vectors [vectors, d_token] or the text side of a concept. Tokens that no prompt
        names change nothing. Raises LeadError for a token that is not given, for a bad strength and for a prompt
        that is longer than the context.
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        loaded = self._load_words(words or {})
        corners = [_split_into_corners(self.tokenizer.split(prompt)) for prompt in prompts]
        first = [self._place_vectors(prompt, of[0][1], loaded) for prompt, of in zip(prompts, corners, strict=True)]
        features = self._encode_prompts(first)
        others = [(row, *corner) for row, of in enumerate(corners) for corner in of[1:]]
        if not others:
            return features
        more = self._encode_prompts([self._place_vectors(prompts[row], parts, loaded) for row, _, parts in others])
        weights = torch.tensor([of[0][0] for of in corners]).to(features)
        more_weights = torch.tensor([weight for _, weight, _ in others]).to(features)
        rows = torch.tensor([row for row, _, _ in others], device=self.device)
        return (weights[:, None] * features).index_add(0, rows, more_weights[:, None] * more)

    def encode_unconditional(self) -> Float[Tensor, "1 d_text"]:
        """The empty prompt's feature."""
        return self.encode([""])

    def find_tokens(self, prompt: str) -> dict[str, float]:
        """The tokens that a prompt names, in lower case with brackets, and their strengths."""
        return find_tokens(self.tokenizer.clean(prompt))

    def token_vectors(self, phrase: str) -> Float[Tensor, "vectors d_token"]:
        """The embeddings of a phrase's tokens: where learning can start from."""
        ids = self.tokenizer.encode(phrase)
        if not ids:
            raise LeadError(f"the phrase {phrase!r} has no words in it; give one such as 'walks backward'")
        return self._embedding[ids].detach().clone()

    def vocabulary(self) -> Vocabulary:
        """Mean, spread and length of the embeddings of whole English words."""
        ids = torch.tensor(sorted(self.tokenizer.whole_words().values()), device=self.device)
        vectors = self._embedding[ids].detach()
        return Vocabulary(vectors.mean(0), vectors.std(0), float(vectors.norm(dim=-1).mean()))

    def _load_words(self, words: Mapping[str, Tensor | np.ndarray | WordTensors]) -> dict[str, TokenVectors]:
        """Check all words and bring them to the tower's device and dtype; by token in lower case."""
        loaded = {}
        for given, word in words.items():
            token = given.lower()
            if not TOKEN.fullmatch(token):
                raise LeadError(
                    f"the word {given!r} cannot be used in a prompt; expected a name in angle brackets without "
                    "spaces, such as <my-concept>"
                )
            if isinstance(word, WordTensors):
                initializer = NEUTRAL if word.initializer is None else word.initializer
                start = initializer if isinstance(initializer, str) else self._load_vectors(token, initializer)
                loaded[token] = TokenVectors(self._load_vectors(token, word.token_embedding), start)
            else:
                loaded[token] = TokenVectors(self._load_vectors(token, word), NEUTRAL)
        return loaded

    def _load_vectors(self, token: str, vectors: Tensor | np.ndarray) -> Float[Tensor, "vectors d_token"]:
        if not isinstance(vectors, Tensor | np.ndarray):
            raise LeadError(
                f"{token} is given as {type(vectors).__name__}; expected vectors [vectors, {self.d_token}], or "
                "what `Concept.words` has for it"
            )
        tensor = torch.as_tensor(vectors)
        if tensor.ndim != 2 or tensor.shape[1] != self.d_token or not len(tensor):
            raise LeadError(
                f"{token} has vectors of shape {list(tensor.shape)}, this base model's words have "
                f"[vectors, {self.d_token}]: it was learned on another base model; learn it on this one"
            )
        return tensor.to(self.device, self._embedding.dtype)

    def _place_vectors(
        self, prompt: str, parts: Sequence[int | Slot], words: Mapping[str, TokenVectors]
    ) -> EncodedPrompt:
        """A prompt's ids, with placeholder ids where vectors of a word go."""
        ids = [self.tokenizer.start]
        replacements = []
        for part in parts:
            if isinstance(part, Slot):
                vectors = self._choose_vectors(_look_up(part.token, words, prompt), part.strength)
                replacements.append((len(ids), vectors))
                ids += [self.tokenizer.end] * len(vectors)
            else:
                ids.append(part)
        ids.append(self.tokenizer.end)
        if len(ids) > self.config.context:
            excess = len(ids) - self.config.context
            held = sum(len(vectors) for _, vectors in replacements)
            words_hold = f" ({held} of them are learned words')" if held else ""
            raise LeadError(
                f"this prompt has {len(ids)} tokens{words_hold}, the text tower reads {self.config.context}: "
                f"shorten it by {excess} tokens (words have 1 to 3): {_shorten(prompt)!r}"
            )
        return EncodedPrompt(ids, replacements)

    def _choose_vectors(self, word: TokenVectors, strength: float) -> Float[Tensor, "_ d_token"]:
        """The word's own vectors, or at strength 0 those of its initializer."""
        if strength:
            return word.vectors
        return self.token_vectors(word.initializer) if isinstance(word.initializer, str) else word.initializer

    def _encode_prompts(self, prompts: Sequence[EncodedPrompt]) -> Float[Tensor, "batch d_text"]:
        tokens = max((len(prompt.ids) for prompt in prompts), default=1)
        ids = torch.full((len(prompts), tokens), self.tokenizer.end)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt.ids)] = torch.tensor(prompt.ids)
        ends = torch.tensor([len(prompt.ids) - 1 for prompt in prompts], device=self.device)
        embeddings = self.transformer.token_embedding(ids.to(self.device))
        placed = [(row, at, vectors) for row, prompt in enumerate(prompts) for at, vectors in prompt.replacements]
        return self._compute_features(_replace_embeddings(embeddings, placed), ends)

    def _compute_features(
        self, embeddings: Float[Tensor, "batch tokens d_token"], ends: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d_text"]:
        tower, tokens = self.transformer, embeddings.shape[1]
        x = embeddings + tower.positional_embedding[:tokens]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:tokens, :tokens])
        pooled = x[torch.arange(len(x), device=x.device), ends]
        features: Tensor = tower.ln_final(pooled) @ tower.text_projection
        return features


def clip_tower(preset: str = "clip-vit-l-14", weights: str | Path = "openai") -> TextTower:
    """A tower with CLIP's published weights: open_clip's name for them, or a local file or folder."""
    config = PRESETS[preset]
    tensors = openclip.load_text_weights(weights, "ViT-L-14")
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


def _replace_embeddings(
    embeddings: Float[Tensor, "batch tokens d_token"],
    placed: Sequence[tuple[int, int, Float[Tensor, "_ d_token"]]],
) -> Float[Tensor, "batch tokens d_token"]:
    """The embeddings with each (row, position, vectors) written over those from that position on."""
    if not placed:
        return embeddings
    rows = [row for row, _, vectors in placed for _ in vectors]
    columns = [at + offset for _, at, vectors in placed for offset in range(len(vectors))]
    index = torch.tensor([rows, columns], device=embeddings.device)
    return embeddings.index_put((index[0], index[1]), torch.cat([vectors for _, _, vectors in placed]))


def _split_into_corners(parts: Sequence[int | Slot]) -> list[tuple[float, list[int | Slot]]]:
    """The corners of the module's equation with their weights; in each, strengths are 0 or 1.

    The corner with all concepts comes first. A prompt without strengths is one corner of weight 1.
    """
    strengths = sorted({part.strength for part in parts if isinstance(part, Slot)} - {0.0}) or [1.0]
    corners = [(strengths[0], 0.0)]  # the weight, and the greatest strength that is left out
    corners += [(upper - lower, lower) for lower, upper in pairwise(strengths)]
    if strengths[-1] != 1.0:
        corners.append((1.0 - strengths[-1], strengths[-1]))
    return [(weight, [_leave_out(part, most) for part in parts]) for weight, most in corners]


def _leave_out(part: int | Slot, most: float) -> int | Slot:
    """A slot at strength 0 where its strength is up to `most`, at 1 otherwise."""
    return replace(part, strength=float(part.strength > most)) if isinstance(part, Slot) else part


def _look_up(token: str, words: Mapping[str, TokenVectors], prompt: str) -> TokenVectors:
    if token in words:
        return words[token]
    message = f"the prompt {_shorten(prompt)!r} names {token}, which is not loaded"
    if words:
        message += f"; loaded: {', '.join(sorted(words))}"
    near = difflib.get_close_matches(token, words, n=3)
    if near:
        message += f"; did you mean {' or '.join(near)}?"
    raise LeadError(message + ("" if near else "; give its concept file, or write it without angle brackets"))


def _shorten(prompt: str, characters: int = 80) -> str:
    return prompt if len(prompt) <= characters else prompt[: characters - 3] + "..."
