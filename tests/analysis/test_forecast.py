"""The forecast counts what the analyses do."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from landscape.analysis.budget import BUDGETS
from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.forecast import forecast
from landscape.analysis.opening import target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.pair import loss_of


@pytest.fixture
def target():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    data = torch.randn(30, 3), torch.arange(30) % 3
    return target_in_memory(model, loss_of("cross-entropy"), data, TargetSettings())


def _forecast(target, budget, name):
    suite = SuiteSettings(
        budget=budget,
    )
    (line,) = forecast(target, suite, [name])
    return line


@pytest.mark.parametrize("budget", ["quick", "standard"])
def test_every_measure_of_sharpness_is_counted(target, budget):
    asked = BUDGETS[budget].sharpness
    # Without those whose search ends by itself, every pass is known beforehand.
    fixed = tuple(n for n in asked.measures if n not in ("radius_of_rise", "tolerated_noise"))
    few = replace(BUDGETS[budget], sharpness=replace(asked, measures=fixed))
    line = _forecast(target, few, "sharpness")
    calls = []
    target.model.register_forward_hook(lambda *_: calls.append(1))
    table = sharpness(target, settings=few.sharpness, progress=quiet)
    probes = sum(r.num_evaluations for r in table.rows if r.operator is not None)
    assert line.num_matvecs == probes
    # A gradient is one forward pass of the three that it counts as.
    gradients = sum(
        few.sharpness.num_restarts * (few.sharpness.num_steps + 1)
        if row.name == "worst_rise"
        else 1
        for row in table.rows
        if row.name in ("worst_rise", "sam_rise")
    )
    layers = few.sharpness.num_layers if "relative_flatness" in fixed else 0
    # Relative flatness runs the network once a layer, for the graph that its products keep, and
    # once more for the sum of weights.
    assert len(calls) - 2 * layers <= line.num_losses - 2 * gradients <= len(calls)


def test_the_passes_of_fidelity_are_counted(target):
    few = BUDGETS["quick"]
    line = _forecast(target, few, "fidelity")
    found = fidelity(target, settings=replace(few.fidelity, slopes=()), progress=quiet)
    assert line.num_losses >= found.num_evaluations
