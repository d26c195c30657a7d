"""Walking: exact points, one measurement each, nothing of the network touched."""

import pytest
import torch
from torch.testing import assert_close

from landscape.store.points import PointStore
from landscape.surface.evaluate import (
    Span,
    bezier_weights,
    chord_weights,
    line_weights,
    measure_points,
)
from landscape.surface.grid import grid_points, parse_axis


@pytest.fixture
def vectors():
    return list(torch.randn(3, 7, generator=torch.Generator().manual_seed(0)))


def test_the_origin_is_theta_bit_for_bit(vectors):
    assert torch.equal(Span(vectors).at(line_weights((0.0, 0.0))), vectors[0])


def test_a_point_does_not_depend_on_the_points_before_it(vectors):
    span = Span(vectors)
    axes = [parse_axis("-1:1:7"), parse_axis("-2:2:5")]
    for point in grid_points(axes):
        theta, first, second = vectors
        expected = theta + point[0] * first + point[1] * second
        assert_close(span.at(line_weights(point)), expected)
        assert torch.equal(span.at(line_weights(point)), Span(vectors).at(line_weights(point)))


def test_the_buffer_is_allocated_once_and_the_vectors_are_left_alone(vectors):
    before = [v.clone() for v in vectors]
    span = Span(vectors)
    assert span.at((1, 2, 3)).data_ptr() == span.at((4, 5, 6)).data_ptr()
    assert all(torch.equal(a, b) for a, b in zip(before, span.vectors, strict=True))


@pytest.mark.parametrize(("weights", "count"), [(chord_weights, 2), (bezier_weights, 3)])
def test_curves_end_exactly_in_the_checkpoints(weights, count, vectors):
    span = Span(vectors[:count])
    assert torch.equal(span.at(weights((0.0,))), vectors[0])
    assert torch.equal(span.at(weights((1.0,))), vectors[count - 1])


def test_a_bezier_curve_with_its_bend_halfway_is_the_chord(vectors):
    start, _, end = vectors
    curve, chord = Span([start, (start + end) / 2, end]), Span([start, end])
    for t in (0.1, 0.5, 0.8):
        assert_close(curve.at(bezier_weights((t,))), chord.at(chord_weights((t,))))


def test_each_point_is_measured_once_and_a_second_run_measures_none(tmp_path, vectors):
    calls, reports = [], []
    points = grid_points([parse_axis("-1:1:4"), parse_axis("-1:1:3")])

    def measure(theta):
        calls.append(theta.clone())
        return {"loss": theta.sum().item()}

    for _ in range(2):
        with PointStore(tmp_path / "points", {}) as store:
            measure_points(
                points, Span(vectors), line_weights, measure, store, lambda *p: reports.append(p)
            )
    assert len(calls) == 12
    assert reports == [(k, 12) for k in range(13)] + [(12, 12)]
