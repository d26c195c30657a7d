"""Risks that are made of another one."""

import pytest
import torch
from torch import nn

from landscape.objective.objective import Objective
from landscape.objective.risk import EmpiricalRisk


@pytest.fixture
def risk():
    net = nn.Linear(3, 1)
    net.bias.requires_grad_(False)
    objective = Objective(lambda model, x: model(x).square().squeeze(1))
    return EmpiricalRisk(net, objective, [torch.randn(5, 3)])


def test_another_precision_of_other_values_has_these_and_all_that_was_set_and_found(risk):
    moved = risk.at({name: v + 1 for name, v in risk.values.items()})
    moved.preconditioner = torch.ones
    wide = moved.in_dtype(torch.float64)
    assert wide.dtype == torch.float64
    assert wide.evaluate().loss == pytest.approx(moved.evaluate().loss, rel=1e-6)
    assert wide.evaluate().loss != pytest.approx(risk.evaluate().loss, rel=0.1)
    assert wide.found is risk.found
    assert wide.preconditioner is torch.ones


def test_a_renewed_risk_is_at_the_network_s_weights_of_now_with_nothing_found_of_them(risk):
    risk.preconditioner, risk.found["symmetries"] = torch.ones, "those of before"
    before = risk.evaluate().loss
    with torch.no_grad():
        risk.model.weight += 1
    now = risk.renewed()
    assert risk.evaluate().loss == before
    assert now.evaluate().loss != before
    assert not now.found
    assert now.preconditioner is torch.ones
