"""The metrics against naive references and against cases whose answer is known."""

import numpy as np
import pytest

from lead.eval import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def naive_frechet_distance(linalg, a, b):
    """By scipy's matrix square root, in float64."""
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    offset = a.mean(0) - b.mean(0)
    return offset @ offset + np.trace(cov_a + cov_b - 2.0 * np.real(linalg.sqrtm(cov_a @ cov_b)))


@pytest.mark.parametrize("clips", [(300, 200), (200, 9), (8, 9)], ids=["many", "one small", "fewer than dimensions"])
def test_frechet_distance_equals_the_matrix_square_root(rng, clips):
    linalg = pytest.importorskip("scipy.linalg")
    first, second = clips
    a = rng.normal(size=(first, 12)) @ rng.normal(size=(12, 12))
    b = rng.normal(size=(second, 12)) @ rng.normal(size=(12, 12)) + 0.3
    naive = naive_frechet_distance(linalg, a, b)
    # the root of a singular product is exact to the square root of float64's precision alone
    exact = 1e-9 if min(clips) > 12 else 1e-6
    assert metrics.frechet_distance(a, b) == pytest.approx(naive, rel=exact)
    assert metrics.frechet_distance(b, a) == pytest.approx(naive, rel=exact)
    single = metrics.frechet_distance(a.astype(np.float32), b.astype(np.float32))
    assert single == pytest.approx(naive, rel=1e-5)  # float32 embeddings, float64 arithmetic


def draw_gaussian(rng, clips: int, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """A set whose mean and covariance are exactly these."""
    x = rng.normal(size=(clips, len(mean)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x * std + mean


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form(rng):
    means, stds = rng.normal(size=(2, 7)), rng.uniform(0.2, 3.0, size=(2, 7))
    a, b = (draw_gaussian(rng, 100, mean, std) for mean, std in zip(means, stds, strict=True))
    closed = np.square(means[0] - means[1]).sum() + np.square(stds[0] - stds[1]).sum()
    assert metrics.frechet_distance(a, b) == pytest.approx(closed, rel=1e-10)


def test_frechet_distance_of_known_gaussians_and_of_small_sets(rng):
    a = rng.normal(size=(400, 8))
    assert metrics.frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert metrics.frechet_distance(a, a + 2.0) == pytest.approx(8 * 4.0)
    few, others = rng.normal(size=(10, 64)), rng.normal(size=(10, 64))
    assert np.isfinite(metrics.frechet_distance(few, others))
    assert metrics.frechet_distance(few, few) == pytest.approx(0.0, abs=1e-4)


def test_pairwise_distances_equal_the_loop(rng):
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    naive = [[np.sqrt(((x - y) ** 2).sum()) for y in b] for x in a]
    np.testing.assert_allclose(metrics.pairwise_distances(a, b), naive, atol=1e-12)


def test_r_precision_of_perfect_and_of_blind_embeddings(rng):
    text = rng.normal(size=(70, 16))
    np.testing.assert_array_equal(metrics.r_precision(text, text, rng), [1.0, 1.0, 1.0])
    text, motion = rng.normal(size=(32 * 300, 4)), rng.normal(size=(32 * 300, 4))
    chance = metrics.r_precision(text, motion, rng)
    np.testing.assert_allclose(chance, np.array([1, 2, 3]) / 32, atol=0.01)
    with pytest.raises(ValueError, match="at least 32 text-motion pairs, found 31"):
        metrics.r_precision(text[:31], motion[:31], rng)


def test_r_precision_ranks_by_distance(rng):
    text = np.arange(32.0)[:, None]
    motion = text + 1.4  # every text is nearest to its predecessor's motion, then to its own: but the first's
    assert metrics.r_precision(text, motion, rng) == pytest.approx([1 / 32, 2 / 32, 1.0], abs=0.05)


def test_mm_dist_diversity_and_multimodality(rng):
    text = rng.normal(size=(10, 3))
    assert metrics.mm_dist(text, text + np.array([3.0, 4.0, 0.0])) == pytest.approx(5.0)
    two = np.repeat([[0.0, 0.0], [3.0, 4.0]], [1, 1], axis=0)
    assert metrics.diversity(two, rng) == pytest.approx(5.0)
    normal = rng.normal(size=(700, 50))
    assert metrics.diversity(normal, rng) == pytest.approx(10.0, rel=0.05)
    same_text = np.repeat(rng.normal(size=(5, 1, 50)), 6, axis=1)
    assert metrics.multimodality(same_text, rng) == pytest.approx(0.0, abs=1e-12)
    assert metrics.multimodality(same_text + rng.normal(size=(5, 6, 50)), rng) == pytest.approx(10.0, rel=0.2)
    with pytest.raises(ValueError, match="2 motions a text"):
        metrics.multimodality(same_text[:, :1], rng)
    with pytest.raises(ValueError, match="at least 2 motions"):
        metrics.diversity(two[:1], rng)


def walk(height: float, speed: float, frames: int = 41) -> np.ndarray:
    joints = np.zeros((frames, 22, 3))
    joints[..., 1] = height
    joints[..., 2] = (speed * np.arange(frames) / 20.0)[:, None]
    return joints


def test_foot_skate_needs_a_low_and_a_fast_toe():
    assert metrics.foot_skate_ratio(walk(0.02, 1.0)) == 1.0
    assert metrics.foot_skate_ratio(walk(0.02, 0.4)) == 0.0
    assert metrics.foot_skate_ratio(walk(0.06, 1.0)) == 0.0
    landing = walk(0.02, 1.0)
    landing[:21, :, 1] = 0.2
    assert metrics.foot_skate_ratio(landing) == pytest.approx(19 / 40)
    one_foot = walk(0.02, 1.0)
    one_foot[:, 10, 2] = 0.0
    assert metrics.foot_skate_ratio(one_foot) == 1.0
    assert metrics.foot_skate_ratio(walk(0.0, 0.0, frames=1)) == 0.0


def test_joint_error_and_jitter():
    still = walk(1.0, 0.0)
    moved = still + np.array([0.03, 0.0, 0.04])
    assert metrics.mean_joint_error(still, moved) == pytest.approx(0.05)
    assert metrics.mean_joint_error(still, moved, local=True) == pytest.approx(0.0)
    assert metrics.jitter(walk(1.0, 2.0)) == pytest.approx(0.0, abs=1e-8)
    cubic = still.copy()
    cubic[..., 0] = ((np.arange(41) / 20.0) ** 3)[:, None]
    assert metrics.jitter(cubic) == pytest.approx(6.0)
    assert metrics.jitter(still[:3]) == 0.0


def test_equal_values_have_no_interval():
    share = 67 / 69  # five of them have a standard deviation of 1e-16, by rounding
    assert np.std([share] * 5, ddof=1) > 0
    assert str(metrics.Estimate.of([share] * 5)) == ".971"


def test_estimate_is_the_mean_with_its_interval():
    estimate = metrics.Estimate.of([1.0, 3.0])
    assert estimate.mean == 2.0
    assert estimate.interval == pytest.approx(1.96)


@pytest.mark.parametrize(
    ("mean", "interval", "text"),
    [
        (0.9764, 0.0041, ".976 ±.004"),
        (14.752, 0.204, "14.75 ±.20"),
        (123.44, 1.26, "123.4 ±1.3"),
        (10.6217, 0.0, "10.62"),
        (1.0, 0.0, "1.00"),
    ],
)
def test_an_estimate_is_shown_with_the_digits_that_matter(mean, interval, text):
    assert str(metrics.Estimate(mean, interval)) == text
