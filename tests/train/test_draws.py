"""How often clips are drawn: splits by their shares, actions by the root of their clips' number."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from lead.data.dataset import Clip
from lead.errors import LeadError
from lead.train import latents
from lead.train.clips import ClipBatches, balance
from lead.train.latents import LatentClips, draw_latent_batch
from lead.train.stage import TrainConfig
from lead.train.stages import text_corpus, vae
from lead.train.stages.text import TextLoss, draw_text_batch

STATS = vae.Stats(np.zeros(263, np.float32), np.ones(263, np.float32))
ACTIONS = ["walk"] * 16 + ["wave"] * 4 + ["fall"]


def make_clips(actions: list[str], name: str = "c") -> list[Clip]:
    features = np.zeros((20, 263), np.float32)
    return [Clip(f"{name}{i}", features, (f"a person {a}s",), None, f"{a}; {i}") for i, a in enumerate(actions)]


def count_actions(drawn: list[str], clips: list[Clip]) -> dict[str, float]:
    actions = {clip.id: clip.action for clip in clips}
    counts = Counter(actions[name] for name in drawn)
    return {action: count / len(drawn) for action, count in counts.items()}


def test_an_action_with_four_times_as_many_clips_is_drawn_twice_as_often():
    shares = balance(make_clips(ACTIONS))
    assert shares.sum() == pytest.approx(1)
    sums = [shares[:16].sum(), shares[16:20].sum(), shares[20]]
    np.testing.assert_allclose(sums, np.array([4, 2, 1]) / 7)
    np.testing.assert_allclose(balance(make_clips(["walk"] * 3)), 1 / 3)


def test_an_epoch_has_each_clip_as_often_as_its_share_says():
    clips = make_clips(ACTIONS)
    shares = balance(clips)
    batches = ClipBatches(clips, TrainConfig(batch=4, seed=3), shares)
    seen: Counter[str] = Counter()
    for epoch in range(40):
        steps = range(epoch * batches.groups, (epoch + 1) * batches.groups)
        drawn = Counter(clip.id for step in steps for clip in batches.draw(step).clips)
        assert sum(drawn.values()) == 20
        for clip, share in zip(clips, shares, strict=True):
            assert drawn[clip.id] in (np.floor(20 * share), np.ceil(20 * share))
        seen.update(drawn)
    frequencies = count_actions(list(seen.elements()), clips)
    assert frequencies == pytest.approx({"walk": 4 / 7, "wave": 2 / 7, "fall": 1 / 7}, abs=0.02)


def test_batches_with_shares_follow_from_seed_and_step():
    clips = make_clips(ACTIONS)
    draws = [[clip.id for clip in ClipBatches(clips, TrainConfig(batch=4, seed=seed), balance(clips)).draw(7).clips]
             for seed in (0, 0, 1)]  # fmt: skip
    assert draws[0] == draws[1] != draws[2]


@pytest.fixture
def splits(monkeypatch, tmp_path) -> Path:
    """Splits of 21 clips, 63 composed ones, and 2 variations."""
    actions = {"train": ACTIONS, "train_composed": ACTIONS * 3, "train_varied": ["walk", "wave"]}
    for split in actions:
        (tmp_path / f"{split}.txt").touch()
    for module in (vae.motion_data, text_corpus):
        monkeypatch.setattr(
            module, "load", lambda data, split, stats=None, most=None: make_clips(actions[split], split)
        )
    monkeypatch.setattr(text_corpus, "load_captioned", lambda data: make_clips(ACTIONS, "train"))
    return tmp_path


def test_splits_share_the_draws(splits):
    clips, shares = vae.load_training_clips(splits, STATS)
    assert len(clips) == 86 and shares.sum() == pytest.approx(1)
    total = sum(vae.SHARES[split] for split in ("train", "train_composed", "train_varied"))
    ends = {"train": slice(0, 21), "train_composed": slice(21, 84), "train_varied": slice(84, 86)}
    for split, part in ends.items():
        assert shares[part].sum() == pytest.approx(vae.SHARES[split] / total)
        assert {clip.id[: len(split)] for clip in clips[part]} == {split}
    for split in ("train_composed", "train_varied"):
        (splits / f"{split}.txt").unlink()
    clips, shares = vae.load_training_clips(splits, STATS)
    np.testing.assert_allclose(shares, balance(clips))


def test_the_text_stage_draws_by_shares_too(splits):
    clips, shares = text_corpus.load_text_clips(splits)
    assert len(clips) == 86
    np.testing.assert_allclose([shares[:21].sum(), shares[21:84].sum(), shares[84:].sum()], [0.4, 0.4, 0.2])
    assert len(text_corpus.load_text_clips(splits, most=10)[0]) == 11 + 11 + 2
    nothing = torch.zeros(86, 8)
    corpus = text_corpus.Corpus(clips, shares, nothing, nothing, [], torch.zeros(0, 2, 8), [], nothing[:0])
    train, drawn = TrainConfig(batch=8), []
    for step in range(400):
        batch = draw_text_batch(corpus, TextLoss(meanings=0, words=0), train, step)
        ids = [clip.id for clip in batch.clips.clips]
        assert len(set(ids)) == 8  # no clip is its own negative
        drawn += ids
    assert np.mean([name.startswith("train_varied") for name in drawn]) == pytest.approx(0.19, abs=0.04)
    again = draw_text_batch(corpus, TextLoss(meanings=0, words=0), train, 7)
    assert [clip.id for clip in again.clips.clips] == drawn[56:64]


def test_clips_without_captions_in_plain_words_are_told(splits, monkeypatch):
    monkeypatch.setattr(text_corpus, "_drop_token_captions", lambda clips: [])
    with pytest.raises(LeadError, match="no training clip with a caption in plain words"):
        text_corpus.load_text_clips(splits)


def test_a_folder_without_a_training_split_is_told(tmp_path):
    np.save(tmp_path / "Mean.npy", np.zeros(263, np.float32))
    np.save(tmp_path / "Std.npy", np.ones(263, np.float32))
    (tmp_path / "dataset.json").write_text('{"format": "lead-data/1", "rules": "own"}')
    for load in (text_corpus.load_text_clips, lambda data: vae.load_training_clips(data, vae.Stats.read(data))):
        with pytest.raises(LeadError, match=r"no train\.txt"):
            load(tmp_path)


def make_latents(split: str, shares: list[float], number: float) -> LatentClips:
    """Clips whose latents tell which they are: 10 x number + place."""
    places = torch.arange(len(shares)) + 10.0 * number
    mu = places[:, None, None].expand(-1, 2, 8).clone()
    texts = tuple((1,) if split != "train_mirrored" else () for _ in shares)
    lengths = torch.full((len(shares),), 32)
    return LatentClips(mu, torch.zeros_like(mu), lengths, texts, torch.tensor(shares).double(), lengths // 16, split)


def test_latent_batches_have_each_split_and_clip_by_its_share():
    sources = [make_latents("train", [0.5, 0.25, 0.25], 1), make_latents("train_composed", [0.9, 0.1], 2),
               make_latents("train_mirrored", [1.0], 3)]  # fmt: skip
    table, train, drawn = torch.zeros(2, 4), TrainConfig(batch=22, seed=1), []
    parts = np.array([latents.SHARES[source.split] for source in sources])
    for step in range(200):
        batch = draw_latent_batch(sources, table, train, step)
        ids = batch.z[:, 0, 0].numpy()
        found = [np.sum(ids // 10 == number) for number in (1, 2, 3)]
        assert np.abs(found - 22 * parts / parts.sum()).max() <= 1
        np.testing.assert_array_equal(batch.captioned.numpy(), ids < 30)
        drawn.extend(ids)
    drawn = np.array(drawn)
    assert np.mean(drawn[drawn // 10 == 1] == 10) == pytest.approx(0.5, abs=0.04)
    assert np.mean(drawn[drawn // 10 == 2] == 20) == pytest.approx(0.9, abs=0.03)
    again = draw_latent_batch(sources, table, train, 5)
    assert torch.equal(again.z, draw_latent_batch(sources, table, train, 5).z)


def test_the_denoiser_learns_from_captioned_splits_alone():
    sources = tuple(make_latents(split, [1.0], 1) for split in latents.SHARES)
    found = latents.Latents(sources, sources[0], torch.zeros(2, 4), "made-up").captioned
    assert [source.split for source in found] == ["train", "train_composed", "tried", "train_varied"]
