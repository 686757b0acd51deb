"""The evaluator on small random data: shapes, padding, files, the loss, training and its resume."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lead.errors import LeadError
from lead.eval.evaluator import (
    EVALUATOR_TRAIN,
    Evaluator,
    EvaluatorConfig,
    caption_groups,
    contrastive_loss,
    like_lengths,
    pad_features,
    split_words,
    train_evaluator,
    word_list,
)
from lead.motion.features import Stats

TINY = EvaluatorConfig(
    words=("a", "jumps", "person", "walks"),
    d_motion=16,
    motion_layers=1,
    d_text=8,
    text_layers=1,
    heads=2,
    d=12,
)


@pytest.fixture
def evaluator():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    stats = Stats(rng.normal(size=263).astype(np.float32), rng.uniform(0.5, 2.0, size=263).astype(np.float32))
    return Evaluator(TINY, stats).eval()


@pytest.fixture
def clips():
    rng = np.random.default_rng(1)
    return [rng.normal(size=(frames, 263)).astype(np.float32) for frames in (12, 40, 17)]


def test_embeddings_do_not_depend_on_padding_or_company(evaluator, clips):
    together = evaluator.embed_motions(clips)
    assert together.shape == (3, 12)
    alone = np.concatenate([evaluator.embed_motions([clip]) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    captions = ["a person walks", "a person jumps and then walks around, oddly", ""]
    together = evaluator.embed_texts(captions)
    alone = np.concatenate([evaluator.embed_texts([caption]) for caption in captions])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_contacts_are_not_read_and_other_features_are(evaluator, clips):
    before = evaluator.embed_motions(clips)
    changed = [clip.copy() for clip in clips]
    for clip in changed:
        clip[:, 259:] += 1.0
    np.testing.assert_array_equal(evaluator.embed_motions(changed), before)
    changed[0][5, 258] += 1.0
    assert not np.allclose(evaluator.embed_motions(changed)[0], before[0])


def test_embedding_leaves_the_training_mode_as_it_was(evaluator, clips):
    evaluator.train()
    first, second = evaluator.embed_motions(clips), evaluator.embed_motions(clips)
    np.testing.assert_array_equal(first, second)
    assert evaluator.training
    assert evaluator.embed_motions([]).shape == (0, 12)


def test_words_are_split_counted_and_numbered(evaluator):
    assert split_words("A person's LEFT hand, raised-up.") == [
        "a",
        "person",
        "s",
        "left",
        "hand",
        "raised",
        "up",
    ]
    assert word_list(["a b", "b c", "c."]) == ("b", "c")
    ids = evaluator.tokenize(["a person walks", "a cat"])
    assert ids.tolist() == [[2, 4, 5], [2, 1, 0]]


def test_padding_keeps_the_clips(clips):
    padded, lengths = pad_features(clips)
    assert lengths.tolist() == [12, 40, 17]
    np.testing.assert_array_equal(padded[2, :17].numpy(), clips[2])
    assert not padded[2, 17:].any()


def test_the_file_brings_back_the_evaluator(evaluator, clips, tmp_path):
    path = evaluator.save(tmp_path / "evaluator.safetensors")
    again = Evaluator.load(path)
    assert again.config == evaluator.config
    assert not again.training
    np.testing.assert_array_equal(again.mean.numpy(), evaluator.mean.numpy())
    np.testing.assert_allclose(again.embed_motions(clips), evaluator.embed_motions(clips), atol=2e-2)
    assert [file.name for file in tmp_path.iterdir()] == ["evaluator.safetensors"]


def test_a_file_that_is_no_evaluator_is_refused(tmp_path):
    with pytest.raises(LeadError, match=r"No evaluator at .*lead train evaluator"):
        Evaluator.load(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(LeadError, match=r"text\.safetensors"):
        Evaluator.load(tmp_path / "text.safetensors")


def test_the_loss_equals_cross_entropy_over_the_allowed_pairs():
    torch.manual_seed(0)
    text, motion = torch.randn(4, 9), torch.randn(4, 9)
    same = torch.eye(4, dtype=torch.bool)
    same[0, 2] = same[2, 0] = True
    naive = 0.0
    for own in range(4):
        allowed = [own] + [other for other in range(4) if not same[own, other]]
        by_text = torch.stack([-(text[own] - motion[other]).square().sum() / 3.0 for other in allowed])
        by_motion = torch.stack([-(motion[own] - text[other]).square().sum() / 3.0 for other in allowed])
        for scores in (by_text, by_motion):
            naive += functional.cross_entropy(scores[None], torch.tensor([0])).item() / 8.0
    assert contrastive_loss(text, motion, same).item() == pytest.approx(naive, rel=1e-5)


def test_clips_that_share_captions_are_one_group():
    groups = caption_groups([["A walk.", "b"], ["c"], ["a walk", "d"], ["d", "e"], ["E!"]])
    assert len({groups[0], groups[2], groups[3], groups[4]}) == 1
    assert groups[1] != groups[0]


def test_batches_hold_clips_of_like_length_and_reach_all_of_them():
    rng = np.random.default_rng(0)
    by_length = np.arange(100)
    drawn = [like_lengths(by_length, 5, rng) for _ in range(300)]
    assert all(len(set(batch)) == 5 and np.ptp(batch) < 20 for batch in drawn)
    assert set(itertools.chain(*drawn)) == set(range(100))
    assert sorted(like_lengths(by_length[:3], 5, rng)) == [0, 1, 2]


@pytest.fixture
def data(tmp_path):
    """Two kinds of clips: high ones are jumps, low ones are walks."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    for name in ("new_joint_vecs", "texts"):
        (folder / name).mkdir(parents=True)
    for split, count in (("train", 24), ("val", 8)):
        names = [f"{split}{number}" for number in range(count)]
        (folder / f"{split}.txt").write_text("\n".join(names))
        for number, name in enumerate(names):
            jumps = number % 2
            features = rng.normal(size=(16 + number, 263)) * 0.1 + (1.0 if jumps else -1.0)
            np.save(folder / "new_joint_vecs" / f"{name}.npy", features.astype(np.float32))
            caption = f"a person {'jumps' if jumps else 'walks'}"
            (folder / "texts" / f"{name}.txt").write_text(f"{caption}#a/OTHER#0.0#0.0\n")
    Stats(np.zeros(263, np.float32), np.ones(263, np.float32)).write(folder)
    return folder


