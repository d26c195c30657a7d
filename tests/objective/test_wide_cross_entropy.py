"""Cross entropy over many classes has PyTorch's values and derivatives, and fewer tensors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from landscape.curvature.ggn import GGNOperator
from landscape.curvature.hessian import HessianOperator
from landscape.objective import wide_cross_entropy as module
from landscape.objective.first_look import first_look
from landscape.objective.objective import Objective
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.wide_cross_entropy import WIDE, is_wide, wide_cross_entropy

K, M = WIDE + 3, 9


@pytest.fixture(autouse=True)
def _ragged_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 4 * K)  # of four, four and one rows


@pytest.fixture
def problem():
    rng = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(M, K, dtype=torch.float64, generator=rng)
    classes = torch.randint(K, (M,), generator=rng)
    classes[[2, 8]] = -100
    return logits.requires_grad_(), classes, torch.randn(M, K, dtype=torch.float64, generator=rng)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_values_and_both_derivatives_are_those_of_pytorch(problem, reduction, far):
    logits, classes, cotangent = problem
    weights = torch.linspace(-1, 2, M, dtype=torch.float64).requires_grad_()

    def derivatives(function):
        loss = function(far + logits, classes, reduction=reduction)
        loss = (loss * (weights if reduction == "none" else weights[:1])).sum()
        (slope,) = torch.autograd.grad(loss, logits, create_graph=True)
        return loss, slope, *torch.autograd.grad(slope, (logits, weights), cotangent)

    for found, expected in zip(
        derivatives(wide_cross_entropy), derivatives(F.cross_entropy), strict=True
    ):
        size = 1e4 if far else 1.0  # rounding of the logits themselves, alike in both
        assert_close(found, expected, rtol=1e-12 * size, atol=1e-14 * size)


@pytest.mark.parametrize(
    "settings",
    [{"weight": torch.ones(K)}, {"label_smoothing": 0.1}, {"reduce": False}],
)
def test_other_losses_stay_as_they_are(settings):
    logits, classes = torch.zeros(2, K), torch.tensor([0, 1])
    assert is_wide(logits, classes, weight=None, label_smoothing=0.0, ignore_index=1)
    assert not is_wide(logits, classes, **settings)
    assert not is_wide(logits[:, :10], classes)
    assert not is_wide(logits, torch.zeros(2, K))
    assert not is_wide((logits, logits), classes)  # the user's mistake, for PyTorch to tell


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head = nn.Embedding(K, 3), nn.Linear(3, K)
        self.double()

    def forward(self, ids):
        return self.head(torch.tanh(self.embedding(ids)))


def own_loss(model, batch):
    ids, targets = batch
    return F.cross_entropy(model(ids).flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("objective", [loss_of("cross-entropy"), Objective(own_loss)])
def test_a_first_look_takes_it_for_a_networks_loss_and_its_graph_is_smaller(objective):
    ids = torch.randint(K, (2, 2, 4), generator=torch.Generator().manual_seed(0))
    plain = EmpiricalRisk(Words(), objective, [(ids[0], ids[1])])
    assert first_look(plain).calls_replaced
    wide = plain.with_plain_functions()
    v = torch.randn(plain.num_params, dtype=torch.float64)
    H, expected = HessianOperator(wide), HessianOperator(plain)
    assert_close(H @ v, expected @ v, rtol=1e-10, atol=1e-14)
    logits = 8 * K * 8  # bytes
    assert expected.graphs.largest_graph - H.graphs.largest_graph >= 0.9 * logits


def test_gauss_newton_products_are_the_same():
    ids = torch.randint(K, (2, 2, 4), generator=torch.Generator().manual_seed(0))
    plain = EmpiricalRisk(Words(), loss_of("cross-entropy"), [(ids[0], ids[1])])
    v = torch.randn(plain.num_params, dtype=torch.float64)
    found = GGNOperator(plain.with_plain_functions()) @ v
    assert_close(found, GGNOperator(plain) @ v, rtol=1e-10, atol=1e-14)
