"""A loss that overflows far from the checkpoint costs that radius, not the analysis."""

import math

import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.objective.losses import mse
from landscape.objective.pair import Loss
from landscape.results import load_result, save_result


class Exponential(nn.Module):
    def forward(self, x):
        return (20 * x).exp()


def test_fidelity_is_stored_where_the_farthest_losses_are_infinite(tmp_path):
    net = filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), Exponential()))
    with torch.no_grad():
        net[2].weight.mul_(0.5)
    data = drawn_data(torch.randn(12, 2, generator=torch.Generator().manual_seed(1)))
    target = make_target(net, Loss("mse", mse), data, SETTINGS, label="steep")
    settings = FidelitySettings(operators=("hessian",), radii=(0.001, 0.003, 0.01, 30.0))
    found = fidelity(target, settings=settings, progress=quiet)
    top = found.directions[0]
    assert math.isfinite(top.kappa[0])
    assert not math.isfinite(top.kappa[-1])
    assert top.ratios[0][-1] is None
    save_result(found, tmp_path / "fidelity.json")
    assert math.isnan(load_result(tmp_path / "fidelity.json").directions[0].kappa[-1])