def test_training_brings_captions_to_their_motions(data, tmp_path):
    train = replace(EVALUATOR_TRAIN, steps=30, batch=12, lr=1e-2, warmup=3, report_every=30, save_every=30)
    trained = train_evaluator(data, tmp_path / "run", TINY, train)
    names = ["val0", "val1"]
    motions = trained.embed_motions([np.load(data / "new_joint_vecs" / f"{name}.npy") for name in names])
    texts = trained.embed_texts(["a person walks", "a person jumps"])
    distances = np.linalg.norm(texts[:, None] - motions, axis=-1)
    assert distances.argmin(axis=1).tolist() == [0, 1]
    loaded = Evaluator.load(tmp_path / "run" / "evaluator.safetensors")
    np.testing.assert_allclose(loaded.embed_texts(["a person walks"]), texts[:1], atol=5e-2)


def test_a_killed_run_ends_where_an_unbroken_one_does(data, tmp_path):
    train = replace(EVALUATOR_TRAIN, steps=4, batch=6, warmup=1, report_every=4, save_every=2)
    whole = train_evaluator(data, tmp_path / "whole", TINY, train)

    class KilledError(Exception):
        pass

    def killed(self, *arguments):
        if killed.calls == 3:
            raise KilledError
        killed.calls += 1
        return forward(self, *arguments)

    forward, killed.calls = Evaluator.forward, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "forward", killed)
        with pytest.raises(KilledError):
            train_evaluator(data, tmp_path / "broken", TINY, train)
    assert not (tmp_path / "broken" / "evaluator.safetensors").exists()
    resumed = train_evaluator(data, tmp_path / "broken", TINY, train)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0, msg=name)
    assert not (tmp_path / "broken" / "evaluator.checkpoint").exists()
