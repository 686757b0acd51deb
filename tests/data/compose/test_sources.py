"""Clips by what their captions say and their joints show."""

import numpy as np
import pytest
from walks import synthesize_steps

from lead.data.compose.sources import Source, Sources, mirror_meaning, read_meaning
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.join import reverse
from lead.text.meaning import Meaning

STEPS = synthesize_steps(3.0).joints.astype(np.float64)
FORWARD = Meaning("walk", "forward")


def test_the_most_frequent_meaning_that_is_true_counts():
    captions = ["a person walks forward", "someone walks backward", "a person walks backward", "nonsense xyzzy"]
    assert read_meaning(captions, STEPS) == FORWARD
    assert read_meaning(captions, reverse(STEPS)) == Meaning("walk", "backward")
    assert read_meaning(captions[:1], reverse(STEPS)) is None
    assert read_meaning(["nonsense xyzzy"], STEPS) is None and read_meaning([], STEPS) is None


def test_a_meaning_without_a_measure_counts():
    assert read_meaning(["a person dances"], STEPS) == Meaning("dance")


def test_ways_count_that_half_of_the_captions_say():
    happily = "a person walks forward in a happy way"
    (way,) = read_meaning([happily], STEPS).ways
    assert read_meaning([happily, "a person walks forward"], STEPS).ways == (way,)
    assert read_meaning([happily, "a person walks forward", "someone walks forward"], STEPS) == FORWARD


@pytest.mark.parametrize("place", ["", "left", "right", "turn-left", "clockwise", "counterclockwise", "both"])
def test_mirroring_twice_is_nothing(place):
    then, meanwhile = Meaning("turn", "left"), Meaning("wave", "right")
    meaning = Meaning("walk", place, ("left-leg-limping",), then, meanwhile)
    mirrored = mirror_meaning(meaning)
    assert mirrored != meaning and mirror_meaning(mirrored) == meaning
    assert mirrored.then == Meaning("turn", "right") and mirrored.meanwhile == Meaning("wave", "left")
    source = Source("a", STEPS, meaning)
    assert source.mirror().meaning == mirrored
    np.testing.assert_array_equal(source.mirror().mirror().joints, STEPS)


@pytest.fixture
def sources():
    clips = [
        Source("walk", STEPS, FORWARD),
        Source("turn", STEPS, Meaning("turn", "left")),
        Source("two", STEPS, Meaning("run", "forward", then=Meaning("stand"))),
        *(Source(f"dance{i}", STEPS, Meaning("dance")) for i in range(4)),
    ]
    return Sources(clips, np.random.default_rng(0))


def test_sources_are_picked_by_action_and_place(sources):
    assert sources.pick("walk").clip == "walk" and sources.pick("swim") is None
    assert sources.pick("run") is None  # who runs and then stands is no source of a run
    for _ in range(8):
        assert sources.pick("swim", "walk").clip == "walk"
        right = sources.pick("turn", place="right")
        assert right.meaning.place == "right"
        np.testing.assert_array_equal(right.joints, mirror_joints(STEPS))
        np.testing.assert_array_equal(sources.pick("turn", place=("left", "both")).joints, STEPS)
    assert sources.pick("turn", place="both") is None
    assert sources.pick("walk", fits=lambda source: source.clip == "turn") is None


def test_actions_are_as_likely_as_others_and_sides_too(sources):
    found = [sources.pick("walk", "dance", "turn", "turn") for _ in range(2000)]
    counts = {name: np.mean([source.meaning.action == name for source in found]) for name in ("walk", "dance", "turn")}
    assert counts == pytest.approx({"walk": 0.25, "dance": 0.25, "turn": 0.5}, abs=0.04)
    assert np.mean([s.meaning.place == "left" for s in found if s.clip == "turn"]) == pytest.approx(0.5, abs=0.05)


def test_frequent_actions_are_drawn_by_the_fourth_root_of_their_number(sources):
    found = [sources.draw_action(without=("turn",)) for _ in range(2000)]
    assert set(found) == {"walk", "dance"}
    assert np.mean([name == "dance" for name in found]) == pytest.approx(0.586, abs=0.04)  # of 4 clips to 1
    assert sources.draw_action(without=("walk", "turn", "dance")) is None
