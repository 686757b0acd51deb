"""The evaluator on small random data: shapes, padding, files."""

import numpy as np
import pytest
import torch

from lead.errors import LeadError
from lead.eval.evaluator import Evaluator, EvaluatorConfig, pad_features, split_words
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
