"""Several points in one pass: the same values, the same file, fewer passes, nothing changed."""

import numpy as np
import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, plane_of
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.surface import points as surface_points
from landscape.analysis.surface.measure import make_joint_measure, make_measure
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.surface.evaluate import POINTS_TOGETHER


@pytest.fixture
def dense():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))
    data = drawn_data(torch.arange(12) % 3, (12, 1, 3))
    return make_target(net, Loss("ce", cross_entropy), data, SETTINGS, label="dense")


def test_values_of_several_points_are_those_of_each(dense):
    thetas = dense.risk.theta + torch.randn(7, dense.risk.num_params, dtype=dense.risk.dtype)
    brier = Loss("brier", lambda outputs, _: outputs.softmax(1).square().sum(1))
    choice = {"metrics": [brier], "recalibrate": False}
    together = make_joint_measure(dense.risk, **choice)(thetas)
    one = make_measure(dense.risk, **choice)
    for values, theta in zip(together, thetas, strict=True):
        assert values == pytest.approx(one(theta), rel=1e-12)  # sums of 12 terms in float64
        assert values["accuracy"] == one(theta)["accuracy"]


def test_a_surface_is_the_same_in_fewer_passes_and_leaves_the_network_alone(dense, monkeypatch):
    calls = []
    dense.model.register_forward_hook(lambda *_: calls.append(1))
    before = {name: t.clone() for name, t in dense.model.state_dict().items()}
    theta = dense.risk.theta.clone()
    together = plane_of(dense, SurfaceSettings())
    passes = len(calls)
    calls.clear()
    monkeypatch.setattr(surface_points, "make_joint_measure", lambda *_, **__: None)
    one_by_one = plane_of(dense, SurfaceSettings())
    points, batches = together.losses.size, len(dense.risk.batches)
    assert (passes, len(calls)) == (-(-points // POINTS_TOGETHER) * batches, points * batches)
    np.testing.assert_allclose(together.losses, one_by_one.losses, rtol=1e-12)
    assert all(torch.equal(t, before[n]) for n, t in dense.model.state_dict().items())
    assert torch.equal(dense.risk.theta, theta)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.Dropout(0.5), nn.LSTM(3, 3)])
def test_other_networks_take_one_point_a_pass(dense, layer):
    dense.model.append(layer)
    assert make_joint_measure(dense.risk, metrics=(), recalibrate=False) is None
