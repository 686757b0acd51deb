"""How far an adapter reaches is decided by what unseen actions bear."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from concepts import Concept, StyleSchedule
from inversion import calibration
from inversion.calibration import ACTIONS, EACH, LEVELS, STANDING, calibrate
from lead.motion import Motion
from lead.motion.skeleton import KIT

REACHES = [t_max * scale for t_max, scale in LEVELS]
"""How much the adapter does at each level."""
SHOWN, WRONG = 1.0, 2.0
"""Heights of the root in stand-in motions."""


@dataclass
class StandInGenerate:
    """In place of a base's `generate`: motions with a concept are right up to a reach and travel beyond another."""

    bears: float = 9.0
    stays: float = 9.0
    does: float = SHOWN
    asked: list[float] = field(default_factory=list)

    def __call__(self, prompts, *, seconds, words=None, seed=0, bfloat16=False):
        assert len(prompts) == len(ACTIONS) * EACH and seconds == 4.0
        reach = 0.0
        if words:
            assert all("<x>" in prompt for prompt in prompts)
            schedule = words["<x>"].schedule
            reach = schedule.adapter_t_max_unseen * schedule.adapter_scale_unseen
            self.asked.append(reach)
        joints = np.zeros((20, 22, 3))
        joints[..., 1] = self.does if reach <= self.bears else WRONG
        joints[..., 2] = np.linspace(0, 2.0 * (reach > self.stays), 20)[:, None]
        return [Motion(joints, 20.0)] * len(prompts)


@pytest.fixture
def calibrate_with(tiny_base, monkeypatch):
    """`calibrate` on a base that generates so."""

    def run(generate, concept):
        monkeypatch.setattr(tiny_base, "generate", generate, raising=False)
        return calibrate(tiny_base, concept)

    return run


@pytest.fixture
def concept(monkeypatch):
    monkeypatch.setattr(calibration, "holds", lambda meaning, joints: joints[0, 0, 1] == SHOWN)
    return Concept(
        token="<x>", token_embedding=np.zeros((1, 8)), kind="style", base="b", fingerprints={"text": "ab" * 32},
        schedule=StyleSchedule(adapter_t_max_unseen=0.45),
        tensors={"direction": np.ones(6), "adapter.a/down": np.ones((2, 4)), "adapter.a/up": np.ones((4, 2))},
    )  # fmt: skip


@pytest.mark.parametrize("bears", [*REACHES, 0.1, 0.6])
def test_the_strongest_level_that_keeps_the_content_is_taken(calibrate_with, concept, bears):
    generate = StandInGenerate(bears)
    found = calibrate_with(generate, concept)
    t_max, scale = found.schedule.adapter_t_max_unseen, found.schedule.adapter_scale_unseen
    assert (t_max, scale) in LEVELS
    assert t_max * scale == max([reach for reach in REACHES if reach <= bears] or [REACHES[0]])
    assert replace(found, schedule=concept.schedule).to_bytes() == concept.to_bytes()
    assert len(generate.asked) <= 4


def test_what_the_direction_takes_is_not_the_adapters(calibrate_with, concept, monkeypatch):
    """Of actions that the mildest level loses, nothing can be asked of the others."""
    plain = StandInGenerate()

    def generate(prompts, *, words=None, **options):
        motions = plain(prompts, words=words, **options)
        return [Motion(one.joints + WRONG, 20.0) if n < 8 and words else one for n, one in enumerate(motions)]

    schedule = calibrate_with(generate, concept).schedule
    assert (schedule.adapter_t_max_unseen, schedule.adapter_scale_unseen) == LEVELS[-1]


def test_people_who_should_stand_may_not_travel(calibrate_with, concept):
    assert len(STANDING) / len(ACTIONS) > 1 - calibration.KEPT
    assert calibrate_with(StandInGenerate(stays=0.3), concept).schedule.adapter_t_max_unseen == 0.3


def test_a_concept_stays_as_it_is_where_nothing_can_be_measured(calibrate_with, concept, monkeypatch):
    alone = replace(concept, tensors={"direction": np.ones(6)})
    action = replace(concept, kind="action", schedule=None, tensors={})
    for one in (alone, action):
        assert calibrate_with(StandInGenerate(), one) is one
    assert calibrate_with(StandInGenerate(does=WRONG), concept) is concept
    monkeypatch.setattr(calibration, "HUMANML3D", KIT)
    assert calibrate_with(StandInGenerate(), concept) is concept
