"""Weights of few bits: how many they are, and what rounding to them does to the loss."""

import math

import pytest
import torch
from torch import nn

from landscape.objective import stored_bits
from landscape.objective.objective import Objective
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.stored_bits import significant_bits, stored_rounding


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [(torch.bfloat16, 8), (torch.float16, 11), (torch.float32, None), (torch.float64, None)],
)
def test_weights_tell_the_bits_that_they_were_stored_in(dtype, bits):
    w = torch.randn(40, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert significant_bits(w.to(dtype).double()) == bits
    if bits is not None:
        assert significant_bits(w.to(dtype).float()) == bits


def test_ones_need_few_bits_in_any_format():
    assert significant_bits(torch.tensor([1.0, -0.5, 4.0, 0.0])) == 1
    assert significant_bits(torch.tensor([0.75, 1.0])) == 2
    assert significant_bits(torch.zeros(3)) == 0
    assert significant_bits(torch.zeros(0)) == 0


class Sum(nn.Module):
    """w · x, a norm's ones beside it."""

    def __init__(self, dtype):
        super().__init__()
        rng = torch.Generator().manual_seed(1)
        drawn = torch.randn(50, generator=rng, dtype=torch.float64)
        self.w = nn.Parameter(drawn.to(dtype).double())
        self.ones = nn.Parameter(torch.ones(50, dtype=torch.float64))

    def forward(self, x):
        return (self.w * self.ones * x).sum(-1)


def risk_of(dtype):
    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective = Objective(lambda model, batch: model(batch))
    return EmpiricalRisk(Sum(dtype), objective, [x], dtype=torch.float64), x


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float16, 11), (torch.bfloat16, 8)])
def test_of_a_linear_loss_it_is_the_spread_of_uniform_errors(dtype, bits, monkeypatch):
    """Half a step each way: a variance of a third of its square, entry by entry."""
    risk, x = risk_of(dtype)
    num_draws = 400
    monkeypatch.setattr(stored_bits, "_NUM_DRAWS", num_draws)
    found = stored_rounding(risk, x[:1], risk.evaluate(), float(risk.on([x[:1]]).evaluate().loss))
    w = risk.values["w"]
    half = torch.exp2(w.abs().log2().floor() - bits)  # of numbers in [2^e, 2^(e+1))
    assert found.bits == bits
    for at, size in ((x.mean(0), found.loss), (x[0], found.first_loss)):
        expected = math.sqrt(float((half * at).square().sum()) / 3)
        # A root mean square of so many draws is known to 1/sqrt(2n); four of these.
        assert size == pytest.approx(expected, rel=4 / math.sqrt(2 * num_draws))
    assert found.accuracy == 0


def test_whole_weights_have_none():
    risk, x = risk_of(torch.float32)
    assert stored_rounding(risk, x, risk.evaluate(), 0.0) is None
    with torch.no_grad():
        risk.model.w.fill_(0.5)
    same = EmpiricalRisk(risk.model, risk.objective, [x], dtype=torch.float64)
    assert stored_rounding(same, x, same.evaluate(), 0.0) is None
