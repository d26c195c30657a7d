"""What is drawn between the points of a grid: exact at them, no valley of its own."""

import numpy as np

from landscape.plotting.between import filled_grid

X, Y = np.linspace(-1, 1, 15), np.linspace(-2, 1, 9)


def test_it_goes_through_every_point_and_stays_between_neighbours_on_grid_lines():
    """On losses over twelve decades, where a cubic spline swings below zero."""
    values = np.exp(np.random.default_rng(0).uniform(-14, 14, (15, 9)))
    x, y, filled = filled_grid(X, Y, values)
    k, m = (len(x) - 1) // 14, (len(y) - 1) // 8
    assert min(k, m) >= 2
    rounding = 8 * np.finfo(float).eps * values.max()
    np.testing.assert_allclose(filled[::k, ::m], values, rtol=0, atol=rounding)
    assert values.min() <= filled.min()
    assert filled.max() <= values.max()
    for i in range(14):
        low, high = np.sort(values[i : i + 2], axis=0)
        between = filled[i * k : (i + 1) * k + 1, ::m]
        assert (between >= low - rounding).all()
        assert (between <= high + rounding).all()


def test_a_plane_stays_a_plane():
    x, y, filled = filled_grid(X, Y, 2 * X[:, None] - Y + 1)
    np.testing.assert_allclose(filled, 2 * x[:, None] - y + 1, atol=1e-12)


def test_no_value_is_made_up_beside_one_that_is_not_finite():
    values = np.ones((15, 9))
    values[3, 4] = np.inf
    x, y, filled = filled_grid(X, Y, values)
    assert x is X
    assert y is Y
    assert filled is values
