"""How the sampling benchmark chooses."""

from benchmarks.bases.sampling import find_cheapest


def point(fid: float, r3: float, seconds: float) -> dict:
    return {key: {"mean": value, "interval": 0.0} for key, value in (("fid", fid), ("r3", r3), ("seconds", seconds))}


def test_the_cheapest_within_two_percent_of_both_bests_is_chosen():
    best, near = point(10.0, 0.95, 9.0), point(10.19, 0.94, 3.0)
    too_far, deaf = point(10.21, 0.95, 1.0), point(10.0, 0.93, 1.0)
    assert find_cheapest([best, near, too_far, deaf]) is near
    assert find_cheapest([best, too_far, deaf]) is best


def test_where_no_point_has_both_the_least_fid_is_chosen():
    realistic, obedient = point(10.0, 0.80, 5.0), point(12.0, 0.95, 1.0)
    assert find_cheapest([realistic, obedient]) is realistic
