"""The evaluator stage on small random data: the loss, groups, draws, training and its resume."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lead.eval.evaluator import Evaluator, EvaluatorConfig
from lead.motion.features import Stats
from lead.train.stages.evaluator import (
    EVALUATOR_TRAIN,
    contrastive_loss,
    draw_like_lengths,
    group_by_caption,
    list_words,
    train_evaluator,
)

TINY = EvaluatorConfig(
    words=("a", "jumps", "person", "walks"),
    d_motion=16,
    motion_layers=1,
    d_text=8,
    text_layers=1,
    heads=2,
    d=12,
)


def test_words_that_occur_twice_are_known():
    assert list_words(["a b", "b c", "c."]) == ("b", "c")


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
    groups = group_by_caption([["A walk.", "b"], ["c"], ["a walk", "d"], ["d", "e"], ["E!"]])
    assert len({groups[0], groups[2], groups[3], groups[4]}) == 1
    assert groups[1] != groups[0]


def test_batches_hold_clips_of_like_length_and_reach_all_of_them():
    rng = np.random.default_rng(0)
    by_length = np.arange(100)
    drawn = [draw_like_lengths(by_length, 5, rng) for _ in range(300)]
    assert all(len(set(batch)) == 5 and np.ptp(batch) < 20 for batch in drawn)
    assert set(itertools.chain(*drawn)) == set(range(100))
    assert sorted(draw_like_lengths(by_length[:3], 5, rng)) == [0, 1, 2]


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
