"""What learned words do to a motion beyond what the prompt says: adapters and directions, prompt by prompt.

A word's vectors act through the text feature, which is `lead.text.tower`'s affair.  A word may also have an adapter of the
denoiser and a direction in the latent space; both act on the prompts that name it, and on no others.

A word with a direction is a manner.  What a person does is decided at high noise, by the prompt; how they do it below.
So a manner's adapter, learned from one action, acts on all noise levels only where the prompt asks for that action, its
*home*, and elsewhere on the lowest.  Its direction, the other way round, acts in full elsewhere, and at home in part:
there the vectors and the adapter have learned the rest.  Between, both go along a line in the cosine of the features
of the prompt's text and home's, without the word.
Knows nothing of concept files, and not how prompts are read: which words each of them names comes from the text tower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from lead.networks.lora import PREFIX, LoRA
from lead.text.tower import NEUTRAL, TextTower

Words = Mapping[str, Any]
"""Learned words by token name: vectors [vectors, d_token], or a word's tensors by name, with "home": the prompts that a
manner was learned in, `{}` in its place."""

ABROAD = 0.3
"""The share of noise levels, from the lowest, on which a manner's adapter acts on other actions than its home's."""
AT_HOME = 0.37
"""The share of a manner's direction that acts at home, where it has an adapter."""
AWAY, NEAR = 0.4, 0.8
"""Cosines to home.  Other ways to say "walks" have .81 to .98, turns and walks backward .34 to .38, the rest less."""


@dataclass(frozen=True, eq=False)
class ActiveConcept:
    """One word that is more than vectors, and how strongly each prompt has it; 0 where it is not named."""

    adapter: LoRA | None
    direction: Float[Tensor, "d_latent"]
    strengths: Float[Tensor, "batch"]
    reach: Float[Tensor, "batch"]
    """The share of noise levels, from the lowest, on which the adapter acts."""
    share: Float[Tensor, "batch"]
    """Of the direction."""


def active_concepts(text: TextTower, prompts: Sequence[str], words: Words) -> list[ActiveConcept]:
    """The words that some prompt names and that are more than vectors."""
    more = {token.lower(): word for token, word in words.items() if isinstance(word, Mapping)}
    named, acting = [text.named_tokens(prompt) for prompt in prompts] if more else [], []
    for token, word in more.items():
        strengths = torch.tensor([tokens.get(token, 0.0) for tokens in named], device=text.device)
        if strengths.any():
            adapter = LoRA.of(word).to(text.device) if any(name.startswith(PREFIX) for name in word) else None
            direction = torch.as_tensor(word.get("direction", 0.0)).to(strengths)
            reach = share = torch.ones_like(strengths)
            if adapter and "direction" in word:
                near = _nearness(text, prompts, [prompt.replace("{}", token) for prompt in word.get("home", ())])
                reach, share = ABROAD + (1 - ABROAD) * near, 1 - (1 - AT_HOME) * near
            acting.append(ActiveConcept(adapter, direction, strengths, reach, share))
    return acting


def _nearness(text: TextTower, prompts: Sequence[str], home: Sequence[str]) -> Float[Tensor, "batch"]:
    """0 far from home, 1 near it."""
    neutral = text.token_vectors(NEUTRAL)
    said = [*prompts, *home]
    plain = text.encode(said, {token: neutral for prompt in said for token in text.named_tokens(prompt)})
    here, there = plain[: len(prompts), None], plain[None, len(prompts) :]
    near = cosine_similarity(here, there, dim=-1).amax(dim=1) if home else plain.new_zeros(len(prompts))
    return ((near - AWAY) / (NEAR - AWAY)).clamp(0.0, 1.0)
