import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from landscape.statistics.equivalence import (
    detectable_log_ratio,
    paired_equivalence_test,
    t_test_power,
    unpaired_equivalence_test,
)
from landscape.statistics.intervals import t_interval

BOUNDS = (0.8, 1.25)
log_ratios = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


def test_tost_of_a_hand_computed_case():
    # d = ±0.1: mean 0, s = 0.2/√2, stderr 0.1, one degree of freedom, where P(T > t) is
    # 1/2 - arctan(t)/π; both bounds lie log(1.25)/0.1 = 2.2314 stderrs away.
    test = paired_equivalence_test([0.1, -0.1], bounds=BOUNDS)
    expected = 0.5 - math.atan(math.log(1.25) / 0.1) / math.pi
    assert test.p_lower == pytest.approx(expected)
    assert test.p_upper == pytest.approx(expected)


def test_tost_is_statsmodels(rng):
    a, b = rng.normal(0.05, 0.2, size=9), rng.normal(0, 0.1, size=9)
    low, high = map(math.log, BOUNDS)
    paired = paired_equivalence_test(a - b, bounds=BOUNDS)
    unpaired = unpaired_equivalence_test(a, b[:6], bounds=BOUNDS)
    assert paired.p_value == pytest.approx(ttost_paired(a, b, low, high)[0])
    assert unpaired.p_value == pytest.approx(ttost_ind(a, b[:6], low, high, usevar="unequal")[0])


@given(log_ratios)
def test_tost_swaps_its_sides_when_the_groups_swap(d):
    ab = paired_equivalence_test(d, bounds=BOUNDS)
    ba = paired_equivalence_test([-x for x in d], bounds=BOUNDS)
    assert (ab.p_lower, ab.p_upper) == pytest.approx((ba.p_upper, ba.p_lower))
    assert 0 < ab.p_value <= 1


@given(log_ratios)
def test_tost_shows_equivalence_exactly_when_the_90_percent_interval_lies_inside(d):
    test = paired_equivalence_test(d, bounds=BOUNDS)
    interval = t_interval(d, confidence=0.9)
    inside = math.log(0.8) < interval.low and interval.high < math.log(1.25)
    near = abs(test.p_value - 0.05) < 1e-9
    assert near or (test.p_value <= 0.05) == inside


def test_identical_runs_are_equivalent_with_a_p_value_above_zero():
    test = paired_equivalence_test(np.zeros(6), bounds=BOUNDS)
    assert 0 < test.p_value < 1e-300


def test_a_shift_to_the_bound_is_called_equivalent_at_most_alpha_of_the_time(rng):
    d = rng.normal(math.log(1.25), 0.1, size=(2000, 8))
    rate = np.mean([paired_equivalence_test(x, bounds=BOUNDS).p_value <= 0.05 for x in d])
    assert abs(rate - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("n", [4, 6, 10, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.9])
def test_detectable_effect_has_the_power_that_statsmodels_finds(n, alpha, power):
    effect = detectable_log_ratio(stderr=0.3 / math.sqrt(n), dof=n - 1, alpha=alpha, power=power)
    found = TTestPower().power(effect / 0.3, nobs=n, alpha=alpha)
    assert found == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 40])
@pytest.mark.parametrize("alpha", [0.05, 1e-4])
def test_power_is_normal_power_averaged_over_the_chi_distributed_scatter(n, alpha):
    effect = detectable_log_ratio(stderr=1, dof=n - 1, alpha=alpha, power=0.8)
    critical = scipy.stats.t.isf(alpha / 2, n - 1) / math.sqrt(n - 1)

    def integrand(chi):
        tails = scipy.stats.norm.sf(critical * chi - effect)
        tails += scipy.stats.norm.cdf(-critical * chi - effect)
        return tails * scipy.stats.chi.pdf(chi, n - 1)

    edge = effect / critical  # where the first factor drops from 1 to 0
    power = sum(
        scipy.integrate.quad(integrand, *limits)[0]
        for limits in [(0, 0.9 * edge), (0.9 * edge, 1.1 * edge), (1.1 * edge, 40)]
    )
    assert power == pytest.approx(0.8, abs=1e-6)


def test_power_at_no_effect_is_alpha():
    assert t_test_power(0.0, stderr=1.0, dof=7, alpha=0.05) == pytest.approx(0.05)


@pytest.mark.parametrize("bounds", [(1.25, 0.8), (0.8, 1.0), (0.0, 1.25), (0.8, math.inf)])
def test_bounds_must_enclose_one(bounds):
    with pytest.raises(ValueError, match="bounds must be two ratios around 1"):
        paired_equivalence_test([0.1, 0.2], bounds=bounds)
