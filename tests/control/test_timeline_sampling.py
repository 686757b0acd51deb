"""Timelines as latents: windows share every latent, any length decodes, and a concept acts in its own segments."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in_concept import StandInConcept

from lead import Lead, LeadError
from lead.conditioning import ActiveConcept, mix_adapters
from lead.control.timeline import Segment, Timeline
from lead.control.timeline_sampling import Plan, decode_in_windows, join_windows, plan_timeline
from lead.motion import measures
from lead.motion.motion_like import TimeMark
from lead.networks.lora import LoRA

CPU = torch.device("cpu")
WALK, WAVE, JUMP = "a person walks", "a person waves", "a person jumps"


def make_plan(seconds: list[float], transition: float = 1.6) -> Plan:
    return plan_timeline(Timeline(tuple(Segment(WALK, one) for one in seconds), transition), 20.0, 16, 196)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.8, 40.0), min_size=1, max_size=8), st.floats(0, 4), st.integers(1, 5))
def test_the_weights_of_a_latent_sum_to_one(seconds: list[float], transition: float, batch: int) -> None:
    plan = make_plan(seconds, transition)
    total = torch.zeros(len(plan.shares))
    for windows in plan.split(batch, CPU):
        assert len(windows) <= batch and int(windows.lengths.max()) <= 196 and int(windows.lengths.min()) > 0
        assert bool((windows.weights >= -1e-6).all())
        total.index_add_(0, windows.latents.flatten(), windows.weights.flatten())
    torch.testing.assert_close(total, torch.ones_like(total))
    assert int(plan.own_latents.sum()) == len(plan.shares) and bool((plan.own_latents > 0).all())
    assert abs(plan.frames - 20 * sum(seconds)) <= 2 + 1e-9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.8, 30.0), min_size=1, max_size=4))
def test_windows_that_agree_give_what_they_agree_on(seconds: list[float]) -> None:
    plan = make_plan(seconds)
    z = torch.randn(1, len(plan.shares), 3, generator=torch.Generator().manual_seed(0))
    network = join_windows([(windows, lambda z_t, t: 2 * z_t) for windows in plan.split(4, CPU)], 1)
    torch.testing.assert_close(network(z, torch.tensor([5])), 2 * z)


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 400).map(lambda units: 4 * units))
def test_a_decoder_that_sees_each_latent_alone_gives_the_same_in_windows(frames: int) -> None:
    z = torch.randn(-(-frames // 16), 2, generator=torch.Generator().manual_seed(0))
    lengths = []

    def decode(part: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        lengths.append(int(length[0]))
        return part.repeat_interleave(16, dim=1)

    whole = decode_in_windows(decode, z, frames, 16, 196)
    np.testing.assert_allclose(whole, z.repeat_interleave(16, dim=0)[:frames], atol=1e-6)
    assert max(lengths) <= 196 and len(whole) == frames


def test_one_segment_is_the_motion_of_its_prompt(tiny_base: Lead) -> None:
    for seconds, seed in ((4.0, 3), (9.8, 4)):
        joined = tiny_base.generate_timeline(Timeline((Segment(WALK, seconds),)), seed=seed)
        alone = tiny_base.generate(WALK, seconds=seconds, seed=seed)[0]
        np.testing.assert_array_equal(joined.joints, alone.joints)
        assert joined.marks == (TimeMark(0.0, seconds, WALK),)


def test_seeds_give_the_same_motion_whatever_the_batch(tiny_base: Lead) -> None:
    timeline = Timeline((Segment(WALK, 3.0), Segment(WAVE, 12.0), Segment(JUMP, 2.0, seed=5)))
    calls: list[tuple[int, int]] = []
    first = tiny_base.generate_timeline(timeline, seed=1, steps=3, progress=lambda *at: calls.append(at))
    assert calls == [(1, 3), (2, 3), (3, 3)] and len(first.joints) == 340
    again = tiny_base.generate_timeline(timeline, seed=1, steps=3, batch=2)
    np.testing.assert_allclose(first.joints, again.joints, atol=1e-4)
    for other, seed in ((timeline, 2), (replace(timeline, transition=0.4), 1), (timeline.vary(1), 1)):
        changed = tiny_base.generate_timeline(other, seed=seed, steps=3)
        assert not np.allclose(first.joints, changed.joints, atol=1e-3)


def test_a_direction_acts_in_its_own_segment(tiny_base: Lead) -> None:
    word = StandInConcept(torch.zeros(1, 32), direction=3 * torch.ones(8))
    segments = (Segment(WALK, 14.0), Segment("a person walks in <x> style", 4.0))
    plain, styled = (
        tiny_base.generate_timeline(
            Timeline(segments), words={"<x>": one}, steps=3, realign=False, clean_feet=False
        ).joints
        for one in (word.token_embedding, word)
    )
    np.testing.assert_array_equal(plain[:120], styled[:120])  # what no window of the decoder shares with the segment
    assert np.abs(measures.in_body_frame(plain[-60:]) - measures.in_body_frame(styled[-60:])).max() > 0.05


def test_a_condition_stands_in_place_of_a_prompt(tiny_base: Lead) -> None:
    walk, wave = tiny_base.encode_text([WALK, WAVE])
    stated = tiny_base.generate_timeline(Timeline((Segment(WALK, 2.0), Segment(WAVE, 2.0))))
    given = tiny_base.generate_timeline(Timeline((Segment(JUMP, 2.0), Segment(WAVE, 2.0))), conditions={0: walk})
    np.testing.assert_allclose(given.joints, stated.joints, atol=1e-5)
    other = tiny_base.generate_timeline(Timeline((Segment(WALK, 2.0), Segment(WAVE, 2.0))), conditions={0: wave})
    assert np.abs(other.joints - stated.joints).max() > 1e-3


def test_an_adapter_fades_in_a_transition() -> None:
    ones, lora = torch.ones(3), LoRA({})
    active = ActiveConcept(lora, None, torch.tensor([0.0, 1.0, 0.5]), torch.tensor([1.0, 0.3, 0.6]), ones, ones)
    shares = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1.0, 0], [0, 0.5, 0.5]])
    (mixed,) = mix_adapters([active], shares)
    torch.testing.assert_close(mixed.strengths, torch.tensor([0.0, 0.5, 1.0, 0.75]))
    torch.testing.assert_close(mixed.t_max, torch.tensor([0.0, 0.3, 0.3, 0.6]))
    assert mix_adapters([active], shares[:1]) == []


def test_what_a_base_cannot_do_is_refused() -> None:
    with pytest.raises(LeadError, match=r"segment 2, 'a person waves': 0.5 s; expected 0.8 s or more"):
        plan_timeline(Timeline((Segment(WALK, 4.0), Segment(WAVE, 0.5))), 20.0, 16, 196)
    with pytest.raises(LeadError, match="one latent for a whole motion"):
        plan_timeline(Timeline((Segment(WALK, 4.0),)), 20.0, 500, 196)


def test_a_person_walks_then_sits_down_then_waves() -> None:
    timeline = Timeline.parse("a person walks forward 4s, then sits down 4s, then stands up 4s, then waves 4s")
    motion = Lead.load().generate_timeline(timeline, seed=0)
    pelvis = measures.pelvis_height(motion.joints)
    assert measures.path_length(motion.joints[:80]) > 2.0 and measures.path_length(motion.joints[100:]) < 1.5
    assert pelvis[:60].min() > 0.85 and pelvis[120:160].min() < 0.7 and pelvis[260:].min() > 0.85
    steps = np.linalg.norm(np.diff(motion.joints, axis=0), axis=-1)
    assert max(steps[border - 10 : border + 10].max() for border in (80, 160, 240)) < 1.2 * steps.max()
    assert steps.max() < 0.4
