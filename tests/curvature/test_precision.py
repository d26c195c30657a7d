"""Passes over the examples are in float32 where float32 is asked for."""

import torch
from torch import nn

from landscape.curvature.operators import make_operator
from landscape.data.dataset import cut
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk

allowed = []


class Watching(torch.autograd.Function):
    """The identity; notes whether TF32 is allowed in its forward, backward and double backward."""

    @staticmethod
    def forward(ctx, x):
        allowed.append(torch.backends.cudnn.allow_tf32)
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return Watching.apply(grad)


class Watched(nn.Linear):
    def forward(self, x):
        return Watching.apply(super().forward(x))


def test_no_pass_lets_cudnn_round_to_tf32(rng):
    x, y = torch.randn(6, 3, generator=rng), torch.tensor([0, 1] * 3)
    risk = EmpiricalRisk(Watched(3, 2), Loss("ce", cross_entropy), cut(x, y, 4))
    before = torch.backends.cudnn.allow_tf32
    A = make_operator(risk, "hessian")
    v = torch.ones(A.dim)
    for run in (risk.evaluate, risk.gradient, lambda: A @ v, risk.loss_and_gradient):
        allowed.clear()
        run()
        assert allowed
        assert not any(allowed)
    assert torch.backends.cudnn.allow_tf32 == before
