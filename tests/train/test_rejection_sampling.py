"""A base whose motions show what they are asked for, or not: it learns from those that do."""

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
from lead.train.latents import SAMPLED, LatentClips, Latents
from lead.train.rejection_sampling import Topic, draw_samples
from lead.train.stages.refine import add_samples, pack_samples


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


def test_what_shows_its_caption_counts(base, composed):
    samples = draw_samples(base, composed, attempts=64)
    assert 0 < len(samples.z) < 64
    assert len(samples.lengths) == len(samples.captions) == len(samples.topics) == len(samples.z)
    for z, frames, captions in zip(samples.z, samples.lengths.tolist(), samples.captions, strict=True):
        real = int(base.vae.latent_lengths(torch.tensor([frames]))[0])
        assert z[:real].abs().sum() > 0
        assert not z[real:].any()
        assert {meaning.action for caption in captions if (meaning := parse(caption))} <= {
            "walk",
            "stand",
            "run",
            "jog",
        }


def test_a_seed_gives_the_same_samples(base, composed):
    first, again, other = (draw_samples(base, composed, attempts=32, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.z, again.z) and first.captions == again.captions
    assert first.captions != other.captions


def test_samples_do_not_depend_on_the_size_of_batches(base, composed, monkeypatch):
    """The stand-in's motions follow from a row's place in its batch, which the sizes here leave as it is."""
    whole = draw_samples(base, composed, attempts=32)
    monkeypatch.setattr("lead.train.rejection_sampling.BATCH", 8)
    parts = draw_samples(base, composed, attempts=32)
    assert whole.captions == parts.captions
    torch.testing.assert_close(whole.z, parts.z, rtol=1e-3, atol=1e-4)


def test_what_is_shown_half_of_the_time_is_tried_most():
    sometimes, never, always = (Topic(frames=[40] * 4, tried=20, shown=shown) for shown in (10, 0, 20))
    assert sometimes.weight > 2 * max(never.weight, always.weight)
    assert min(never.weight, always.weight) > 0


def test_samples_join_the_latents_with_their_captions(base, composed):
    samples = draw_samples(base, composed, attempts=32)
    packed = pack_samples(samples, base.text, base.style_tokens)
    clips = LatentClips(
        torch.ones(2, 13, 4),
        torch.ones(2, 13, 4),
        torch.tensor([40, 80]),
        ((1,), (2,)),
        torch.ones(2).double(),
        torch.tensor([3, 5]),
    )
    table = torch.randn(3, base.text.d_text)
    latents = add_samples(Latents((clips,), clips, table, "made-up"), packed, base.vae)
    sampled = latents.captioned[-1]
    assert sampled.split == SAMPLED
    assert torch.equal(sampled.mu, samples.z)
    for rows, captions in zip(sampled.texts, samples.captions, strict=True):
        expected = base.text.encode(list(dict.fromkeys(captions)))
        np.testing.assert_allclose(latents.table[list(rows)], expected.detach(), atol=0.05)  # encoded in bfloat16


def test_a_data_set_that_was_not_composed_is_refused(base, composed, tmp_path):
    folder = Path(shutil.copytree(composed, tmp_path / "data"))
    (folder / "train_composed.txt").unlink()
    with pytest.raises(LeadError, match=r"no composed clips: run `lead data compose"):
        draw_samples(base, folder, 8)


def test_a_base_that_shows_nothing_is_refused(tiny_base, composed, monkeypatch):
    monkeypatch.setattr("lead.train.rejection_sampling.holds", lambda meaning, joints: False)
    with pytest.raises(LeadError, match="none of 4 motions shows what its caption says"):
        draw_samples(tiny_base, composed, 4)


def test_the_refine_stage_goes_on_from_the_denoiser_and_takes_its_place(composed, tmp_path, monkeypatch):
    for stage in ("text", "vae", "diffusion", "projector"):
        train(stage, composed, tmp_path)
    monkeypatch.setattr("lead.train.rejection_sampling.holds", lambda meaning, joints: len(joints) > 60)
    before = load_denoiser(tmp_path)
    refined = train("refine", composed, tmp_path)
    assert_same(load_denoiser(tmp_path), refined)
    assert_same(load_denoiser(tmp_path, refined=False), before)
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), refined.parameters(), strict=True))
    assert_same(assemble(composed, tmp_path, "tiny", "").denoiser, refined)
    (samples,) = tmp_path.glob("samples-*.safetensors")
    assert (load_file(samples)["lengths"] > 59).all()
    drawn = samples.stat().st_mtime_ns
    (tmp_path / "refined.safetensors").unlink()
    assert_same(train("refine", composed, tmp_path), refined)
    assert samples.stat().st_mtime_ns == drawn


def assert_same(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name
