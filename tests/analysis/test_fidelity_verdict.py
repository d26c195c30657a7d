"""The rule of the verdict, on ratios made up to be clear."""

import numpy as np
import pytest

from landscape.analysis.fidelity.fit import (
    exponent_of,
    fit_cusp_slope,
    fit_exponent,
    jackknife_stderr,
    rank_correlation,
    ratio_of,
)
from landscape.analysis.fidelity.verdict import agreement, judge
from landscape.results import DirectionFidelity
from landscape.values import Estimate

RADII = (0.001, 0.01, 0.1)


def direction(kappa, *, curvature=1.0, stderr=0.01, kind="top", operator="hessian"):
    errors = (stderr,) * len(kappa)
    return DirectionFidelity(
        name="d",
        kind=kind,
        operator=operator,
        slope=0.0,
        curvatures=(curvature,),
        plus=kappa,
        plus_stderr=errors,
        minus=kappa,
        minus_stderr=errors,
        kappa=kappa,
        kappa_stderr=errors,
        ratios=(tuple(ratio_of(Estimate(k, stderr), Estimate(curvature)) for k in kappa),),
        exponent=None,
        cusp_slope=Estimate(mean=0.0, stderr=0.0),
    )


@pytest.mark.parametrize(
    ("kappa", "stderr", "verdict", "low"),
    [
        ((1.0, 1.0, 0.9), 0.01, "usable", 0.001),
        ((1.0, 0.9, 0.1), 0.01, "usable", 0.001),
        ((4.0, 1.2, 0.9), 0.01, "usable-above", 0.01),
        ((4.0, 1.2, 0.1), 0.01, "misleading", None),
        ((1.0, 0.1, 0.01), 0.01, "misleading", None),
        ((9.0, 4.0, 3.0), 0.01, "misleading", None),
        ((-1.0, -1.0, -1.0), 0.01, "misleading", None),
        ((1.0, 1.0, 1.0), 50.0, "undecided", None),
    ],
)
def test_verdict_follows_the_ratio(kappa, stderr, verdict, low):
    found = judge("hessian", 0, [direction(kappa, stderr=stderr)], RADII, 1)
    assert found.verdict == verdict
    assert found.low_radius == low


def test_agreement_ends_where_the_ratio_leaves_the_band():
    rows = [[ratio_of(Estimate(k, 0.01), Estimate(1.0)) for k in (5.0, 1.0, 1.1, 0.1)]]
    band = agreement(rows, (0.001, 0.01, 0.03, 0.1))
    assert (band.low, band.high, band.from_start) == (0.01, 0.03, False)


def test_a_cusp_is_not_called_usable_where_it_crosses_the_curvature():
    radii = (0.003, 0.01, 0.03, 0.1)
    cusp = tuple(0.01 / r for r in radii)  # κ falls as 1/r: it meets any curvature somewhere
    found = judge("hessian", 0, [direction(cusp, curvature=2.0)], radii, 1)
    assert found.verdict == "usable-above"
    assert found.high_radius < 10 * found.low_radius


def test_one_disagreeing_direction_is_enough():
    both = [direction((1.0, 1.0, 1.0)), direction((9.0, 9.0, 9.0))]
    assert judge("hessian", 0, both, RADII, 1).verdict == "misleading"


def test_wrong_ranking_is_misleading():
    good = [direction((1.0,) * 3, curvature=1.0)]
    others = [
        direction((10.0 - k,) * 3, curvature=0.001 * k, kind="random", operator=None)
        for k in range(1, 9)
    ]
    found = judge("hessian", 0, good + others, RADII, 1)
    assert found.rank_correlations[1] < 0
    assert found.verdict == "misleading"


