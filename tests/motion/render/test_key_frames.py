"""Key frames: the apex of a kick is among them, and a long clip has unlike poses."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.motion.render.key_frames import choose_key_frames
from lead.motion.skeleton import JOINTS, tpose

FOOT, KNEE, ANKLE = (JOINTS.index(f"right_{name}") for name in ("foot", "knee", "ankle"))


def make_kick(frames: int, apex: int, width: float = 4.0, ahead: float = 0.7) -> np.ndarray:
    """A standing body whose right foot goes up and forward around one frame."""
    joints = tpose()[None].repeat(frames, 0)
    share = np.exp(-np.square((np.arange(frames) - apex) / width))[:, None]
    for joint, reach in ((KNEE, 0.5), (ANKLE, 0.9), (FOOT, 1.0)):
        joints[:, joint] += share * np.array([0.0, 0.8, ahead]) * reach
    return joints


def smallest_difference(joints: np.ndarray, frames: list[int]) -> float:
    """Meters by which the two most alike of these poses differ, in the joint that differs most."""
    poses = (joints - joints[:, :1] * [1, 0, 1])[frames]
    apart = np.linalg.norm(poses[:, None] - poses[None], axis=-1).max(axis=-1)
    return float(apart[np.triu_indices(len(frames), 1)].min())


@pytest.mark.parametrize(("frames", "apex"), [(60, 22), (60, 40), (200, 77), (1200, 613), (1200, 9)])
def test_a_kicks_apex_is_among_them(frames: int, apex: int) -> None:
    chosen = choose_key_frames(make_kick(frames, apex), 20.0, 8)
    assert apex in chosen
    assert len(set(chosen)) == 8 and chosen == sorted(chosen) and (chosen[0], chosen[-1]) == (0, frames - 1)


def test_frames_that_are_asked_for_are_shown() -> None:
    chosen = choose_key_frames(make_kick(120, 60), 20.0, 8, [11, 23, 11, 0])
    assert {0, 11, 23, 60, 119} <= set(chosen)
    assert len(set(chosen)) == 8 and chosen == sorted(chosen)


def test_kicks_ahead_and_back_are_both_shown() -> None:
    joints = np.concatenate([make_kick(300, 31), make_kick(300, 40, ahead=-0.7)])
    assert {31, 340} <= set(choose_key_frames(joints, 20.0, 8))


def test_a_long_walk_is_not_one_pose_eight_times() -> None:
    """Even times that meet the steps' rhythm show one pose; chosen ones do not."""
    walk = synthesize_walk(20.0)
    period = 20
    joints = walk.joints[:period].astype(np.float64)[np.arange(7 * 2 * period + 1) % period]
    even = np.round(np.linspace(0, len(joints) - 1, 8)).astype(int).tolist()
    assert smallest_difference(joints, even) < 1e-6
    chosen = choose_key_frames(joints, walk.fps, 8)[:-1]  # the last frame is the first pose again
    assert smallest_difference(joints, chosen) > 0.02


def test_a_still_clip_is_spread_over_time() -> None:
    chosen = choose_key_frames(tpose()[None].repeat(200, 0), 20.0, 8)
    assert np.diff(chosen).min() >= 10


@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_a_short_clip_shows_what_there_is(frames: int) -> None:
    chosen = choose_key_frames(make_kick(frames, 0), 20.0, 8)
    assert len(chosen) == 8 and set(chosen) == set(range(frames))
