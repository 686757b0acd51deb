import pytest

from lead.data.mirror_captions import mirror_captions, swap_sides


@pytest.mark.parametrize(
    ("caption", "mirrored"),
    [
        ("a person turns left.", "a person turns right."),
        ("Left foot, then RIGHT foot", "Right foot, then LEFT foot"),
        ("his left hand crosses to the right", "his right hand crosses to the left"),
        ("sidesteps rightwards, then leftward", "sidesteps leftwards, then rightward"),
        ("a right-handed throw with the lefthand", "a left-handed throw with the righthand"),
        ("walks clockwise", "walks counterclockwise"),
        ("walks Counter-clockwise, then anti clockwise", "walks Clockwise, then clockwise"),
        ("sits upright, leftover food in a bright room", "sits upright, leftover food in a bright room"),
        ("bends the arm at a right angle and runs right away", "bends the arm at a right angle and runs right away"),
    ],
)
def test_sides_are_exchanged(caption, mirrored):
    assert swap_sides(caption) == mirrored


def test_mirror_captions_say_nothing_new():
    known = {"a man turns left", "a man turns right", "a man walks"}
    held = {"a man turns left with a swagger", "a man walks"}
    assert mirror_captions(["a man turns right", "somebody veers right"], known, held) == (
        "a man turns left",
        "somebody veers left",
    )
    assert mirror_captions(["a man walks"], known, held) == ("a man walks",)  # training says it too
    assert mirror_captions(["A man turns right", "a man turns right with a Swagger"], known, held) == ()
    assert mirror_captions(["he turns right with a swagger"], known, held) == ()  # a paraphrase of what is held back
    assert mirror_captions([], known, held) == ()
