"""Networks against their exactly equivalent copies: no measure that bears a verdict tells them."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from drawn import drawn
from symmetric_networks import NETWORKS

from landscape.analysis.budget import BUDGETS, ScaledBudget
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.suite import run_analysis
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.compare.run import compare
from landscape.compare.settings import CompareSettings
from landscape.curvature.symmetry.confirm import with_statistics
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import moves_of
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.results import Preflight

SETTINGS = CompareSettings(baseline="original", num_resamples=400)
SUITE = SuiteSettings(
    budget=replace(
        BUDGETS["quick"],
        scaled=ScaledBudget(num_largest=1, num_smallest=0, num_steps=3),
        num_probes=2,
        sharpness=SharpnessSettings(
            measures=("expected_rise",), scales=("none", "filter"), radii=(0.03,), num_pairs=8
        ),
    )
)


def examples(name):
    x = torch.randn(12, *NETWORKS[name][1], generator=torch.Generator().manual_seed(0))
    return x, torch.arange(12) % 3


def network(name, seed):
    """Trained for some steps, so that noise raises the loss."""
    torch.manual_seed(seed)
    net = NETWORKS[name][0]().double().eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    (x, y), optimizer = examples(name), torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(12):
        optimizer.zero_grad()
        cross_entropy(net(x.double()), y).mean().backward()
        optimizer.step()
    return net


def target_of(net, name, label):
    x, y = examples(name)
    return make_target(
        net,
        Loss("cross-entropy", cross_entropy),
        drawn(x, y, 3),
        TargetSettings(dtype="float64"),
        label=label,
        checkpoint_sha256=label.encode().hex(),
    )


def moved(net, name, seed):
    """A copy moved along all symmetries that leave noise as it is: units do not change places."""
    risk = target_of(net, name, "whole").risk
    rng, values = torch.Generator().manual_seed(seed), with_statistics(risk)
    for move in moves_of(symmetries_of(risk)):
        if move.kind != "permutation of units":
            values = move.of(values, rng)
    other = copy.deepcopy(net)
    other.load_state_dict({**other.state_dict(), **values})
    return other


def analysed(net, name, label):
    target, found = target_of(net, name, label), {}
    for analysis in ("preflight", "scaled", "sharpness"):
        found |= run_analysis(analysis, target, SUITE, found, quiet)
    return list(found.values())


@pytest.mark.parametrize(
    ("name", "scale"), [("mlp", "weight"), ("convolutions", "weight"), ("encoder", "symmetry")]
)
def test_a_moved_copy_is_equivalent_by_what_bears_the_verdict(name, scale):
    results = []
    for seed in range(6):
        net = network(name, seed)
        results += analysed(net, name, f"original-s{seed}")
        results += analysed(moved(net, name, seed), name, f"copy-s{seed}")
    found = compare(results, settings=SETTINGS)
    (pair,) = found.pairs
    top, rise = pair.measures
    assert found.settings.primary == top.measure == f"lambda_max[{scale}] hessian"
    assert "certified as invariant on all 12 networks" in found.settings.primary_reason
    assert "filter: not invariant on these networks" in found.settings.primary_reason
    assert top.verdict == "equivalent"
    assert math.isclose(top.estimate, 1, rel_tol=1e-5)
    assert rise.measure.startswith(f"expected_rise[{scale}]")
    # Attention's exchange turns the noise: then the rises agree to that of their draws.
    assert pair.verdict == "equivalent" if name != "encoder" else pair.verdict != "flatter"

    every = compare(results, settings=replace(SETTINGS, measures=("lambda_max*",)))
    by_filter = every.measure("lambda_max[filter] hessian")
    assert (by_filter.certified, by_filter.scale_invariant) == (False, False)
    values = {v.label: v.value for v in by_filter.values}
    ratios = [values[f"copy-s{s}"] / values[f"original-s{s}"] for s in range(6)]
    assert max(max(r, 1 / r) for r in ratios) > 1.25

    bare = [r for r in results if not isinstance(r, Preflight)]
    today = compare(bare, settings=SETTINGS)
    assert today.settings.primary == "lambda_max[filter] hessian"
    assert today.measure(today.settings.primary).certified is None
    assert "not certified: there is no certificate" in today.settings.primary_reason
