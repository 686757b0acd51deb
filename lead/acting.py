"""What learnt words do to a motion beyond what the prompt says: adapters and directions, prompt by prompt.

A word's vectors act through the text feature, which is `lead.text`'s affair.  A word may also have an adapter of the
denoiser and a direction in the latent space; both act on the prompts that name it, and on no others.
Knows nothing of concept files, and not how prompts are read: which words each of them names comes from the text tower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lead.adapter import PREFIX, Adapter
from lead.text import TextTower

Words = Mapping[str, Any]
"""Learned words by token name: vectors [vectors, d_token], or a word's tensors by name."""


@dataclass(frozen=True, eq=False)
class ActingWord:
    """One word that is more than vectors, and how strongly each prompt has it; 0 where it is not named."""

    adapter: Adapter | None
    direction: Float[Tensor, "d_latent"]
    strengths: Float[Tensor, "batch"]


def acting_words(text: TextTower, prompts: Sequence[str], words: Words) -> list[ActingWord]:
    """The words that some prompt names and that are more than vectors."""
    more = {token.lower(): word for token, word in words.items() if isinstance(word, Mapping)}
    named, acting = [text.named(prompt) for prompt in prompts] if more else [], []
    for token, word in more.items():
        strengths = torch.tensor([tokens.get(token, 0.0) for tokens in named], device=text.device)
        if strengths.any():
            adapter = Adapter.of(word).to(text.device) if any(name.startswith(PREFIX) for name in word) else None
            direction = torch.as_tensor(word.get("direction", 0.0)).to(strengths)
            acting.append(ActingWord(adapter, direction, strengths))
    return acting
