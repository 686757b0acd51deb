import numpy as np
import pytest
from walks import walking

from inversion.similarity import energy_distance, gap, looks, overlap_cm, poses, spread
from lead.eval.evaluator import Evaluator


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator.load()


def test_equal_motions_look_equal_wherever_they_go_and_whatever_the_rate(evaluator):
    walk = walking(4.0, fps=40.0)
    turned = walk.joints @ np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], dtype=np.float32) + [3, 0, 1]
    same = looks(evaluator, [walk, walk.resample(20.0), type(walk)(turned, 40.0)])
    assert spread(same.posture) < 0.1 and spread(same.meaning) < 0.1
    other = looks(evaluator, [walking(4.0, sway=3.0)])
    assert gap(same.posture, other.posture) > 1.0


def test_distances_against_naive_means():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 1.0
    across = np.mean([np.linalg.norm(x - y) for x in a for y in b])
    within = np.mean([np.linalg.norm(a[i] - a[j]) for i in range(5) for j in range(5) if i != j])
    assert gap(a, b) == pytest.approx(across)
    assert spread(a) == pytest.approx(within)
    assert spread(a[:1]) == 0.0
    assert energy_distance(a, b) == pytest.approx(2 * across - within - spread(b))


def test_energy_distance_is_fair_to_few_rows():
    rng = np.random.default_rng(0)
    draws = [energy_distance(*rng.normal(size=(2, 6, 8))) for _ in range(300)]
    assert abs(np.mean(draws)) < 0.03 < np.std(draws)


def test_a_copy_is_found_however_it_was_cut():
    walk = walking(6.0, sway=0.3)
    copy = type(walk)(walk.joints[23:-31], walk.fps)
    assert overlap_cm(poses(walk), poses(copy)) < 0.1
    assert overlap_cm(poses(copy), poses(walk)) < 0.1
    assert overlap_cm(poses(walk), poses(walking(4.0, sway=2.0))) > 1.0
