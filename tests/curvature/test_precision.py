"""Passes over the examples are in float32 where float32 is asked for."""

import torch
from torch import nn

import landscape
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


class _Mixed(nn.Linear):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x).to(x.dtype)


def test_autocast_within_a_network_is_noted_where_it_has_an_effect(rng):
    """PyTorch leaves float64 alone: there the Hessian is that of the same network without."""
    data = torch.randn(6, 3, generator=rng), torch.tensor([0, 1] * 3)
    only = {"budget": "quick", "only": ["preflight"]}
    notes = landscape.analyze(_Mixed(3, 2), "cross-entropy", data, **only).subject.notes
    (note,) = [n for n in notes if "autocast" in n]
    assert "bfloat16" in note
    outside = nn.Linear(3, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        notes = landscape.analyze(outside, "cross-entropy", data, **only).subject.notes
    assert any("autocast" in n for n in notes)
    for model, settings in ((outside, only), (_Mixed(3, 2), {**only, "dtype": "float64"})):
        found = landscape.analyze(model, "cross-entropy", data, **settings)
        assert not any("autocast" in n for n in found.subject.notes)
    mixed = _Mixed(3, 2)
    wide = [m.double() for m in (mixed, nn.Linear(3, 2))]
    wide[1].load_state_dict(mixed.state_dict())
    products = [landscape.hessian(m, "cross-entropy", data, dtype="float64") for m in wide]
    v = torch.ones(8, dtype=torch.float64)
    torch.testing.assert_close(products[0] @ v, products[1] @ v, rtol=1e-6, atol=1e-8)
