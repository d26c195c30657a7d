"""Lines and planes of small networks: exact where the loss is quadratic, resumable, pure."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from landscape.analysis.progress import quiet
from landscape.analysis.surface import loss_line, loss_plane, random_lines
from landscape.analysis.surface_course import (
    between_course,
    bezier_course,
    eigenvector_course,
    random_course,
    trajectory_course,
)
from landscape.analysis.surface_points import SurfaceSettings, measure_shard
from landscape.analysis.target import TargetSettings, make_target
from landscape.curvature.losses import Loss, cross_entropy, mse
from landscape.data.dataset import Dataset
from landscape.results import load_result, save_result
from landscape.surface.grid import parse_axis

PLAIN = SurfaceSettings()
SETTINGS = TargetSettings(dtype="float64", batch_size=5)


def _dataset(targets, shape=(12, 3)):
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(7))
    return Dataset(
        name="drawn",
        source="a generator",
        split="train",
        inputs=inputs,
        targets=targets,
        num_classes=None,
        indices=np.arange(len(inputs)),
    )


def _fill(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape, generator=generator))
    return model


@pytest.fixture
def linear():
    """A linear map with squared error: its loss is a quadratic function of the weights."""
    targets = torch.randn(12, 2, generator=torch.Generator().manual_seed(8))
    model = _fill(nn.Linear(3, 2, bias=False))
    return make_target(model, Loss("mse", mse), _dataset(targets), SETTINGS, label="linear")


@pytest.fixture
def classes():
    return torch.arange(12) % 3


@pytest.fixture
def normed_net():
    return _fill(
        nn.Sequential(
            nn.Conv1d(1, 4, 2), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
        )
    )


@pytest.fixture
def normed(normed_net, classes):
    data = _dataset(classes, (12, 1, 3))
    return make_target(normed_net, Loss("ce", cross_entropy), data, SETTINGS, label="normed")


def _line(target, axis="-1:1:9", settings=PLAIN, **course):
    course = random_course(target, **{"dimensions": 1, "normalisation": "filter"} | course)
    return loss_line(
        target, course=course, axis=parse_axis(axis), settings=settings, progress=quiet
    )


def _plane(target, settings=PLAIN, x="-1:1:4", y="-2:1:7"):
    return loss_plane(
        target,
        course=random_course(target, dimensions=2, normalisation="filter"),
        x_axis=parse_axis(x),
        y_axis=parse_axis(y),
        settings=settings,
        progress=quiet,
    )


def test_on_a_quadratic_loss_the_line_is_its_own_quadratic_prediction(linear):
    line = _line(linear, settings=SurfaceSettings(operator="hessian"))
    x = line.axis
    expected = linear.subject.loss + line.slope * x + 0.5 * line.curvature * x**2
    np.testing.assert_allclose(line.losses, expected, rtol=1e-12)
    assert line.losses[4] == pytest.approx(linear.subject.loss, rel=1e-15)
    assert line.provenance.num_matvecs == 1


def test_on_a_quadratic_loss_the_plane_is_exact_and_its_axes_are_not_swapped(linear):
    plane = _plane(linear, SurfaceSettings(operator="hessian"))
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
    _line(normed)
    assert len(calls) == 9 * len(normed.risk.batches)
    calls.clear()
    _line(normed, settings=SurfaceSettings(recalibrate=True))
    assert len(calls) == 9 * 2 * len(normed.risk.batches)


@pytest.mark.parametrize("recalibrate", [False, True])
def test_the_network_is_left_bit_for_bit_as_it_was(normed, recalibrate):
    before = {name: t.clone() for name, t in normed.model.state_dict().items()}
    modes = [m.training for m in normed.model.modules()]
    theta = normed.risk.theta.clone()
    _line(normed, settings=SurfaceSettings(recalibrate=recalibrate))
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
    data, loss = _dataset(classes, (12, 1, 3)), Loss("ce", cross_entropy)
    norm.running_mean.copy_(torch.tensor([0.3, -0.1, 0.2, 0.0]))
    before = make_target(normed_net, loss, data, SETTINGS, label="before")
    normed_net[0].weight.data *= factors[:, None, None]
    normed_net[0].bias.data *= factors
    norm.running_mean *= factors
    norm.running_var *= factors**2
    after = make_target(normed_net, loss, data, SETTINGS, label="after")
    settings = SurfaceSettings(recalibrate=recalibrate)
    a, b = (_line(t, settings=settings).losses for t in (before, after))
    np.testing.assert_allclose(a, b, rtol=1e-5)  # the factors are float32
    a, b = (_line(t, settings=settings, normalisation="none").losses for t in (before, after))
    assert not np.allclose(a, b, rtol=1e-2)


def test_recalibration_gives_the_statistics_of_the_examples_at_that_point(normed_net, classes):
    # In one batch, the recalibrated loss is that of batch statistics, but for the variance's n - 1.
    settings = TargetSettings(dtype="float64", batch_size=12)
    data, loss = _dataset(classes, (12, 1, 3)), Loss("ce", cross_entropy)
    target = make_target(normed_net, loss, data, settings, label="one batch")
    line = _line(target, settings=SurfaceSettings(recalibrate=True))
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


def test_an_interrupted_run_goes_on_and_measures_only_what_is_missing(linear, tmp_path):
    settings = SurfaceSettings(store=tmp_path / "line.points")
    calls = []

    def stop_after_four(done, total):
        if done == 4:
            raise KeyboardInterrupt

    course = random_course(linear, dimensions=1, normalisation="filter")
    axis = parse_axis("-1:1:9")
    with pytest.raises(KeyboardInterrupt):
        loss_line(linear, course=course, axis=axis, settings=settings, progress=stop_after_four)
    linear.model.register_forward_hook(lambda *_: calls.append(1))
    line = loss_line(linear, course=course, axis=axis, settings=settings, progress=quiet)
    assert len(calls) == 5 * len(linear.risk.batches)
    assert line.losses.tolist() == _line(linear).losses.tolist()


def test_a_store_of_another_seed_is_refused_and_a_wider_axis_continued(linear, tmp_path):
    settings = SurfaceSettings(store=tmp_path / "line.points")
    _line(linear, "-1:1:5", settings)
    _line(linear, "-2:2:9", settings)
    other = dataclasses.replace(linear, settings=dataclasses.replace(SETTINGS, seed=1))
    with pytest.raises(ValueError, match="direction 1 was"):
        _line(other, "-1:1:5", settings)


def test_merged_shards_equal_the_whole_bit_for_bit(linear, tmp_path):
    course = random_course(linear, dimensions=2, normalisation="filter")
    axes = [parse_axis("-1:1:4"), parse_axis("-2:1:7")]
    paths = [tmp_path / f"{i}.points" for i in (1, 2, 3)]
    for i, path in enumerate(paths, start=1):
        settings = SurfaceSettings(store=path)
        measure_shard(
            linear, course=course, axes=axes, shard=(i, 3), settings=settings, progress=quiet
        )
    merged = _plane(linear, SurfaceSettings(merged=tuple(paths), only_merge=True))
    np.testing.assert_array_equal(merged.losses, _plane(linear).losses)
    with pytest.raises(ValueError, match="9 of 28 grid points have not"):
        _plane(linear, SurfaceSettings(merged=tuple(paths[:2]), only_merge=True))


def test_nan_and_infinity_are_kept_on_disk_and_in_the_result(tmp_path):
    def explosive(outputs, targets):
        beyond = torch.where(outputs > 1.2, math.nan, math.inf)
        return torch.where(outputs > 0.7, beyond, outputs)[:, 0]

    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.5)
    data = dataclasses.replace(_dataset(torch.zeros(4, 1), (4, 1)), inputs=torch.ones(4, 1))
    target = make_target(model, Loss("explosive", explosive), data, SETTINGS, label="boom")
    settings = SurfaceSettings(store=tmp_path / "line.points")
    course = random_course(target, dimensions=1, normalisation="filter")
    sign = course.vectors[1].sign().item()
    for _ in range(2):  # measured, then read back
        line = _line(target, "-2:2:5", settings)
        losses = line.losses[:: int(sign)]
        assert losses[:4].tolist() == [-0.5, 0.0, 0.5, math.inf]
        assert np.isnan(losses[4])
    save_result(line, tmp_path / "line.json")
    np.testing.assert_array_equal(load_result(tmp_path / "line.json").losses, line.losses)


def test_refinement_keeps_the_coarse_points_and_comes_closer_to_the_minimum(linear):
    coarse, fine = _plane(linear), _plane(linear, SurfaceSettings(halvings=2))
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
    line = _line(normed, settings=SurfaceSettings(metrics=(brier,)))
    assert len(calls) == 9 * len(normed.risk.batches)
    batches = normed.risk.batches
    tensors = normed.risk.layout.split(normed.risk.theta)
    expected = sum(
        brier.summed(normed.risk.outputs(tensors, b.inputs), b.targets).item() for b in batches
    )
    assert line.metrics["brier"][4] == pytest.approx(expected / 12)
    assert line.accuracies[4] == normed.subject.accuracy
    with pytest.raises(ValueError, match="cannot be called 'loss'"):
        _line(normed, settings=SurfaceSettings(metrics=(Loss("loss", mse),)))


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
    data, loss = _dataset(classes), Loss("ce", cross_entropy)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    first, second = (
        make_target(_fill(net, seed), loss, data, SETTINGS, label=str(seed)) for seed in (0, 1)
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


def test_recalibrating_without_batch_norm_is_refused(linear):
    with pytest.raises(ValueError, match="nothing to recalibrate"):
        _line(linear, settings=SurfaceSettings(recalibrate=True))
