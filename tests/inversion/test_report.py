from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from walks import walking

from inversion import learn
from inversion.report import EACH, OTHERS, WAYS, Report, _held, report, speed, turning
from inversion.report import _advice as advice
from inversion.report import _share as share
from inversion.similarity import Looks
from lead import Motion


def test_a_learned_word_reproduces_and_an_empty_one_does_not(base, elderly, elderly_walks):
    walks = elderly_walks[:2]
    told = report(base, elderly, walks)
    assert told.reproduces > 0.4 and told.travels >= 0.5 and 0.3 < told.holds <= 1.0
    assert told.nearest_cm > 2.0
    names = ("reproduces", "travels", "holds", "variety", "nearest_cm")
    assert set(told.scores) == {f"report.{name}" for name in names}
    assert all(np.isfinite(value) for value in told.scores.values())
    neutral = replace(elderly, token_embedding=base.style_tokens.mean.numpy(), tensors={}, schedule=None)
    deaf = report(base, neutral, walks)
    assert deaf.reproduces < 0.2 and deaf.travels < 0.5 and set(deaf.stays) <= set(OTHERS.values())
    assert any("other actions" in text for text in deaf.advice)
    assert deaf.sentences[0].startswith("It reproduces the clips badly")


def test_an_action_is_tried_in_several_ways(tiny_base):
    clips = [walking(2.0), walking(2.5, seed=1)]
    concept = learn(tiny_base, clips, "<spin>", kind="action", steps=2)
    told = report(tiny_base, concept, clips, captions=["a person spins", "a person spins"])
    assert set(told.stays) <= set(WAYS)
    assert told == report(tiny_base, concept, clips, captions=["a person spins", "a person spins"])
    assert told != report(tiny_base, concept, clips, captions=["a person spins", "a person spins"], seed=5)


def test_shares_run_from_no_word_to_the_clips():
    rng = np.random.default_rng(0)

    def set_at(place):
        """Forty clips about a place, alike in both spaces."""
        return Looks(rng.normal(size=(40, 4)) + place, rng.normal(size=(40, 4)) + place)

    real, plain = set_at(0.0), set_at(9.0)
    assert share(plain, plain, real) == 0.0 == share(set_at(20.0), plain, real)
    assert share(set_at(0.0), plain, real) > 0.98 and share(real, real, real) == 1.0
    assert share(set_at(4.0), plain, real) == pytest.approx(5 / 9, abs=0.15)
    assert share(Looks(set_at(0.0).posture, plain.meaning), plain, real) < 0.5
    assert share(set_at(0.0), plain, real[:1]) > 0.9


def test_turning_and_speed_are_those_of_the_path():
    walk = walking(4.0)
    assert speed(walk) == pytest.approx(1.1, abs=0.05)
    assert abs(turning(walk)) < 1.0
    walk = walking(9.0)
    angle = np.radians(20.0) * np.arange(180) / 20.0  # to the left: from +Z towards +X
    x, y, z = np.moveaxis(walk.joints - walk.joints[:, :1] * [1, 0, 1], -1, 0)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
    assert turning(Motion(turned, 20.0)) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize(
    ("told", "kind", "clips", "said"),
    [
        (Report(0.9, 1.0, 0.9, 1.0, 5.0), "style", 2, []),
        (Report(0.6, 1.0, 0.9, 1.0, 5.0), "style", 2, ["more clips"]),
        (Report(0.9, 0.2, 0.9, 1.0, 5.0), "style", 5, ["clips of other actions"]),
        (Report(0.2, 0.9, 0.9, 1.0, 5.0), "action", 8, ["a longer search"]),
        (Report(0.2, 0.9, 0.9, 1.0, 5.0), "persona", 8, ["a longer search", "--kind action"]),
        (Report(0.9, 0.9, 0.9, 1.0, 5.0, absorbed=("turning (9 degrees a second)",)), "style", 8, ["clips that go"]),
    ],
)
def test_advice(told, kind, clips, said):
    found = advice(told, kind, clips)
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


def test_content_is_held_by_a_manner_that_changes_all_motions_alike_and_not_where_it_is_gone(monkeypatch):
    monkeypatch.setattr("inversion.report.realigned", lambda base, motions: motions)
    text = torch.eye(4)
    base = SimpleNamespace(encode_text=lambda captions: text.repeat_interleave(EACH, dim=0))
    manner, plain = torch.full((4,), -3.0), text.repeat_interleave(EACH, dim=0)
    own = SimpleNamespace(words=torch.ones(8, 4) + manner, plains=torch.ones(8, 4))
    lost = plain.clone()
    lost[:EACH] = text[1]  # of the first caption the second's content is made
    other = SimpleNamespace(words=lost + manner, plains=plain, captions=[])
    np.testing.assert_allclose(_held(base, own, other, "style"), [0, 1, 1, 1], atol=1e-6)
