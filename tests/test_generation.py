"""Prompts on their way to motions: rows do not depend on each other, and noise is each row's own."""

import torch

from lead.diffusion import draw_noise, list_draws
from lead.generation import PromptBatch, Sampling

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
