import numpy as np
import pytest
from walks import synthesize_walk

from inversion.similarity import (
    compare_with_exemplar,
    diversity,
    embed,
    energy_distance,
    features_to_poses,
    mean_distance,
    pose_distance_cm,
)
from lead.eval.evaluator import Evaluator


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator.load()


def test_equal_motions_are_near_whatever_their_heading_place_and_rate(evaluator):
    walk = synthesize_walk(4.0, fps=40.0)
    turned = walk.joints @ np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], dtype=np.float32) + [3, 0, 1]
    same = embed(evaluator, [clip.features() for clip in (walk, walk.resample(20.0), type(walk)(turned, 40.0))])
    assert diversity(same.posture) < 0.1 and diversity(same.meaning) < 0.1
    other = embed(evaluator, [synthesize_walk(4.0, sway=3.0).features()])
    assert mean_distance(same.posture, other.posture) > 1.0


def test_distances_against_naive_means():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 1.0
    across = np.mean([np.linalg.norm(x - y) for x in a for y in b])
    within = np.mean([np.linalg.norm(a[i] - a[j]) for i in range(5) for j in range(5) if i != j])
    assert mean_distance(a, b) == pytest.approx(across)
    assert diversity(a) == pytest.approx(within)
    assert diversity(a[:1]) == 0.0
    assert energy_distance(a, b) == pytest.approx(2 * across - within - diversity(b))


def test_energy_distance_is_fair_to_few_rows():
    rng = np.random.default_rng(0)
    draws = [energy_distance(*rng.normal(size=(2, 6, 8))) for _ in range(300)]
    assert abs(np.mean(draws)) < 0.03 < np.std(draws)


def test_a_copy_is_found_however_it_was_cut():
    walk = synthesize_walk(6.0, sway=0.3)
    copy = type(walk)(walk.joints[23:-31], walk.fps)
    other = synthesize_walk(4.0, sway=2.0)
    poses, copied, others = (features_to_poses(clip.features()) for clip in (walk, copy, other))
    assert pose_distance_cm(poses, copied) < 0.1 and pose_distance_cm(copied, poses) < 0.1
    assert pose_distance_cm(poses, others) > 1.0


def test_the_most_similar_to_an_exemplar_is_the_exemplar(evaluator):
    exemplar = synthesize_walk(3.0)
    same, near, far = compare_with_exemplar(
        evaluator, [exemplar, synthesize_walk(3.0, sway=0.5), synthesize_walk(3.0, sway=3.0)], exemplar
    )
    assert same == pytest.approx(1.0)
    assert 1.0 > near > far > 0.0
