"""What moves along the network's symmetries make of measures, and when a scale is certified."""

from dataclasses import replace

import pytest
import torch
from drawn import drawn
from symmetric_networks import NETWORKS, Encoder
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.preflight import run
from landscape.analysis.preflight.invariance import invariances
from landscape.analysis.preflight.run import preflight
from landscape.analysis.progress import quiet
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.scales import BEARING
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.report.sections.invariance_tables import certified
from landscape.results import Invariance, Preflight, ScaleRatio


def _target(net, *shape):
    x = torch.randn(12, *shape, generator=torch.Generator().manual_seed(0))
    data = drawn(x, torch.arange(12) % 3, 3)
    return make_target(
        net, Loss("cross-entropy", cross_entropy), data, TargetSettings(), label="made"
    )


def test_it_says_what_moves_along_symmetries_change():
    torch.manual_seed(0)
    target = _target(Encoder().double(), 4, 4)
    found = preflight(target, operator_name="hessian", progress=quiet)
    rows = {row.move: row for row in found.invariances}
    assert rows["GL(r) of attention"].num_places == 4  # two heads, of two products each
    for row in rows.values():
        assert row.at("symmetry").is_one
    for scale in ("none", "filter", "weight"):
        assert not rows["GL(r) of attention"].at(scale).is_one
        assert "GL(r) of attention" in [m.move for m in found.changed_at(scale)]
    assert found.changed_at("symmetry") == ()
    assert rows["factors on units"].at("weight").is_one
    assert not rows["factors on units"].at("filter").is_one


def test_weights_are_not_moved_where_copies_of_them_do_not_fit(monkeypatch):
    torch.manual_seed(0)
    target = _target(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)), 3)
    monkeypatch.setattr(run, "free_memory", lambda device: 12 * 8 * target.risk.num_params - 1)
    found = preflight(target, operator_name="hessian", progress=quiet)
    assert found.invariances == ()
    assert found.passed
    assert found.checks[-1].name == "moves along symmetries"
    assert found.checks[-1].value.startswith("left out: copies of the weights in float64 take")
    monkeypatch.undo()
    whole = preflight(target, operator_name="hessian", progress=quiet)
    assert whole.invariances
    assert whole.checks == found.checks[:-1]


def test_a_network_without_a_symmetry_is_told_so():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 3))
    found = preflight(_target(net, 3), operator_name="hessian", progress=quiet)
    rows = {row.move: row for row in found.invariances}
    assert rows["factors on units"].num_places == 0
    assert rows["factors on units"].ratios == ()
    assert rows["permutation of units"].at("none").is_one
    # A permutation leaves every scale alone, "none" too: none can have failed on it.
    assert not rows["permutation of units"].is_telling
    assert found.first_invariant(BEARING) is None


def test_what_the_moves_come_to_is_said_in_words():
    def words(net):
        torch.manual_seed(0)
        return certified(preflight(_target(net, 3), operator_name="hessian", progress=quiet))

    def mlp(activation):
        return nn.Sequential(nn.Linear(3, 4), activation, nn.Linear(4, 3))

    kept = "Certified as invariant along every symmetry found (factors on units): weight, symmetry."
    assert words(mlp(nn.ReLU())) == kept
    assert "only permutation of units was found" in words(mlp(nn.GELU()))
    assert words(nn.Linear(3, 3)).endswith("no symmetry of this network was found.")


class Recurrent(nn.Module):
    def __init__(self, make, **options):
        super().__init__()
        self.rnn, self.head = make(3, 4, batch_first=True, **options), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize(
    ("make", "options", "kept", "telling"),
    [
        (nn.RNN, {"nonlinearity": "relu", "bias": False}, "weight", ["factors on units"]),
        (nn.RNN, {"nonlinearity": "relu"}, "symmetry", ["factors on units", "recurrences' biases"]),
        (nn.LSTM, {}, "symmetry", ["recurrences' biases"]),
        (nn.GRU, {}, "symmetry", ["recurrences' biases"]),
        (nn.GRU, {"bias": False}, None, []),  # its units only change places
    ],
)
def test_what_a_recurrent_network_s_certificate_rests_on(make, options, kept, telling):
    torch.manual_seed(0)
    found = preflight(
        _target(Recurrent(make, **options).double(), 5, 3), operator_name="hessian", progress=quiet
    )
    assert [m.move for m in found.invariances if m.is_telling] == telling
    assert found.first_invariant([scale for scale in BEARING if scale != "none"]) == kept


@pytest.mark.parametrize("name", ["mlp", "convolutions", "encoder", "decoder", "lora"])
def test_every_draw_of_the_trace_stays_at_the_scale_of_symmetries(name):
    """Without eigenvalues, on gradients alone: equal to rounding, in float64."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    net = make().double()
    with torch.no_grad():
        for weights in net.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    found = invariances(_target(net, *shape), "hessian", eigenvalues=False)
    rows = [row for row in found if row.num_places]
    assert rows
    for row in rows:
        found = row.at("symmetry")
        assert found.is_one
        assert found.lambda_max is None
        assert found.trace == pytest.approx(1, abs=1e-9)
        assert found.trace_stderr < 1e-9


def test_a_largest_eigenvalue_that_stays_says_nothing_of_other_layers():
    """λ_max may be that of weights that no move touches: then the trace tells."""

    def ratio(**changes):
        found = {"scale": "filter", "lambda_max": 1.0, "trace": 1.0, "trace_stderr": 1e-15}
        return ScaleRatio(**(found | changes))

    assert ratio().is_one
    assert ratio(lambda_max=None).is_one
    assert not ratio(trace=1.3).is_one
    assert not ratio(trace_stderr=0.02).is_one  # 1 by chance: the draws differ
    assert not ratio(lambda_max=1.1).is_one
    assert not ratio(trace=None).is_one


def test_a_scale_is_certified_by_all_moves_that_were_found():
    def certified(*rows):
        moves = tuple(
            Invariance(move=f"move {k}", num_places=places, ratios=ratios)
            for k, (places, ratios) in enumerate(rows)
        )
        return Preflight(subject=None, provenance=None, checks=(), invariances=moves)

    stays = ScaleRatio(scale="filter", lambda_max=None, trace=1.0, trace_stderr=0.0)
    moved = ScaleRatio(scale="filter", lambda_max=None, trace=1.4, trace_stderr=0.1)
    other = replace(moved, scale="none")
    old = ScaleRatio(scale="filter", lambda_max=1.0)
    assert certified((2, (stays, other)), (0, ())).changed_at("filter") == ()
    assert [m.move for m in certified((2, (stays,)), (1, (moved,))).changed_at("filter")] == [
        "move 1"
    ]
    # What leaves every scale alone, such as a permutation, is no trial of any.
    assert certified((2, (stays, replace(stays, scale="none")))).changed_at("filter") is None
    assert certified((2, (stays, other))).changed_at("weight") is None
    assert certified((2, (old,))).changed_at("filter") is None
    assert certified((0, ())).changed_at("filter") is None
    assert certified().changed_at("filter") is None
