"""Numbers with their errors."""

import math

import pytest

from landscape.values import Estimate, Interval, Levels


def test_an_estimate_keeps_its_relative_error_when_it_is_divided():
    whole = Estimate(6.0, 0.3, 10)
    part = whole / -3
    assert (part.mean, part.stderr, part.num_probes) == (-2.0, pytest.approx(0.1), 10)
    assert (Estimate(6.0) / 3).stderr is None


def test_an_unknown_error_is_none_in_results_and_nan_in_arrays():
    assert Estimate.of(1.0, math.nan).stderr is None
    assert math.isnan(Estimate(1.0).error)
    assert Estimate.of(1.0, 0.5) == Estimate(1.0, 0.5, 7)  # which are stored alike


def test_an_interval_needs_the_number_of_samples():
    assert Estimate(1.0, 0.0).interval() == (1.0, 1.0)
    assert Estimate(1.0).interval() == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="num_probes must be known"):
        Estimate(1.0, 0.1).interval()


def test_an_interval_of_a_ratio_is_that_of_its_logarithm():
    ratio = Interval(low=math.log(0.5), high=2000.0, confidence=0.95, method="t").exp()
    assert ratio.low == pytest.approx(0.5)
    assert math.isfinite(ratio.high)


@pytest.mark.parametrize("level", ["alpha", "power"])
def test_levels_are_probabilities(level):
    with pytest.raises(ValueError, match=f"{level} must lie strictly between 0 and 1; got 1.5"):
        Levels(**{level: 1.5})
