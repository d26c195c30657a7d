import math

import numpy as np
import pytest
import scipy.stats

from landscape.statistics.bootstrap import bootstrap_difference_interval, bootstrap_interval
from landscape.statistics.intervals import t_interval, welch_interval
from landscape.values import LARGEST


@pytest.mark.parametrize("n", [6, 10, 20])
@pytest.mark.parametrize(("seed_spread", "shard_spread", "probe"), [(1, 0.3, 0.2), (0.3, 1, 0.5)])
def test_nested_bootstrap_covers_95_percent(n, seed_spread, shard_spread, probe, rng):
    num_draws, hits = 1000, 0
    for _ in range(num_draws):
        logs = seed_spread * rng.normal(size=(n, 1)) + rng.normal(size=(n, 2)) * math.hypot(
            shard_spread, probe
        )
        interval = bootstrap_interval(
            logs, np.full((n, 2), probe), confidence=0.95, num_resamples=400, rng=rng
        )
        hits += not interval.excludes(0)
    assert abs(hits / num_draws - 0.95) <= 0.02


def test_unpaired_nested_bootstrap_covers_95_percent(rng):
    num_draws, hits = 1000, 0
    for _ in range(num_draws):
        a, b = rng.normal(size=(8, 2)), 0.3 * rng.normal(size=(12, 2))
        interval = bootstrap_difference_interval(
            a, 0.1 + 0 * a, b, 0.1 + 0 * b, confidence=0.95, num_resamples=400, rng=rng
        )
        hits += not interval.excludes(0)
    assert abs(hits / num_draws - 0.95) <= 0.02


def test_bootstrap_nears_the_t_interval_for_many_normal_runs(rng):
    logs = rng.normal(size=(200, 1))
    bootstrap = bootstrap_interval(logs, 0 * logs, confidence=0.95, num_resamples=20_000, rng=rng)
    t = t_interval(logs[:, 0], confidence=0.95)
    assert bootstrap.low == pytest.approx(t.low, abs=0.05 * (t.high - t.low))
    assert bootstrap.high == pytest.approx(t.high, abs=0.05 * (t.high - t.low))


def test_bootstrap_of_equal_runs_is_a_point_and_of_four_is_refused(rng):
    options = {"confidence": 0.95, "num_resamples": 400, "rng": rng}
    interval = bootstrap_interval(np.full((8, 1), 0.5), np.zeros((8, 1)), **options)
    assert (interval.low, interval.high) == (0.5, 0.5)
    assert bootstrap_interval(rng.normal(size=(4, 2)), np.zeros((4, 2)), **options) is None


def test_bootstrap_needs_enough_resamples_for_its_tails(rng):
    with pytest.raises(ValueError, match=r"num_resamples must be at least 400 at confidence 0\.95"):
        bootstrap_interval(
            np.ones((6, 1)), np.zeros((6, 1)), confidence=0.95, num_resamples=399, rng=rng
        )


def test_t_intervals_are_scipys(rng):
    a, b = rng.normal(size=7), 3 * rng.normal(size=5)
    one = scipy.stats.ttest_1samp(a, 0).confidence_interval(0.9)
    two = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    paired, welch = t_interval(a, confidence=0.9), welch_interval(a, b, confidence=0.9)
    assert (paired.low, paired.high) == pytest.approx((one.low, one.high))
    assert (welch.low, welch.high) == pytest.approx((two.low, two.high))


def test_the_interval_of_a_ratio_stays_finite_where_two_runs_say_nothing():
    interval = t_interval([30.0, 0.0], confidence=0.99).exp()
    assert interval.low == pytest.approx(math.exp(15 - 15 * math.tan(0.495 * math.pi)))
    assert interval.high == LARGEST
