"""Power-law tails against SciPy's Pareto distribution and the laws of exponents."""

import numpy as np
import pytest
from scipy.stats import kstest, pareto

from landscape.statistics.tail import LEAST_VALUES, fit_tail


def test_the_exponent_is_the_maximum_of_the_likelihood_at_the_start_found():
    x = np.random.default_rng(0).lognormal(size=300)
    found = fit_tail(x)
    tail = x[x >= found.start * (1 - 1e-12)]
    assert len(tail) == found.num_tail
    shape, _, _ = pareto.fit(tail, floc=0, fscale=tail.min())
    assert found.alpha == pytest.approx(1 + shape, rel=1e-8)
    assert found.stderr == pytest.approx(shape / np.sqrt(len(tail)), rel=1e-8)


def test_no_other_start_is_nearer_to_its_law():
    x = np.sort(np.random.default_rng(1).gamma(2.0, size=80))
    found = fit_tail(x)
    for first in range(len(x) - 1):
        tail = x[first:]
        slope = len(tail) / np.log(tail / tail[0]).sum()
        law = 1 - (tail / tail[0]) ** -slope
        assert np.abs(law - np.arange(len(tail)) / len(tail)).max() >= found.distance - 1e-12


def test_the_distance_is_kolmogorov_and_smirnovs_within_one_step():
    # Theirs looks at both sides of each step of the tail's distribution, ours at the lower one.
    x = np.random.default_rng(2).pareto(1.5, size=200) + 1
    found = fit_tail(x)
    tail = x[x >= found.start * (1 - 1e-12)]
    both = kstest(tail / tail.min(), pareto(found.alpha - 1).cdf).statistic
    assert found.distance <= both + 1e-12
    assert both <= found.distance + 1 / len(tail) + 1e-12


@pytest.mark.parametrize("alpha", [1.8, 2.5, 4.0])
def test_the_exponent_of_a_power_law_is_found_within_its_error(alpha):
    quantiles = (np.arange(2000) + 0.5) / 2000
    found = fit_tail((1 - quantiles) ** (-1 / (alpha - 1)))
    assert abs(found.alpha - alpha) < found.stderr


def test_units_change_nothing_and_squares_halve_the_slope():
    x = np.random.default_rng(3).lognormal(size=120)
    one, scaled, squared = fit_tail(x), fit_tail(1e6 * x), fit_tail(x**2)
    assert scaled.alpha == pytest.approx(one.alpha, rel=1e-9)
    assert squared.num_tail == one.num_tail
    assert squared.alpha - 1 == pytest.approx((one.alpha - 1) / 2, rel=1e-9)


def test_too_few_values_and_equal_ones_tell_nothing():
    assert fit_tail(np.arange(1.0, LEAST_VALUES)) is None
    assert fit_tail(np.arange(1.0, LEAST_VALUES + 1)) is not None
    assert fit_tail(np.full(100, 2.0)) is None


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_values_that_no_power_law_has_are_refused(bad):
    with pytest.raises(ValueError, match="leave zeros out"):
        fit_tail(np.r_[np.ones(99), bad])
