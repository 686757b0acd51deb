"""A base whose motions show what they are asked for, or not: it learns from both."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import train
from walks import synthesize_steps, synthesize_wave

from lead import Lead
from lead.data.compose.compose import compose_data
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.motion import Motion
from lead.text.parsing import parse
from lead.train.assemble import assemble, load_denoiser
from lead.train.latents import TRIED, LatentClips, Latents
from lead.train.stages.diffusion import Noisy, push_target
from lead.train.stages.refine import PUSH, add_trials, pack_trials
from lead.train.trials import Topic, draw_trials


@pytest.fixture(scope="module")
def composed(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp("clips"), tmp_path_factory.mktemp("out") / "data"
    rows = []
    captions = ["a person walks forward", "someone walks forward", "a person stands still", "a person walks forward"]
    for number, caption in enumerate(captions):
        motion = synthesize_steps(3.0 + 0.5 * number) if "walk" in caption else synthesize_wave(3.0)
        if "stand" in caption:
            motion.joints[:] = motion.joints[:1]
        motion.save(source / f"{number}.npy")
        rows.append({"clip": f"{number}.npy", "captions": [caption], "split": "val" if number == 3 else "train"})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, out)
    compose_data(out, attempts=60, processes=1)
    return out


@pytest.fixture
def base(tiny_base, monkeypatch):
    """Walks forward whatever it is asked for; of two motions one stands still instead."""

    def decode(self, z, lengths, *, clean_feet=False):
        motions = [synthesize_steps(max(length / 20, 2.5)).joints for length in lengths.tolist()]
        still = (np.repeat(joints[:1], len(joints), axis=0) for joints in motions[::2])
        motions[::2] = still
        return [Motion(joints, 20.0) for joints in motions]

    monkeypatch.setattr(Lead, "decode", decode)
    return tiny_base


def test_what_shows_its_caption_is_better_than_what_does_not(base, composed):
    trials = draw_trials(base, composed, attempts=64)
    assert 0 < trials.shown.sum() < 64
    assert len(trials.lengths) == len(trials.captions) == len(trials.topics) == len(trials.z) == 64
    for topic in set(trials.topics):
        shown, advantages = trials.shown[mine := [t == topic for t in trials.topics]], trials.advantages[mine]
        assert advantages.abs().max() <= 1
        if 0 < shown.float().mean() < 1:
            assert advantages[shown].min() > advantages[~shown].max()
    for z, frames, captions in zip(trials.z, trials.lengths.tolist(), trials.captions, strict=True):
        real = int(base.vae.latent_lengths(torch.tensor([frames]))[0])
        assert z[:real].abs().sum() > 0
        assert not z[real:].any()
        actions = {meaning.action for caption in captions if (meaning := parse(caption))}
        assert actions <= {"walk", "stand", "run", "jog", "nod", "shake-head", "sway", "shift-weight"}


def test_a_seed_gives_the_same_trials(base, composed):
    first, again, other = (draw_trials(base, composed, attempts=32, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.z, again.z) and first.captions == again.captions
    assert torch.equal(first.advantages, again.advantages)
    assert first.captions != other.captions


def test_trials_do_not_depend_on_the_size_of_batches(base, composed, monkeypatch):
    """The stand-in's motions follow from a row's place in its batch, which the sizes here leave as it is."""
    whole = draw_trials(base, composed, attempts=32)
    monkeypatch.setattr("lead.train.trials.BATCH", 8)
    parts = draw_trials(base, composed, attempts=32)
    assert whole.captions == parts.captions
    torch.testing.assert_close(whole.z, parts.z, rtol=1e-3, atol=1e-4)


def test_what_is_shown_half_of_the_time_is_tried_most():
    sometimes, never, always = (Topic(frames=[40] * 4, tried=20, shown=shown) for shown in (10, 0, 20))
    assert sometimes.weight > 2 * max(never.weight, always.weight)
    assert min(never.weight, always.weight) > 0


def test_a_target_moves_from_the_prediction_as_far_as_it_is_pushed():
    draws = torch.Generator().manual_seed(0)
    z_t, eps, predicted = (torch.randn(4, 2, 3, generator=draws) for _ in range(3))
    noisy = Noisy(z_t, torch.tensor([0, 10, 500, 999]), torch.zeros(4, 5), torch.full((4,), 8))

    def before(z_t, t, text, lengths):
        return predicted[1:]  # the clip's row is not asked for

    target = push_target(before, noisy, eps, torch.tensor([1.0, 0.0, -1.0, 2.0]))
    torch.testing.assert_close(target[0], eps[0])
    torch.testing.assert_close(target[1], predicted[1])
    torch.testing.assert_close(target[2], 2 * predicted[2] - eps[2])
    torch.testing.assert_close(target[3], 2 * eps[3] - predicted[3])


def test_trials_join_the_latents_with_their_captions(base, composed):
    trials = draw_trials(base, composed, attempts=32)
    packed = pack_trials(trials, base.text, base.style_tokens)
    clips = LatentClips(
        torch.ones(2, 13, 4),
        torch.ones(2, 13, 4),
        torch.tensor([40, 80]),
        ((1,), (2,)),
        torch.ones(2).double(),
        torch.tensor([3, 5]),
    )
    table = torch.randn(3, base.text.d_text)
    latents = add_trials(Latents((clips,), clips, table, "made-up"), packed, base.vae)
    tried = latents.captioned[-1]
    assert tried.split == TRIED
    assert torch.equal(tried.mu, trials.z)
    assert torch.equal(tried.pushes, PUSH * trials.advantages)
    for rows, captions in zip(tried.texts, trials.captions, strict=True):
        expected = base.text.encode(list(dict.fromkeys(captions)))
        np.testing.assert_allclose(latents.table[list(rows)], expected.detach(), atol=0.05)  # encoded in bfloat16


def test_a_data_set_that_was_not_composed_is_refused(base, composed, tmp_path):
    folder = Path(shutil.copytree(composed, tmp_path / "data"))
    (folder / "train_composed.txt").unlink()
    with pytest.raises(LeadError, match=r"no composed clips: run `lead data compose"):
        draw_trials(base, folder, 8)


def test_a_base_that_shows_nothing_is_refused(tiny_base, composed, monkeypatch):
    monkeypatch.setattr("lead.train.trials.holds", lambda meaning, joints: False)
    with pytest.raises(LeadError, match="none of 4 motions shows what its caption says"):
        draw_trials(tiny_base, composed, 4)


def test_the_refine_stage_goes_on_from_the_denoiser_and_takes_its_place(composed, tmp_path, monkeypatch):
    for stage in ("text", "vae", "diffusion", "projector"):
        train(stage, composed, tmp_path)
    monkeypatch.setattr("lead.train.trials.holds", lambda meaning, joints: len(joints) > 60)
    before = load_denoiser(tmp_path)
    refined = train("refine", composed, tmp_path)
    assert_same(load_denoiser(tmp_path), refined)
    assert_same(load_denoiser(tmp_path, refined=False), before)
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), refined.parameters(), strict=True))
    assert_same(assemble(composed, tmp_path, "tiny", "").denoiser, refined)
    (trials,) = tmp_path.glob("trials-*.safetensors")
    assert (load_file(trials)["advantages"] > 0).any()
    drawn = trials.stat().st_mtime_ns
    (tmp_path / "refined.safetensors").unlink()
    assert_same(train("refine", composed, tmp_path), refined)
    assert trials.stat().st_mtime_ns == drawn


def test_the_refine_stage_run_again_makes_a_further_round(composed, tmp_path, monkeypatch):
    for stage in ("text", "vae", "diffusion", "projector"):
        train(stage, composed, tmp_path)
    monkeypatch.setattr("lead.train.trials.holds", lambda meaning, joints: len(joints) > 60)
    first = train("refine", composed, tmp_path)
    (drawn,) = tmp_path.glob("trials-*.safetensors")
    second = train("refine", composed, tmp_path)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    (again,) = tmp_path.glob("trials-*.safetensors")
    assert again != drawn


def assert_same(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name
