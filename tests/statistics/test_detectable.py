"""The difference said to be detectable is found as often as is said, by the tests that decide."""

import math

import numpy as np
import pytest

from landscape.statistics.designs import Groups, Pairs
from landscape.statistics.detectable import found_log_ratio
from landscape.statistics.permutation import Deals, SignFlips
from landscape.statistics.t_power import detectable_log_ratio


@pytest.mark.parametrize(
    ("n", "alpha"), [(6, 0.05), (8, 0.05), (8, 0.05 / 6), (10, 0.05 / 6), (10, 0.05 / 24)]
)
def test_pairs_find_the_detectable_effect_with_the_stated_power(n, alpha, rng):
    effect = found_log_ratio(
        stderr=1 / math.sqrt(n), dof=n - 1, num_runs=(n, n), paired=True, alpha=alpha, power=0.8
    )
    draws, patterns = rng.normal(effect, 1, size=(2000, n)), SignFlips(n, num_resamples=1, rng=rng)
    p = [Pairs(np.exp(d), np.ones(n), patterns).tails(0.0, "ratio").p_value for d in draws]
    # The draws behind the answer err as these do: twice the variance.
    assert abs(np.mean(np.array(p) <= alpha) - 0.8) < 4 * math.sqrt(2 * 0.8 * 0.2 / 2000)


@pytest.mark.parametrize(("n", "m", "alpha"), [(4, 4, 0.05), (6, 6, 0.05 / 6), (3, 6, 0.05)])
def test_unpaired_runs_find_the_detectable_effect_with_the_stated_power(n, m, alpha, rng):
    effect = found_log_ratio(
        stderr=math.sqrt(1 / n + 1 / m),
        dof=n + m - 2,
        num_runs=(n, m),
        paired=False,
        alpha=alpha,
        power=0.8,
    )
    patterns = Deals(n, m, num_resamples=1, rng=rng)
    found = [
        Groups(rng.normal(effect, 1, n), rng.normal(0, 1, m), patterns).tails(0.0, "ratio").p_value
        <= alpha
        for _ in range(2000)
    ]
    assert abs(np.mean(found) - 0.8) < 4 * math.sqrt(2 * 0.8 * 0.2 / 2000)


def test_few_pairs_need_more_than_a_t_test_says():
    arguments = {"stderr": 1.0, "dof": 5, "alpha": 0.05, "power": 0.8}
    exact = found_log_ratio(num_runs=(6, 6), paired=True, **arguments)
    assert exact > 1.2 * detectable_log_ratio(**arguments)


@pytest.mark.parametrize("paired", [True, False])
def test_it_goes_over_into_the_t_test_where_patterns_are_many(paired):
    n = 14 if paired else 8
    arguments = {"dof": n - 1.0 if paired else 2.0 * n - 2, "alpha": 0.05, "power": 0.8}
    few = found_log_ratio(stderr=1.0, num_runs=(n, n), paired=paired, **arguments)
    assert few == pytest.approx(detectable_log_ratio(stderr=1.0, **arguments), rel=0.05)
    many = found_log_ratio(stderr=1.0, num_runs=(30, 30), paired=paired, **arguments)
    assert many == detectable_log_ratio(stderr=1.0, **arguments)


@pytest.mark.parametrize(("n", "paired"), [(5, True), (3, False)])
def test_nothing_is_found_below_the_floor(n, paired):
    effect = found_log_ratio(
        stderr=1.0, dof=4, num_runs=(n, n), paired=paired, alpha=0.05, power=0.8
    )
    assert effect == math.inf
