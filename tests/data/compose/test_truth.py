"""What a motion shows is told from what it does not show; what cannot be measured is left open."""

from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_steps

from benchmarks.pack import has_pack, pack_rows, read_joints
from benchmarks.pack_captions import plain_captions
from lead.data.compose.sources import mirror_meaning
from lead.data.compose.truth import CHECKS, TRAVELS, holds
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.join import change_tempo, join, reverse
from lead.motion.processing.path import bend_path, climb_steps
from lead.motion.skeleton import tpose
from lead.text.meaning import Meaning
from lead.text.parsing import parse

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
STEPS = synthesize_steps(6.0).joints.astype(np.float64)
STILL = np.repeat(tpose()[None], 50, axis=0)


def bend(degrees: float) -> np.ndarray:
    return bend_path(STEPS, np.radians(np.linspace(0, degrees, len(STEPS))), 20.0)


MOTIONS = {
    "forward": STEPS,
    "backward": reverse(STEPS),
    "turn-left": bend(95),
    "turn-right": bend(-95),
    "counterclockwise": bend(390),
    "clockwise": bend(-390),
    "upstairs": climb_steps(STEPS, 0.35, 20.0),
    "downstairs": climb_steps(STEPS, -0.35, 20.0),
}


@pytest.mark.parametrize("shown", MOTIONS)
def test_a_walk_is_where_it_goes(shown):
    found = {place for place in MOTIONS if holds(Meaning("walk", place), MOTIONS[shown])}
    assert found - {"forward"} == {shown} - {"forward"} and shown in found
    if shown not in ("forward", "upstairs", "downstairs"):
        assert "forward" not in found


@pytest.mark.parametrize("shown", MOTIONS)
def test_the_mirror_shows_the_mirrored_meaning(shown):
    mirrored = mirror_joints(MOTIONS[shown])
    assert holds(mirror_meaning(Meaning("walk", shown)), mirrored)
    if mirror_meaning(Meaning("walk", shown)).place != shown:
        assert not holds(Meaning("walk", shown), mirrored)


def test_circles_have_either_side():
    assert holds(Meaning("walk", "circle"), bend(390)) and holds(Meaning("walk", "circle"), bend(-390))
    assert not holds(Meaning("walk", "circle"), bend(180))


def test_tempo_has_limits():
    walk = Meaning("walk", "forward")
    slow, quick = change_tempo(STEPS, 0.6, 20.0), change_tempo(STEPS, 1.9, 20.0)
    assert holds(replace(walk, ways=("slowly",)), slow) and not holds(replace(walk, ways=("quickly",)), slow)
    assert holds(replace(walk, ways=("quickly",)), quick) and not holds(replace(walk, ways=("slowly",)), quick)
    assert not holds(replace(walk, action="run"), slow) and holds(replace(walk, action="run"), quick)


def test_standing_is_no_walk():
    assert holds(Meaning("stand"), STILL) and not holds(Meaning("stand"), STEPS)
    assert not holds(Meaning("walk", "forward"), STILL)
    assert not holds(Meaning("lie"), STILL) and not holds(Meaning("sit"), STILL) and not holds(Meaning("kneel"), STILL)


def test_one_after_another_needs_its_moment():
    walk_and_stand = Meaning("walk", "forward", then=Meaning("stand"))
    made = join(STEPS, STILL, 20.0)
    assert holds(walk_and_stand, made) and not holds(walk_and_stand, STEPS) and not holds(walk_and_stand, reverse(made))


def test_two_at_once_are_both_asked_for():
    arms_up = STEPS.copy()
    arms_up[:, 20] = arms_up[:, 16] + [0, np.linalg.norm(tpose()[20] - tpose()[16]), 0]
    arms_up[:, 18] = (arms_up[:, 16] + arms_up[:, 20]) / 2
    both = Meaning("walk", "forward", meanwhile=Meaning("raise-arm", "left"))
    arms_down = arms_up[:, [*range(18), 19, 19, 21, 21]] * 1.0
    arms_down[:, 18:22] = arms_down[:, [16, 17, 16, 17]] - [0, 0.4, 0]
    arms_up[:, [19, 21]] = arms_up[:, [17, 17]] - [0, 0.4, 0]
    assert holds(both, arms_up) and not holds(both, arms_down)
    assert not holds(replace(both, meanwhile=Meaning("raise-arm", "right")), arms_up)
    assert not holds(replace(both, place="backward"), arms_up)


def test_what_has_no_measure_is_left_open():
    unknown = Meaning("dance")
    assert holds(unknown, STEPS) is None
    assert holds(replace(unknown, then=Meaning("stand")), STEPS) is None
    assert holds(Meaning("walk", "forward", meanwhile=unknown), STEPS) is None


def test_every_measure_takes_the_shortest_clips():
    for action in (*CHECKS, *TRAVELS):
        for place in ("", "left"):
            assert holds(Meaning(action, place), STEPS[:13]) in (True, False, None)
    assert holds(Meaning("walk", "forward", then=Meaning("jump-up")), STEPS[:13]) is False


REAL = {
    "hk_n_wave": "handkeyed", "hk_q_clap": "handkeyed", "hk_k_lie_down": "handkeyed", "hk_k_lie": "handkeyed",
    "hk_k_jump": "handkeyed", "hk_m_jacks": "handkeyed", "hk_q_idle": "handkeyed", "hk_k_get_up": "handkeyed",
    "hk_u_fix_kneel": "handkeyed", "dataset-1_walk-back_happy_001": "bandai", "dataset-1_run_happy_001": "bandai",
    "dataset-2_raise-up-left-hand_active_001": "bandai", "dataset-2_walk-turn-left_active_001": "bandai",
    "dataset-1_bow_happy_001": "bandai", "uiprmd_c_m05_s01_e01": "uiprmd", "uiprmd_c_m01_s01_e01": "uiprmd",
    "hdm05_mm_kickLFront1Reps_019": "hdm05",
}  # fmt: skip


@needs_pack
@pytest.mark.parametrize("clip", REAL)
def test_real_clips_show_their_label_and_no_other_posture(clip):
    (row,) = (row for row in pack_rows("train", source=REAL[clip]) if row["id"] == clip)
    meaning = parse(plain_captions(row["source"], row["content"], "")[0])
    joints = read_joints(clip).astype(np.float64)
    assert meaning is not None and holds(meaning, joints)
    others = ("lie", "lie-down", "get-up", "kneel", "kneel-down", "sit", "sit-down", "full-turn")
    found = {name for name in others if holds(Meaning(name), joints)}
    assert found <= {meaning.action} and holds(Meaning("walk", "backward"), joints) == (meaning.place == "backward")
