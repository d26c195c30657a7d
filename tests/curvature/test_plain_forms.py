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
