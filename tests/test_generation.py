"""Prompts on their way to motions: rows do not depend on each other, and noise is each row's own."""

from copy import deepcopy

import pytest
import torch
from stand_in_concept import StandInConcept

from lead.conditioning import add_directions
from lead.diffusion import draw_noise, list_draws
from lead.generation import STYLE_LENGTH, PromptBatch, Sampling, compute_style_direction, encode_prompts
from lead.networks.lora import LoRA

LENGTHS = torch.tensor([16, 24, 16])
PROMPTS = ["a person walks", "a person <x> walks", "a person sits"]


def prepare(base, **sampling) -> PromptBatch:
    words = {"<x>": torch.randn(1, base.config.text.width)}
    return PromptBatch.prepare(base, Sampling(steps=2, **sampling), PROMPTS, LENGTHS, [5, 6, 7], words)


def test_a_row_is_the_same_alone_and_several_times(tiny_base):
    batch = prepare(tiny_base)
    whole = batch.complete(batch.sample(batch.draw_noise()))
    twice = batch.select([1, 0, 1])
    assert twice.prompts == (PROMPTS[1], PROMPTS[0], PROMPTS[1]) and twice.draws == (6, 5, 6)
    z = twice.complete(twice.sample(twice.draw_noise()))
    torch.testing.assert_close(z, whole[[1, 0, 1]], atol=1e-5, rtol=1e-4)


def test_a_batch_is_split_in_order(tiny_base):
    parts = list(prepare(tiny_base, batch=2).split())
    assert [part.prompts for part in parts] == [tuple(PROMPTS[:2]), tuple(PROMPTS[2:])]


def test_noise_is_each_rows_own(tiny_base):
    assert list_draws(2, 3, first=4) == [2_000_010, 2_000_011, 2_000_012]
    assert list_draws([2, 9, 5], 2, first=1) == [9_000_027, 5_000_015]
    one, many = (draw_noise(torch.tensor([2, 3, 2]), 4, [5, 6, 7], tries) for tries in (1, 3))
    assert torch.equal(many[::3], one)
    assert not torch.equal(many[0], many[1])
    assert not one[0, 2:].any() and one[1, 2:].any()


def test_a_manner_in_words_is_a_direction_beside_a_learned_action(tiny_base):
    """The action has its prompt alone; other prompts of the batch, and other words, are as they are without."""
    adapter = LoRA.initialize(tiny_base.denoiser, 2)
    action = StandInConcept(torch.randn(1, 32), adapter=adapter.to_layers())
    prompts = ["a person <x>s twice like an old man", "a person <x> twice", "a person sits", "a person <y>s sadly"]
    words = {"<X>": action, "<y>": torch.randn(1, 32)}
    text, active = encode_prompts(tiny_base, prompts, words)
    lora, style = active
    assert torch.equal(text[0], text[1]) and lora.strengths.tolist() == [1.0, 1.0, 0.0, 0.0]
    torch.testing.assert_close(text[3], tiny_base.encode_text(prompts[3:], words)[0])
    assert torch.equal(style.direction[0], compute_style_direction(tiny_base, "like an old man"))
    assert style.direction[0].norm() > 0 and not style.direction[1:].any()
    z = add_directions(torch.zeros(4, 2, 8), active)
    torch.testing.assert_close(z[0], style.direction[:1].expand(2, -1))
    assert len(encode_prompts(tiny_base, prompts[1:], words)[1]) == 1


def test_a_manner_is_computed_once_for_each_state_of_the_weights(tiny_base):
    base = deepcopy(tiny_base)
    base.style_means.clear()
    sadly = compute_style_direction(base, "sadly")
    assert 0 < sadly.norm() <= STYLE_LENGTH * 1.001
    assert len(base.style_means) == 2  # with it, and without
    assert torch.equal(compute_style_direction(base, "sadly"), sadly) and len(base.style_means) == 2
    with torch.no_grad():
        next(base.denoiser.parameters()).add_(0.1)
    assert not torch.equal(compute_style_direction(base, "sadly"), sadly) and len(base.style_means) == 4


@pytest.mark.parametrize("phrase", ["", "sadly"])
def test_a_manner_leaves_nothing_of_itself_in_plain_prompts(tiny_base, phrase):
    before = tiny_base.generate("a person walks", seconds=1.0)[0].joints
    compute_style_direction(tiny_base, phrase)
    assert (tiny_base.generate("a person walks", seconds=1.0)[0].joints == before).all()
