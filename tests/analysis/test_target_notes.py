"""What is noted of a target; parameters that its loss does not use have zero curvature."""

import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.budget import BUDGETS
from landscape.analysis.layers.entry import run as run_layers
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss


class _Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.head = nn.Linear(3, 2), nn.Linear(3, 2)
        self.idle = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.used(x).tanh()


class _Cut(nn.Linear):
    def forward(self, x):
        return super().forward(x).detach()


def _target(model, targets=None, settings=SETTINGS):
    data = drawn_data(torch.arange(12) % 2 if targets is None else targets)
    loss = Loss("cross-entropy", cross_entropy)
    return make_target(filled(model), loss, data, settings, label="made")


@pytest.fixture
def target():
    return _target(_Idle())


@pytest.mark.parametrize("operator", ["hessian", "ggn", "fisher"])
@pytest.mark.parametrize("scale", ["none", "filter"])
def test_their_block_is_zero(target, operator, scale):
    whole = make_operator(target.risk, operator, scale=scale)
    alone = make_operator(target.risk.select(["idle", "head.weight"]), operator, scale=scale)
    assert not (alone @ torch.ones(alone.dim, dtype=alone.dtype)).any()
    image = whole @ torch.ones(whole.dim, dtype=whole.dtype)
    where = target.risk.layout.slices
    assert image[where["used.weight"]].any()
    assert not any(image[where[name]].any() for name in ("idle", "head.weight", "head.bias"))


def test_their_gradient_is_zero(target):
    risk = target.risk.select(["idle"])
    assert not risk.gradient().any()
    assert not risk.loss_and_gradient()[1].any()


def test_the_table_of_layers_has_rows_of_zeros(target):
    suite = SuiteSettings(budget=BUDGETS["standard"])
    (table,) = run_layers(target, suite, {}, quiet).values()
    ends = {r.name: (r.largest.value, r.smallest.value, r.trace.mean) for r in table.rows}
    assert ends["head"] == (0, 0, 0)
    assert ends["used"][0] > 0


def test_they_are_named(target):
    (note,) = target.subject.notes
    assert "the loss does not use idle, head.weight, head.bias:" in note


def test_a_loss_that_uses_no_parameter_is_refused():
    with pytest.raises(ValueError, match=r"none of the network's parameters.*detach"):
        _target(_Cut(3, 2))


def test_classes_on_either_axis_are_said():
    model = nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)))
    (note,) = _target(model, torch.arange(24).reshape(12, 2) % 2).subject.notes
    assert "(5, 2, 2)" in note
    assert "the last is taken" in note


@pytest.mark.parametrize(("dtype", "count"), [("float32", 1), ("float64", 0)])
def test_weights_that_lose_digits_are_noted(dtype, count):
    notes = _target(nn.Linear(3, 2).double(), settings=TargetSettings(dtype=dtype)).subject.notes
    assert sum("rounded from float64 to float32" in note for note in notes) == count
