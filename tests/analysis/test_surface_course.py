"""Where lines and planes lead: several directions, paths, trajectories, eigenvectors."""

import copy

import numpy as np
import pytest
import torch
from small_surfaces import PLAIN, SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.surface.course import (
    between_course,
    bezier_course,
    trajectory_course,
)
from landscape.analysis.surface.eigenvector import eigenvector_course
from landscape.analysis.surface.run import loss_line, loss_plane, random_lines
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.surface.grid import parse_axis


def test_several_directions_share_an_axis_and_differ(linear):
    line = random_lines(
        linear,
        num_directions=3,
        normalisation="filter",
        axis=parse_axis("-1:1:5"),
        settings=PLAIN,
        progress=quiet,
    )
    np.testing.assert_array_equal(line.spread[0], line.losses)
    np.testing.assert_allclose(line.spread[:, 2], linear.subject.loss, rtol=1e-15)
    assert len({row[0] for row in line.spread}) == 3


def test_the_line_and_the_curve_between_two_checkpoints_have_their_losses_at_the_ends(classes):
    data, loss = drawn_data(classes), Loss("ce", cross_entropy)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    first, second = (
        make_target(filled(net, seed), loss, data, SETTINGS, label=str(seed)) for seed in (0, 1)
    )
    curve = bezier_course(first, second, num_steps=200, learning_rate=0.05, progress=quiet)
    axis = parse_axis("0:1:11")
    chord = between_course(first, second)
    straight, bent = (
        loss_line(first, course=c, axis=axis, settings=PLAIN, progress=quiet)
        for c in (chord, curve)
    )
    for line in (straight, bent):
        assert line.losses[0] == first.subject.loss
        assert line.losses[-1] == second.subject.loss
    assert bent.losses.mean() < straight.losses.mean()


def test_a_trajectory_is_drawn_in_its_plane_through_the_last_weights(normed):
    theta = normed.risk.theta
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(4, len(theta), generator=generator, dtype=torch.float64)
    course = trajectory_course(normed, [*(theta + steps), theta])
    plane = loss_plane(
        normed,
        course=course,
        x_axis=parse_axis("-1:1:3"),
        y_axis=parse_axis("-1:1:3"),
        settings=PLAIN,
        progress=quiet,
    )
    assert plane.trajectory.points.shape == (5, 2)
    assert plane.trajectory.points[-1].tolist() == [0, 0]
    assert plane.losses[1, 1] == pytest.approx(normed.subject.loss, rel=1e-12)


@pytest.mark.parametrize("rank", [1, -1])
def test_along_an_eigenvector_the_curvature_is_its_eigenvalue(linear, rank):
    inputs = torch.cat([b.inputs for b in linear.risk.batches])
    # The mean over 2 outputs of squared errors has the Hessian I ⊗ XᵀX / N.
    eigenvalues = torch.linalg.eigvalsh(inputs.T @ inputs / len(inputs))
    course = eigenvector_course(
        linear,
        "hessian",
        ranks=[rank],
        normalisation="none",
        tol=1e-8,
        max_matvecs=100,
        progress=quiet,
    )
    settings = SurfaceSettings(operator="hessian")
    axis = parse_axis("-1:1:3")
    line = loss_line(linear, course=course, axis=axis, settings=settings, progress=quiet)
    expected = eigenvalues[-1 if rank == 1 else 0].item()
    assert line.curvature == pytest.approx(expected, rel=1e-6)
    rise = (line.losses[0] + line.losses[2]) / 2 - line.losses[1]
    assert rise == pytest.approx(expected / 2, rel=1e-6)
    assert line.direction.norm == pytest.approx(1)
    assert f"eigenvector {rank} of the hessian" in line.direction.description


def test_checkpoints_of_different_networks_have_no_path(linear, normed):
    with pytest.raises(ValueError, match="needs the same network"):
        between_course(linear, normed)


@pytest.mark.parametrize(("normalisation", "stays"), [("symmetry", True), ("filter", False)])
def test_a_copy_with_rescaled_units_has_the_same_lines_at_the_scale_of_symmetries(
    classes, normalisation, stays
):
    data, loss = drawn_data(classes), Loss("ce", cross_entropy)
    net = filled(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)), 0)
    other, factors = copy.deepcopy(net), torch.tensor([4.0, 0.5, 2.0, 0.25])
    with torch.no_grad():
        other[0].weight.mul_(factors[:, None])
        other[0].bias.mul_(factors)
        other[2].weight.div_(factors)
    lines = [
        random_lines(
            make_target(each, loss, data, SETTINGS, label="made"),
            num_directions=2,
            normalisation=normalisation,
            axis=parse_axis("-1:1:5"),
            settings=PLAIN,
            progress=quiet,
        ).spread
        for each in (net, other)
    ]
    # Factors are powers of 2: no rounding of their own.
    assert np.allclose(lines[1], lines[0], rtol=1e-12, atol=0) == stays
