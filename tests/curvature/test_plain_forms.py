"""Operations without a double backward are answered by their formulas, in networks as they are."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.objective.losses import mse
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk


class Gate(nn.Module):
    """Hardsigmoid as one would write it out."""

    def forward(self, x):
        return (x + 3).clamp(0, 6) / 6


def gated(gate):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.Hardswish(), nn.Linear(6, 4), gate, nn.Linear(4, 2))


@pytest.mark.parametrize("inplace", [False, True])
def test_hessian_through_hardsigmoid_is_that_of_its_formula(inplace, dense):
    networks = [gated(gate).double() for gate in (nn.Hardsigmoid(inplace=inplace), Gate())]
    x, y = 20 * torch.randn(7, 3).double(), torch.randn(7, 2).double()
    risks = [EmpiricalRisk(net, Loss("mse", mse), cut(x, y, 4)) for net in networks]
    units = networks[1][:3](x).abs()
    assert (units > 3).any()  # flat there
    assert (units < 3).any()  # a slope there
    assert_close(risks[0].evaluate().loss, F.mse_loss(networks[0](x), y).item())
    H, expected = (dense(HessianOperator(risk)) for risk in risks)
    assert_close(H, expected, rtol=1e-12, atol=1e-14)


BAGS = {
    "rows": ({}, (torch.tensor([[1, 2, 1], [0, 3, 3]]),)),
    "a sum": ({"mode": "sum"}, (torch.tensor([[1, 2, 1], [0, 3, 3]]),)),
    "offsets, one bag empty": ({}, (torch.tensor([1, 2, 1, 0]), torch.tensor([0, 3, 3]))),
    "the last offset": (
        {"include_last_offset": True},
        (torch.tensor([1, 2, 1, 0]), torch.tensor([0, 1, 4])),
    ),
    "padding": ({"padding_idx": -3}, (torch.tensor([[1, 2, 1], [1, 1, 1]]),)),
    "weighted": (
        {"mode": "sum"},
        (torch.tensor([1, 2, 1]), torch.tensor([0, 1]), torch.tensor([0.5, 2.0, -1.0]).double()),
    ),
}


class Bags(nn.Module):
    def __init__(self, given, **options):
        super().__init__()
        torch.manual_seed(0)
        self.bag, self.out, self.given = nn.EmbeddingBag(4, 2, **options), nn.Linear(2, 2), given
        self.double()

    def forward(self, x):
        return self.out(torch.tanh(self.bag(*self.given))).mean(0) + x


@pytest.mark.parametrize("kind", BAGS)
def test_bags_of_rows_are_their_sums(kind):
    options, given = BAGS[kind]
    model, x, y = Bags(given, **options), torch.zeros(1, 2).double(), torch.ones(1, 2).double()
    risk = EmpiricalRisk(model, Loss("mse", mse), [(x, y)])
    assert_close(risk.evaluate().loss, F.mse_loss(model(x), y).item(), rtol=1e-12, atol=0)
    H, step = HessianOperator(risk), 1e-6
    v = torch.randn(H.dim, generator=torch.Generator().manual_seed(1)).double()
    # PyTorch's own first derivatives, which it has right.
    ahead, back = (_gradient(model, x, y, sign * step * v) for sign in (1, -1))
    # A central difference: rounding eps / step, and the square of the step.
    assert_close(H @ v, (ahead - back) / (2 * step), rtol=1e-6, atol=1e-8)


def _gradient(model, x, y, shift):
    theta = nn.utils.parameters_to_vector(model.parameters()).detach()
    nn.utils.vector_to_parameters(theta + shift, model.parameters())
    found = torch.autograd.grad(F.mse_loss(model(x), y), list(model.parameters()))
    nn.utils.vector_to_parameters(theta, model.parameters())
    return torch.cat([g.flatten() for g in found])
