from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_walk

from benchmarks.pack import pack_rows, read_joints
from inversion import InversionError, learn
from inversion.encoded_clips import encode_clips
from inversion.evaluate import FID_CLIPS
from inversion.evaluate import evaluate as evaluate_encoded
from lead import Motion


def evaluate(base, concept, clips, captions=None):
    return evaluate_encoded(base, concept, encode_clips(base, clips, captions))


@pytest.fixture(scope="module")
def clips():
    return [synthesize_walk(2.0), synthesize_walk(2.5, seed=1)]


@pytest.fixture(scope="module")
def concept(tiny_base, clips):
    return learn(tiny_base, clips, "<x>", steps=2)


def test_figures_of_a_word(tiny_base, concept, clips):
    held = [synthesize_walk(2.0, sway=0.1 * n, seed=n) for n in range(3, 6)]
    found = evaluate(tiny_base, concept, held)
    assert (found.clips.motions, found.word.motions, found.plain.motions) == (3, 33, 33)
    assert found.seen == () and all("<x>" in prompt for prompt in found.prompts)
    for row in (found.clips, found.word, found.plain):
        assert row.fid is None and row.diversity > 0 and row.jitter > 0 and 0 <= row.skate <= 1
    assert found.clips.distance == found.clips.posture == 0.0 < found.clips.nearest
    assert found.word.distance > 0 and found.plain.nearer is None and 0 <= found.word.nearer <= 1
    assert found == evaluate(tiny_base, concept, held)


def test_training_clips_are_reported(tiny_base, concept, clips):
    assert evaluate(tiny_base, concept, [clips[1], synthesize_walk(2.0, seed=9)]).seen == ("walk-1",)


def test_fid_needs_many_clips(tiny_base, concept):
    held = [synthesize_walk(1.2, sway=0.05 * n, seed=n) for n in range(FID_CLIPS)]
    found = evaluate(tiny_base, concept, held, captions=["a person walks"] * FID_CLIPS)
    assert found.word.fid > 0 and found.clips.fid is None
    assert found.prompts == ("a person walks in <x> style",)


def test_invalid_clips_for_evaluation_are_refused(tiny_base, concept):
    with pytest.raises(InversionError, match="no clips"):
        evaluate(tiny_base, concept, [])
    with pytest.raises(InversionError, match=r"walk-0 is 0\.40 s long"):
        evaluate(tiny_base, concept, [synthesize_walk(0.4)])


def test_a_word_moves_generations_closer_to_unseen_clips(base, elderly, elderly_walks):
    found = evaluate(base, elderly, elderly_walks[3:])
    assert found.seen == () and found.prompts == ("a person walks forward in <elderly> style",)
    assert found.word.distance < 0.6 * found.plain.distance
    assert found.word.posture < 0.8 * found.plain.posture
    assert found.word.nearer > 0.7 and found.clips.nearer == 1.0
    assert np.isfinite([found.word.skate, found.word.jitter]).all()
    assert found.verdict.fit == "this word" and found.verdict.others == {}
    assert found.verdict.describe("<elderly>", "style").startswith("<elderly> is the word for these clips")


def test_a_wrong_word_is_said_to_be_wrong_though_distances_fall(base, elderly, pack):
    rows = [row for row in pack_rows("test") if (row["style"], row["content"]) == ("youthful", "walk")]
    clips = encode_clips(base, [Motion(read_joints(row["id"]), name=row["id"]) for row in rows])
    found = evaluate_encoded(base, elderly, clips)
    assert found.verdict.fit == "another motion" and found.verdict.score < 0.3
    twin = replace(elderly, token="<twin>")
    assert set(evaluate_encoded(base, elderly, clips, others=[elderly, twin]).verdict.others) == {"<twin>"}
