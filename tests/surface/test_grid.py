"""Axes, the order of points, refinement, shards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.surface.grid import (
    assemble,
    axis_around,
    grid_points,
    parse_axis,
    refine,
    take_shard,
)


def test_an_axis_holds_both_ends_and_exactly_zero_in_the_middle():
    axis = parse_axis("-0.3:0.3:31")
    assert axis[[0, -1]].tolist() == [-0.3, 0.3]
    assert len(axis) == 31
    assert axis[15] == 0.0


@pytest.mark.parametrize(
    "text",
    ["", "1", "-1:1", "-1:1:x", "1:-1:5", "0:0:5", "-1:1:1", "nan:1:5", "0:inf:5", "0:1:5:6"],
)
def test_an_axis_that_is_none_is_refused_showing_what_was_given(text):
    with pytest.raises(ValueError, match="an axis must") as error:
        parse_axis(text)
    assert repr(text) in str(error.value)


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5).filter(
        lambda values: max(map(abs, values)) > 1e-300
    )
)
def test_an_axis_around_values_holds_them_and_zero_in_equal_steps(values):
    axis = axis_around(np.array(values), 25)
    assert axis[0] < min(0, *values) <= max(0, *values) < axis[-1]
    assert 0.0 in axis
    np.testing.assert_allclose(np.diff(axis), axis[1] - axis[0], rtol=1e-9)
    assert 20 <= len(axis) <= 30


@pytest.mark.parametrize("reach", [0.0, 5e-324, -1e-308])
def test_values_too_near_zero_for_steps_between_them_are_refused(reach):
    with pytest.raises(ValueError, match="reach away from 0"):
        axis_around(np.array([0.0, reach]), 25)


def test_points_are_the_whole_grid_from_the_origin_outwards():
    axes = [np.linspace(-1, 1, 5), np.linspace(-3, 3, 3)]
    points = grid_points(axes)
    assert set(points) == {(x, y) for x in axes[0] for y in axes[1]}
    assert points[0] == (0.0, 0.0)
    distances = [x**2 + (y / 3) ** 2 for x, y in points]
    assert distances == sorted(distances)


def test_a_grid_that_is_not_square_keeps_its_axes_apart():
    axes = [np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0])]
    values = {p: p[0] + p[1] for p in grid_points(axes)}
    np.testing.assert_array_equal(assemble(axes, values), axes[0][:, None] + axes[1])


def test_missing_points_are_counted():
    with pytest.raises(ValueError, match="1 of 2 grid points"):
        assemble([np.array([0.0, 1.0])], {(0.0,): 3.0})


@given(count=st.integers(1, 7), size=st.integers(0, 30))
def test_shards_are_disjoint_and_together_whole(count, size):
    points = [(float(k),) for k in range(size)]
    shards = [take_shard(points, (i, count)) for i in range(1, count + 1)]
    assert sorted(p for shard in shards for p in shard) == points
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_refinement_finds_the_minimum_of_a_parabola_more_closely_and_keeps_the_grid():
    axes = [np.linspace(-1, 1, 5), np.linspace(-2, 2, 9)]

    def bowl(axes):
        return (axes[0][:, None] - 0.27) ** 2 + (axes[1] + 0.6) ** 2

    finer = refine(axes, bowl(axes), halvings=2)
    assert all(set(a) <= set(f) for a, f in zip(axes, finer, strict=True))
    assert [len(f) - len(a) for a, f in zip(axes, finer, strict=True)] == [4, 4]
    assert all((np.diff(f) > 0).all() for f in finer)
    assert bowl(finer).min() < bowl(axes).min()


def test_refinement_passes_over_nan_and_stays_inside_at_a_border():
    axis = np.array([0.0, 1.0, 2.0])
    (finer,) = refine([axis], np.array([np.nan, 1.0, 0.5]), halvings=1)
    assert finer.tolist() == [0.0, 1.0, 1.5, 2.0]
    (same,) = refine([axis], np.full(3, np.nan), halvings=3)
    assert same.tolist() == axis.tolist()
