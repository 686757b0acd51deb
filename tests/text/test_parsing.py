"""What `say` says, `parse` reads; what it cannot know, it refuses."""

import random

import pytest

from lead.text.meaning import Meaning, draw
from lead.text.parsing import parse
from lead.text.synthesis import LEXICON, say

LEFT_WAVE = Meaning("wave", "left")
KICKS = Meaning("kick", "left", then=Meaning("kick", "right"))
RAISES = Meaning("raise-arm", "left", then=Meaning("raise-arm", "right"))


def strip_ways(meaning: Meaning | None) -> tuple | None:
    return meaning and (meaning.action, meaning.place, strip_ways(meaning.then), strip_ways(meaning.meanwhile))


def test_sayings_are_read_as_what_they_say():
    rng = random.Random(0)
    meanings = [draw(rng) for _ in range(1000)]
    read = [parse(say(meaning, rng)) for meaning in meanings]
    same = [strip_ways(a) == strip_ways(b) for a, b in zip(meanings, read, strict=True)]
    wrong = [a for a, b in zip(read, same, strict=True) if a and not b]
    ways = [a and set(a.ways) == set(b.ways) for a, b in zip(read, meanings, strict=True)]
    assert sum(same) >= 0.99 * len(meanings)
    assert len(wrong) <= 0.005 * len(meanings)
    assert sum(map(bool, ways)) >= 0.98 * len(meanings)


@pytest.mark.parametrize(
    ("caption", "meaning"),
    [
        ("a person walks", Meaning("walk", "forward")),
        ("The man is slowly walking backward.", Meaning("walk", "backward", ("slowly",))),
        ("an angry man runs in a circle", Meaning("run", "circle", ("angry",))),
        ("a slow walk backward", Meaning("walk", "backward", ("slowly",))),
        ("the wizard waves his left hand", LEFT_WAVE),
        ("she waves", Meaning("wave")),
        ("he waves both hands", Meaning("wave", "both")),
        ("a person turns slowly to the left", Meaning("turn", "left", ("slowly",))),
        ("someone walks while waving with the left hand", Meaning("walk", "forward", meanwhile=LEFT_WAVE)),
        ("waving with the left hand, a robot walks", Meaning("walk", "forward", ("robotic",), meanwhile=LEFT_WAVE)),
        ("someone waves with the left hand and walks", Meaning("walk", "forward", meanwhile=LEFT_WAVE)),
        ("someone walks, waving with the left hand", Meaning("walk", "forward", meanwhile=LEFT_WAVE)),
        ("while waving with the left hand he sits on a chair", Meaning("sit", meanwhile=LEFT_WAVE)),
        ("someone walks as he waves with the left hand", Meaning("walk", "forward", meanwhile=LEFT_WAVE)),
        ("a man turns around and waves with the left hand", Meaning("turn-around", then=LEFT_WAVE)),
        ("sit down, then clap twice", Meaning("sit-down", then=Meaning("clap", ways=("twice",)))),
        ("he kneels down before standing up", Meaning("kneel-down", then=Meaning("stand-up"))),
        ("a man walks. He sits down.", Meaning("walk", "forward", then=Meaning("sit-down"))),
        ("a person walks forward, turns around and bows", Meaning("walk", "around", then=Meaning("bow"))),
        ("a person walks forward and then comes back", Meaning("walk", "uturn")),
        ("a person leans to the left and then comes back", Meaning("lean", "left")),
        ("idle", Meaning("stand")),
        ("a person performs a faulty squat", Meaning("squat", ways=("poor",))),
        ("he marches along a circle", Meaning("march", "circle")),
        ("someone raises the straight right arm to the side and lowers it", Meaning("side-arm", "right")),
        ("a man stands while waving using his left hand", LEFT_WAVE),
        ("a person waved twice with their left hand", Meaning("wave", "left", ("twice",))),
        ("they shake their head", Meaning("shake-head")),
        ("a person turns 90 degrees clockwise", Meaning("turn", "right")),
        ("jump", Meaning("jump-up")),
        ("she jumps forward", Meaning("jump-forward")),
        ("he picks the box up and walks off", Meaning("pick-up", then=Meaning("walk", "forward"))),
        ("someone picks up a box and puts it down again", Meaning("pick-up", then=Meaning("put-down"))),
        ("a man walks to the right, then stops", Meaning("walk", "right", then=Meaning("stand"))),
        ("he walks forward and then backward", Meaning("walk", "forward", then=Meaning("walk", "backward"))),
        ("he kicks with the left leg and then with the right one", KICKS),
        ("he bends down, picks it up and walks", Meaning("pick-up", then=Meaning("walk", "forward"))),
        ("right hook", Meaning("hook", "right")),
        ("she raises the left arm, lowers it again and then raises the right one", RAISES),
        ("a person walks with both hands on their waist", Meaning("walk", "forward", ("hands-hips",))),
        ("a person stands with both hands on the waist", Meaning("hands-hips-stand")),
        ("arms spread", Meaning("open-arms")),
        ("he walks, followed by a left turn on the spot", Meaning("walk", "turn-left")),
        ("he walks happily and energetically", Meaning("walk", "forward", ("happy", "active"))),
    ],
)
def test_captions_are_read(caption, meaning):
    assert parse(caption) == meaning


@pytest.mark.parametrize(
    "caption",
    [
        "", ".", "a person juggles", "a person walks while juggling", "the man juggles and walks", "walk the dog",
        "a man walks and", "two people walk", "a person does not walk", "a person walks left backward",
        "while walking", "a person", "slowly", "a person jumps over a bench", "he turns slowly", "like a robot",
        "he waves his left foot",
    ],
)  # fmt: skip
def test_what_is_unknown_is_refused(caption):
    assert parse(caption) is None


def test_bare_wordings_of_actions_are_read():
    for action, phrases in LEXICON.actions.items():
        for phrase in phrases:
            found = parse(phrase.replace("*", "").replace("{thing}", "something"))
            assert found
            assert found.action == action
