"""Flatness read off surfaces whose shape is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.analysis.surface.measures import (
    convexity_map,
    line_asymmetry,
    line_measures,
    loss_rises,
    plane_asymmetry,
    plane_measures,
    radius_of_rise,
    roughness,
    sublevel_area,
)

X = np.linspace(-1, 1, 41)
Y = np.linspace(-2, 2, 33)
UNEVEN = np.unique(np.concatenate([X, [0.01, 0.033, -0.12]]))


def _bowl(x, y, a=1.0, b=1.0):
    return 0.5 + a * x[:, None] ** 2 + b * y**2


def test_rises_of_a_parabola_are_its_values_whatever_its_slope():
    rises = loss_rises(X, 3 + 0.7 * X + 2 * X**2, np.array([0.5, 1.0, 1.5]))
    np.testing.assert_allclose(rises[:2], [0.5, 2.0], rtol=1e-12)
    assert np.isnan(rises[2])  # beyond the axis


@given(st.floats(0.02, 5))
def test_the_radius_of_a_cusp_is_threshold_over_slope_on_the_steeper_side(slope):
    losses = np.where(X > 0, slope * X, -2 * slope * X)
    expected = 0.1 / (2 * slope)
    radius = radius_of_rise(X, losses, 0.1)
    assert radius == pytest.approx(expected) if expected <= 1 else radius == np.inf


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_has_risen(lost):
    losses = np.zeros(41)
    losses[X > 0.42] = lost
    assert radius_of_rise(X, losses, 0.1) == pytest.approx(0.45)


def test_an_even_line_has_asymmetry_zero_and_a_steep_side_shows():
    assert line_asymmetry(X, X**2) < 1e-14
    assert line_asymmetry(X, np.where(X > 0, 3.0, 1.0) * X**2) == pytest.approx(0.5)
    assert np.isnan(line_asymmetry(X, np.ones(41)))


def test_an_even_plane_has_asymmetry_zero_also_on_uneven_axes():
    assert plane_asymmetry(X, Y, _bowl(X, Y)) == pytest.approx(0, abs=1e-12)
    # Interpolation between uneven coordinates is not even, but nearly so.
    assert plane_asymmetry(UNEVEN, Y, _bowl(UNEVEN, Y)) < 0.02
    assert plane_asymmetry(X, Y, _bowl(X, Y) + X[:, None] ** 3) > 0.05


@pytest.mark.parametrize("slope", [0.5, 1.0])
def test_asymmetry_of_a_plane_is_the_ratio_of_integrals_that_it_is_said_to_be(slope):
    # Over the square of half-width 1: ∫|2 slope x³| = 2 slope, ∫|2 x² + 2 y²| = 16/3.
    axis = np.linspace(-1, 1, 41)
    losses = axis[:, None] ** 2 + axis**2 + slope * axis[:, None] ** 3
    # The trapezoidal rule is off by less than h² |f''| / 12 of each.
    assert plane_asymmetry(axis, axis, losses) == pytest.approx(2 * slope * 3 / 16, rel=2e-3)


@given(c=st.lists(st.floats(-3, 3), min_size=5, max_size=5))
def test_a_quadratic_is_not_rough(c):
    x, y = X[:, None], Y
    losses = 1 + c[0] * x + c[1] * y + c[2] * x**2 + c[3] * x * y + c[4] * y**2
    rough = roughness([X, Y], losses)
    assert np.isnan(rough) or rough < 1e-10


def test_roughness_is_the_share_of_variance_that_is_left():
    ripple = 0.1 * np.cos(40 * np.pi * np.linspace(-1, 1, 401))
    axis = np.linspace(-1, 1, 401)
    losses = axis**2 + ripple
    expected = ripple.var() / (axis**2).var()
    assert roughness([axis], losses) == pytest.approx(expected / (1 + expected), rel=0.05)
    assert np.isnan(roughness([axis[:3]], losses[:3]))
    assert np.isnan(roughness([axis], np.full_like(axis, 1.1)))  # its mean is off by rounding


def test_the_sublevel_set_of_a_bowl_is_an_ellipse():
    # {x² + y²/4 ≤ 1/4}: half axes 0.5 and 1.
    area = sublevel_area(X, Y, _bowl(X, Y, 1, 0.25), 0.75)
    assert area == pytest.approx(np.pi / 2, rel=0.01)
    losses = _bowl(X, Y, 1, 0.25)
    losses[X > 0] = np.nan
    assert sublevel_area(X, Y, losses, 0.75) == pytest.approx(np.pi / 4, rel=0.02)


@pytest.mark.parametrize("axis", [X, UNEVEN])
def test_convexity_is_the_ratio_of_eigenvalues_exactly_for_quadratics(axis):
    x, y = axis[:, None], Y
    H = np.array([[2.0, 1.5], [1.5, -1.0]])
    losses = 0.5 * (H[0, 0] * x**2 + 2 * H[0, 1] * x * y + H[1, 1] * y**2) + x - y
    low, high = np.linalg.eigvalsh(H)
    convexity = convexity_map(axis, Y, losses)
    assert convexity.shape == (len(axis) - 2, len(Y) - 2)
    np.testing.assert_allclose(convexity, low / max(abs(low), abs(high)), rtol=1e-6)


def test_measures_of_a_plane_say_where_it_is_cut_and_where_it_is_not_convex():
    open_bowl = plane_measures(X, Y, _bowl(X, Y, 1, 0.001), threshold=0.1)
    assert open_bowl.sublevel_cut
    assert open_bowl.nonconvex_fraction == 0
    saddle = plane_measures(X, Y, _bowl(X, Y, 1, -1), threshold=0.1)
    assert saddle.nonconvex_fraction == 1
    assert saddle.roughness < 1e-12
    assert plane_measures(X, Y + 2, _bowl(X, Y), threshold=0.1) is None


def test_a_checkpoint_whose_loss_is_not_finite_has_no_measures():
    losses = np.where(X < 0, 1.0, np.inf)
    assert line_measures(X, losses[None], threshold=0.1) is None
    assert plane_measures(X, Y, losses[:, None] * np.ones(33), threshold=0.1) is None


def test_infinite_losses_at_the_border_leave_the_rest_measured():
    losses = np.where(X > 0.9, np.inf, X**2)
    measures = line_measures(X, losses[None], threshold=0.1)
    assert measures.rises[-1] is None
    assert measures.rises[0] == pytest.approx(0.01)
    plane = plane_measures(X, Y, losses[:, None] + Y**2, threshold=0.1)
    assert plane.sublevel_area == pytest.approx(0.1 * np.pi, rel=0.05)
    assert plane.nonconvex_fraction == 0


def test_measures_of_lines_carry_the_spread_over_directions():
    slopes = np.array([1.0, 2.0, 3.0])
    measures = line_measures(X, slopes[:, None] * np.abs(X), threshold=0.1)
    np.testing.assert_allclose(measures.rises, 2 * np.array(measures.radii))
    np.testing.assert_allclose(measures.rise_stderrs, np.array(measures.radii) / np.sqrt(3))
    np.testing.assert_allclose(measures.threshold_radii, 0.1 / slopes)
    assert line_measures(X + 1, X[None], threshold=0.1) is None
    flat = line_measures(X, np.zeros((1, 41)), threshold=0.1)
    assert flat.threshold_radii == (None,)
    assert flat.asymmetry is None
