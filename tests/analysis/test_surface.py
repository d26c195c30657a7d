"""Lines and planes of small networks: exact where the loss is quadratic, pure, one pass each."""

import numpy as np
import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, line_of, plane_of
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.surface.course import (
    random_course,
)
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss


def test_on_a_quadratic_loss_the_line_is_its_own_quadratic_prediction(linear):
    line = line_of(linear, settings=SurfaceSettings(operator="hessian"))
    x = line.axis
    expected = linear.subject.loss + line.slope * x + 0.5 * line.curvature * x**2
    np.testing.assert_allclose(line.losses, expected, rtol=1e-12)
    assert line.losses[4] == pytest.approx(linear.subject.loss, rel=1e-15)
    assert line.provenance.num_matvecs == 1


def test_on_a_quadratic_loss_the_plane_is_exact_and_its_axes_are_not_swapped(linear):
    plane = plane_of(linear, SurfaceSettings(operator="hessian"))
    g, H = plane.gradient, plane.hessian
    assert plane.losses.shape == (4, 7)
    for i, x in enumerate(plane.x_axis):
        for j, y in enumerate(plane.y_axis):
            at = np.array([x, y])
            expected = linear.subject.loss + g @ at + 0.5 * at @ H @ at
            assert plane.losses[i, j] == pytest.approx(expected, rel=1e-12)
    assert abs(plane.cosine) < 1e-12


def test_each_point_costs_one_forward_pass_and_one_more_with_recalibration(normed):
    calls = []
    normed.model.register_forward_hook(lambda *_: calls.append(1))
    line_of(normed)
    assert len(calls) == 9 * len(normed.risk.batches)
    calls.clear()
    line_of(normed, settings=SurfaceSettings(recalibrate=True))
    assert len(calls) == 9 * 2 * len(normed.risk.batches)


@pytest.mark.parametrize("recalibrate", [False, True])
def test_the_network_is_left_bit_for_bit_as_it_was(normed, recalibrate):
    before = {name: t.clone() for name, t in normed.model.state_dict().items()}
    modes = [m.training for m in normed.model.modules()]
    theta = normed.risk.theta.clone()
    line_of(normed, settings=SurfaceSettings(recalibrate=recalibrate))
    assert all(torch.equal(t, before[n]) for n, t in normed.model.state_dict().items())
    assert [m.training for m in normed.model.modules()] == modes
    assert normed.model[1].momentum == 0.1
    assert torch.equal(normed.risk.theta, theta)


@pytest.mark.parametrize("recalibrate", [False, True])
def test_filter_normalised_surfaces_do_not_see_a_rescaling_before_batch_norm(
    normed_net, classes, recalibrate
):
    factors = torch.tensor([0.1, 1.0, 7.0, 40.0])
    norm = normed_net[1]
    norm.eps = 1e-30  # the rescaling below is a symmetry only up to eps, which may not be 0
    data, loss = drawn_data(classes, (12, 1, 3)), Loss("ce", cross_entropy)
    norm.running_mean.copy_(torch.tensor([0.3, -0.1, 0.2, 0.0]))
    before = make_target(normed_net, loss, data, SETTINGS, label="before")
    normed_net[0].weight.data *= factors[:, None, None]
    normed_net[0].bias.data *= factors
    norm.running_mean *= factors
    norm.running_var *= factors**2
    after = make_target(normed_net, loss, data, SETTINGS, label="after")
    settings = SurfaceSettings(recalibrate=recalibrate)
    a, b = (line_of(t, settings=settings).losses for t in (before, after))
    np.testing.assert_allclose(a, b, rtol=1e-5)  # the factors are float32
    a, b = (line_of(t, settings=settings, normalisation="none").losses for t in (before, after))
    assert not np.allclose(a, b, rtol=1e-2)


def test_recalibration_gives_the_statistics_of_the_examples_at_that_point(normed_net, classes):
    # In one batch, the recalibrated loss is that of batch statistics, but for the variance's n - 1.
    settings = TargetSettings(dtype="float64", batch_size=12)
    data, loss = drawn_data(classes, (12, 1, 3)), Loss("ce", cross_entropy)
    target = make_target(normed_net, loss, data, settings, label="one batch")
    line = line_of(target, settings=SurfaceSettings(recalibrate=True))
    course = random_course(target, dimensions=1, normalisation="filter")
    theta, d = course.vectors
    for x, measured in zip(line.axis, line.losses, strict=True):
        named = target.risk.layout.unflatten(theta + x * d)
        h = nn.functional.conv1d(target.risk.batches[0].inputs, named["0.weight"], named["0.bias"])
        h = nn.functional.batch_norm(
            h, h.mean((0, 2)), h.var((0, 2)), named["1.weight"], named["1.bias"]
        )
        out = h.relu().flatten(1) @ named["4.weight"].T + named["4.bias"]
        expected = cross_entropy(out, target.risk.batches[0].targets).mean().item()
        assert measured == pytest.approx(expected, rel=1e-10)
    assert line.batch_norm == "recalibrated"


def test_refinement_keeps_the_coarse_points_and_comes_closer_to_the_minimum(linear):
    coarse, fine = plane_of(linear), plane_of(linear, SurfaceSettings(halvings=2))
    assert set(coarse.x_axis) < set(fine.x_axis)
    assert fine.losses.shape == (len(fine.x_axis), len(fine.y_axis))
    np.testing.assert_array_equal(
        fine.losses[
            np.ix_(np.isin(fine.x_axis, coarse.x_axis), np.isin(fine.y_axis, coarse.y_axis))
        ],
        coarse.losses,
    )
    assert fine.losses.min() <= coarse.losses.min()


def test_metrics_come_from_the_same_pass(normed):
    calls = []
    normed.model.register_forward_hook(lambda *_: calls.append(1))
    brier = Loss("brier", lambda outputs, targets: mse(outputs.softmax(1), targets))
    line = line_of(normed, settings=SurfaceSettings(metrics=(brier,)))
    assert len(calls) == 9 * len(normed.risk.batches)
    batches = normed.risk.batches
    with normed.risk.swapped(normed.risk.layout.split(normed.risk.theta)):
        outputs = [normed.risk.outputs(index)[0] for index in range(len(batches))]
    expected = sum(
        mse(o.softmax(1), b.targets).sum().item() for o, b in zip(outputs, batches, strict=True)
    )
    assert line.metrics["brier"][4] == pytest.approx(expected / 12)
    assert line.accuracies[4] == normed.subject.accuracy
    with pytest.raises(ValueError, match="cannot be called 'loss'"):
        line_of(normed, settings=SurfaceSettings(metrics=(Loss("loss", mse),)))


def test_recalibrating_without_batch_norm_is_refused(linear):
    with pytest.raises(ValueError, match="nothing to recalibrate"):
        line_of(linear, settings=SurfaceSettings(recalibrate=True))
