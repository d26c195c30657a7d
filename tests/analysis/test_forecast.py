"""The forecast counts what the analyses do."""

from dataclasses import replace

import pytest
import torch
from symmetric_networks import NETWORKS
from torch import nn

from landscape.analysis.bearing import bearing_scale, expected_bearing
from landscape.analysis.budget import BUDGETS, ScaledBudget
from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.forecast import forecast
from landscape.analysis.opening import target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.suite import passes_of, run_analysis
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.analysis.work import Work
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


SMALL = SuiteSettings(
    budget=replace(
        BUDGETS["quick"],
        scaled=ScaledBudget(num_largest=1, num_smallest=0, num_steps=3),
        num_probes=2,
        sharpness=SharpnessSettings(
            measures=("expected_rise",), scales=("none", "filter"), radii=(0.1,), num_pairs=2
        ),
    )
)


def recurrent():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    return Net()


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("mlp", "weight"),
        ("convolutions", "weight"),
        ("encoder", "symmetry"),
        ("gelu", None),
        ("gru", "symmetry"),
    ],
)
def test_every_scale_that_will_be_measured_is_counted(name, scale):
    """Before the preflight has certified it, by the symmetries alone."""
    make, shape = (NETWORKS | {"gru": (recurrent, (5, 3))})[name]
    torch.manual_seed(0)
    net = make().eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    x = torch.randn(12, *shape, generator=torch.Generator().manual_seed(0))
    target = target_in_memory(
        net, loss_of("cross-entropy"), (x, torch.arange(12) % 3), TargetSettings()
    )
    names = ["preflight", "scaled", "sharpness"]
    work = Work(target, SMALL, graph_bytes=0, kept_bytes=0, names=names)
    earlier = run_analysis("preflight", target, SMALL, {}, quiet)
    assert expected_bearing(work) == bearing_scale(earlier) == scale
    times = 1 if scale is None else 2
    (alone,), (_, scaled, rises) = (forecast(target, SMALL, asked) for asked in (["scaled"], names))
    assert scaled.num_matvecs == times * alone.num_matvecs
    found = run_analysis("sharpness", target, SMALL, earlier, quiet)["sharpness"]
    assert rises.num_losses == sum(row.num_evaluations for row in found.rows)
    assert passes_of("scaled", target, SMALL, earlier) == times * passes_of("scaled", target, SMALL)
