"""Numbers with their errors."""

import math

import numpy as np
import pytest
from scipy.stats import gamma

from landscape.values import (
    Estimate,
    Interval,
    Levels,
    finite_or_none,
    gamma_interval,
    joint,
    read_finite,
)


def test_an_estimate_keeps_its_relative_error_when_it_is_divided():
    whole = Estimate(6.0, 0.3, 10)
    part = whole / -3
    assert (part.mean, part.stderr, part.num_probes) == (-2.0, pytest.approx(0.1), 10)
    assert (Estimate(6.0) / 3).stderr is None


def test_an_unknown_error_is_none_in_results_and_nan_in_arrays():
    assert Estimate.of(1.0, math.nan).stderr is None
    assert math.isnan(Estimate(1.0).error)
    assert Estimate.of(1.0, 0.5) == Estimate(1.0, 0.5, 7)  # which are stored alike


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_none_or_refused(text):
    assert finite_or_none(float(text)) is None
    with pytest.raises(ValueError, match=f"{text} is no finite number"):
        read_finite(text)


def test_an_interval_takes_the_quantile_of_its_degrees_of_freedom():
    assert Estimate(1.0, 0.0).interval() == (1.0, 1.0)
    assert Estimate(1.0).interval() == (-math.inf, math.inf)
    assert Estimate(0.0, 1.0, dof=2).interval()[1] == pytest.approx(4.302652730)
    assert Estimate(0.0, 1.0).interval()[1] == pytest.approx(1.959963985)  # stored without
    low, high = Estimate(2.0, 1.0, dof=2).interval(positive=True)
    assert math.log(high / 2) == pytest.approx(4.302652730 / 2)
    assert low * high == pytest.approx(4.0)
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
        Estimate(1.0, 0.1).interval(1.0)


def test_errors_join_with_welchs_degrees_of_freedom():
    assert joint((3.0, 5.0), (4.0, None)) == (5.0, pytest.approx(5 / 0.6**4))
    assert joint((3.0, 5.0), (3.0, 5.0))[1] == pytest.approx(10)
    assert joint((0.0, 5.0), (0.0, None)) == (0.0, None)


@pytest.mark.parametrize("shape", [1.0, 4.0, 400.0])
def test_a_gamma_interval_leaves_out_as_much_as_it_says(shape):
    """On either side, where the number is a multiple of a gamma variate: of any shape, by size."""
    mean = 3.0 * gamma(shape).ppf([0.02, 0.03, 0.97, 0.98])
    low, high = gamma_interval(mean, (3.0 * mean) ** 0.5)
    assert ((low <= 3 * shape) & (3 * shape <= high)).tolist() == [False, True, True, False]
    assert np.array_equal(gamma_interval(np.zeros(1), np.zeros(1)), np.zeros((2, 1)))


def test_an_interval_of_a_ratio_is_that_of_its_logarithm():
    ratio = Interval(low=math.log(0.5), high=2000.0, confidence=0.95, method="t").exp()
    assert ratio.low == pytest.approx(0.5)
    assert math.isfinite(ratio.high)


@pytest.mark.parametrize("level", ["alpha", "power"])
def test_levels_are_probabilities(level):
    with pytest.raises(ValueError, match=f"{level} must lie strictly between 0 and 1; got 1.5"):
        Levels(**{level: 1.5})