@pytest.mark.parametrize(
    ("kappa", "negative"),
    [((0.5,) * 3, "spurious"), ((-0.5,) * 3, "confirmed"), ((0.001,) * 3, "undecided")],
)
def test_negative_curvature_is_held_against_the_loss(kappa, negative):
    bottom = direction(kappa, curvature=-0.4, kind="bottom")
    found = judge("hessian", 0, [direction((1.0,) * 3), bottom], RADII, 1)
    assert found.negative == negative


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7, 2.0])
def test_exponent_of_a_power_law_is_its_power(power):
    t = np.array([0.001, 0.003, 0.01, 0.03])
    rises = 7 * t**power
    without = np.tile(rises, (10, 1))
    fit = fit_exponent([without], [rises], [0 * rises], t)
    assert fit is not None
    assert fit.mean == pytest.approx(power, rel=1e-9)
    assert fit.stderr == pytest.approx(0, abs=1e-9)


def test_exponent_needs_three_clear_rises():
    t = np.array([0.001, 0.003, 0.01])
    rises = np.array([1e-9, 1.0, 2.0])
    errors = np.array([1e-3, 1e-3, 1e-3])
    assert fit_exponent([np.tile(rises, (5, 1))], [rises], [errors], t) is None
    assert exponent_of(np.array([1.0, -1.0, 2.0]), t) is None


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=10)
    without = (values.sum() - values) / 9
    assert jackknife_stderr(without) == pytest.approx(values.std(ddof=1) / np.sqrt(10))


def test_cusp_slope_is_the_mean_rise_per_distance():
    t = np.array([0.1, 0.2])
    without = np.array([[0.3, 0.5], [0.1, 0.3]])
    fit = fit_cusp_slope(without, np.array([0.2, 0.4]), t)
    assert fit.mean == pytest.approx(2.0)
    assert fit.stderr == pytest.approx(jackknife_stderr(np.array([2.75, 1.25])))


def test_rank_correlation_is_spearmans():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 1e6]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2], [1, 2]) is None


def test_agreement_at_a_single_radius_is_none_and_is_named():
    radii = (0.003, 0.01, 0.03, 0.1)
    found = judge("hessian", 0, [direction((40.0, 20.0, 2.0, 0.2), curvature=2.0)], radii, 1)
    assert (found.verdict, found.low_radius, found.high_radius) == ("misleading", None, None)
    assert "at radius 0.03 alone" in found.sentence


def test_the_first_pair_of_neighbours_counts_not_the_first_single_radius():
    radii = (0.001, 0.003, 0.01, 0.03, 0.1)
    found = judge("hessian", 0, [direction((1.0, 5.0, 1.5, 1.2, 0.1))], radii, 1)
    assert (found.verdict, found.low_radius, found.high_radius) == ("usable-above", 0.01, 0.03)
    assert "usable at radii 0.01 to 0.03 only" in found.sentence


def test_the_error_of_a_measured_curvature_widens_the_ratio():
    """To first order relative errors add in squares: 3 % and 4 % make 5 %."""
    found = ratio_of(Estimate(4.0, 0.12), Estimate(2.0, 0.08))
    assert found.value == 2.0
    assert found.high - found.value == pytest.approx(1.959964 * 0.05 * 2)
    assert found.value - found.low == pytest.approx(found.high - found.value)
    few = ratio_of(Estimate(4.0, 0.0), Estimate(2.0, 0.08, dof=3))
    assert few.high - few.value == pytest.approx(3.182446305 * 0.04 * 2)


def test_an_undecided_radius_parts_no_neighbours():
    errors = (0.01, 50.0, 0.01)
    rows = [[ratio_of(Estimate(1.0, error), Estimate(1.0)) for error in errors]]
    band = agreement(rows, RADII)
    assert (band.low, band.high) == (0.001, 0.1)


def test_one_decided_radius_decides_nothing_in_favour():
    rows = [[ratio_of(Estimate(1.0, error), Estimate(1.0)) for error in (0.01, 50.0, 50.0)]]
    band = agreement(rows, RADII)
    assert (band.low, band.alone, band.decided) == (None, 0.001, False)
