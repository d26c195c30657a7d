"""Recurrences: moved copies have one spectrum at the scale ``symmetry``, and what is no move."""

from dataclasses import replace

import pytest
import torch
from symmetric_networks import risk_over
from torch import nn

from landscape.curvature.operators import make_operator
from landscape.curvature.symmetry.confirm import Confirmer, moved_risk, with_statistics
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import Move, moves_of, sum_move, unit_move

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
PLACES, SUMS, FACTORS = "permutation of units", "recurrences' biases", "factors on units"
NORMS = {"norms' weights": 1, "norms' biases": 1}


class Recurrent(nn.Module):
    """A recurrence over three steps of three features, and maps that read it."""

    def __init__(self, make, *, norm=False, read=lambda h: h[:, -1], heads=1, units=2, **options):
        super().__init__()
        self.norm = nn.LayerNorm(3) if norm else nn.Identity()
        self.rnn, self.read = make(3, units, batch_first=True, **options), read
        outputs = (self.rnn.proj_size or units) * (2 if self.rnn.bidirectional else 1)
        width = read(torch.zeros(1, 3, outputs)).shape[-1]
        self.heads = nn.ModuleList(nn.Linear(width, 3) for _ in range(heads))

    def forward(self, x):
        h = self.read(self.rnn(self.norm(x))[0])
        return sum(head(h) for head in self.heads)


class Cells(nn.Module):
    """A cell in a loop over time."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(2, 3)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0] if isinstance(state, tuple) else state)


RELU = {"nonlinearity": "relu"}
TWICE = {"num_layers": 2, "bidirectional": True}
CASES = {
    "relu": (Recurrent(nn.RNN, **RELU), {PLACES: 1, FACTORS: 1, SUMS: 1}),
    "relu-2-both-ways": (Recurrent(nn.RNN, **RELU, **TWICE), {PLACES: 4, FACTORS: 4, SUMS: 4}),
    "relu-bare": (Recurrent(nn.RNN, **RELU, bias=False), {PLACES: 1, FACTORS: 1}),
    "relu-all-steps": (
        Recurrent(nn.RNN, read=lambda h: h.flatten(1), bidirectional=True, **RELU),
        {PLACES: 2, FACTORS: 2, SUMS: 2},
    ),
    "relu-two-heads": (Recurrent(nn.RNN, heads=2, **RELU), {PLACES: 1, FACTORS: 1, SUMS: 1}),
    "relu-cell": (Cells(nn.RNNCell(3, 2, **RELU)), {PLACES: 1, FACTORS: 1, SUMS: 1}),
    "tanh": (Recurrent(nn.RNN), {PLACES: 1, SUMS: 1}),
    "lstm": (Recurrent(nn.LSTM), {PLACES: 1, SUMS: 1}),
    "lstm-2-both-ways": (Recurrent(nn.LSTM, **TWICE), {PLACES: 4, SUMS: 4}),
    "lstm-norm": (Recurrent(nn.LSTM, norm=True), {PLACES: 1, SUMS: 1, **NORMS}),
    "lstm-projected": (
        Recurrent(nn.LSTM, units=3, proj_size=2),
        {PLACES: 1, SUMS: 1, "GL(r) of projections": 1},
    ),
    "lstm-cell": (Cells(nn.LSTMCell(3, 2)), {PLACES: 1, SUMS: 1}),
    "gru": (Recurrent(nn.GRU), {PLACES: 1, SUMS: 1}),
    "gru-norm": (Recurrent(nn.GRU, norm=True), {PLACES: 1, SUMS: 1, **NORMS}),
    "gru-cell": (Cells(nn.GRUCell(3, 2)), {PLACES: 1, SUMS: 1}),
}


def spectrum(risk, scale, dense):
    matrix = dense(make_operator(risk, "hessian", scale=scale))
    return torch.linalg.eigvalsh((matrix + matrix.T) / 2)


def gap(risk, copy, scale, dense):
    """The largest difference of two spectra, relative to the largest eigenvalue."""
    before, after = (spectrum(each, scale, dense) for each in (risk, copy))
    return float((after - before).abs().max() / before.abs().max())


@pytest.mark.parametrize("name", CASES)
def test_a_moved_copy_has_the_same_spectrum(name, dense):
    net, places = CASES[name]
    risk = risk_over(net, (3, 3))
    moves = moves_of(symmetries_of(risk))
    assert {move.kind: len(move.draws) for move in moves} == places
    rng, values = torch.Generator().manual_seed(3), with_statistics(risk)
    for move in moves:
        values = move.of(values, rng)
    copy = moved_risk(risk, values)
    assert copy.evaluate().loss == pytest.approx(risk.evaluate().loss, rel=1e-12)
    # Rounding of some hundred products in float64 is far below this, a wrong term far above.
    assert gap(risk, copy, "symmetry", dense) <= 1e-8
    if name in ("relu", "lstm", "gru"):
        assert gap(risk, copy, "filter", dense) > 1e-3


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_units_that_saturate_have_no_factors(make):
    risk = risk_over(Recurrent(make), (3, 3))
    (units,) = symmetries_of(risk).permuted
    assert not Confirmer(risk).holds(Move("", (unit_move(units),)))


def test_the_biases_of_a_gru_s_candidate_are_not_added():
    """They are those of tanh(W x + b + r (U h + c)): what c loses b does not gain."""
    risk = risk_over(Recurrent(nn.GRU), (3, 3))
    (pair,) = symmetries_of(risk).sums
    assert pair.first.stop == 2 * 2  # those of both gates
    whole = replace(pair, first=replace(pair.first, stop=6), second=replace(pair.second, stop=6))
    assert not Confirmer(risk).holds(Move("", (sum_move(whole),)))


class Started(Recurrent):
    """Its state begins at a parameter of its own, which no move takes along."""

    def __init__(self):
        super().__init__(nn.RNN, **RELU)
        self.start = nn.Parameter(torch.zeros(1, 1, 2))

    def forward(self, x):
        return self.heads[0](self.rnn(x, self.start.expand(1, len(x), 2))[0][:, -1])


class Summed(Recurrent):
    """Both directions added up: no inputs of a map are the units of one."""

    def __init__(self):
        super().__init__(
            nn.RNN, read=lambda h: h[:, -1, :2] + h[:, 0, 2:], bidirectional=True, **RELU
        )


@pytest.mark.parametrize("net", [Started(), Summed()], ids=["started", "summed"])
def test_units_that_are_used_otherwise_are_not_moved(net):
    found = symmetries_of(risk_over(net, (3, 3)))
    assert found.factors == found.permuted == ()
    assert found.sums
