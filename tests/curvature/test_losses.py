"""Losses against PyTorch's own, with the classes on either axis, as numbers or probabilities."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from landscape.curvature.operators import make_operator
from landscape.data.dataset import cut
from landscape.objective.losses import cross_entropy, mse, nll
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk

CE = Loss("cross-entropy", cross_entropy)
K = 4
POSITIONS = [(), (3,), (2, 3), (K, 5)]  # the last: as many rows as classes


def _drawn(positions, seed=0):
    """Scores (N, K, …), class numbers (N, …) and probabilities (N, K, …) of five examples."""
    rng = torch.Generator().manual_seed(seed)
    scores, mixed = torch.randn(2, 5, K, *positions, generator=rng, dtype=torch.float64)
    return scores, torch.randint(0, K, (5, *positions), generator=rng), mixed.softmax(1)


def _mean(values):
    return values.reshape(len(values), -1).mean(1)


def _counts(loss, outputs, targets):
    return tuple(each.sum() for each in loss.accuracy_counts(outputs, targets))


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("move", [False, True])
def test_classes_may_be_on_the_second_or_on_the_last_axis(positions, move):
    scores, numbers, probabilities = _drawn(positions)
    right = (scores.argmax(1) == numbers).sum()
    alike = (scores.argmax(1) == probabilities.argmax(1)).sum()

    def laid(t):
        return t.movedim(1, -1) if move else t

    assert_close(
        cross_entropy(laid(scores), numbers),
        _mean(F.cross_entropy(scores, numbers, reduction="none")),
    )
    assert_close(nll(laid(scores), numbers), _mean(F.nll_loss(scores, numbers, reduction="none")))
    assert_close(
        cross_entropy(laid(scores), laid(probabilities)),
        _mean(F.cross_entropy(scores, probabilities, reduction="none")),
    )
    hot = F.one_hot(numbers, K).double()
    assert_close(mse(laid(scores), numbers), _mean((scores.movedim(1, -1) - hot).square()))
    assert _counts(CE, laid(scores), numbers) == (right, numbers.numel())
    assert _counts(CE, laid(scores), laid(probabilities)) == (alike, numbers.numel())
    assert _counts(Loss("mse", mse), laid(scores), laid(probabilities))[1] == 0


def test_where_both_axes_fit_the_last_is_taken_and_said():
    scores, numbers, _ = _drawn((K,))
    assert_close(
        cross_entropy(scores, numbers),
        _mean(F.cross_entropy(scores.movedim(-1, 1), numbers, reduction="none")),
    )
    assert CE.is_ambiguous(scores, numbers)
    assert not CE.is_ambiguous(*_drawn((3,))[:2])
    # PyTorch's own has no choice, and its accuracy goes with it.
    own = Loss("own", nn.CrossEntropyLoss(reduction="none"))
    assert not own.is_ambiguous(scores, numbers)
    assert _counts(own, scores, numbers)[0] == (scores.argmax(1) == numbers).sum()


class _Laid(nn.Module):
    """Two positions of K scores each, the classes last or second."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.last = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2 * K)), last

    def forward(self, x):
        scores = self.net(x).unflatten(1, (2, K))
        return scores if self.last else scores.movedim(-1, 1)


def _risk(model, targets, loss=CE):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return EmpiricalRisk(model.double(), loss, cut(x, targets, 2))


@pytest.mark.parametrize("operator", ["hessian", "ggn", "fisher"])
def test_operators_do_not_depend_on_the_layout(operator, dense):
    _, numbers, probabilities = _drawn((2,))
    a, b = (dense(make_operator(_risk(_Laid(last), numbers), operator)) for last in (True, False))
    assert_close(a, b)
    soft = (probabilities.movedim(1, -1), probabilities)
    a, b = (
        dense(make_operator(_risk(_Laid(last), t), operator))
        for last, t in zip((True, False), soft, strict=True)
    )
    assert_close(a, b)


@pytest.mark.parametrize("operator", ["hessian", "ggn"])
def test_curvature_of_a_linear_network_does_not_depend_on_the_labels(operator, dense):
    """∇²_f of cross entropy is diag(p) - p pᵀ, whatever the probabilities it is taken against."""
    _, numbers, probabilities = _drawn(())
    model = nn.Linear(3, K)
    hard = dense(make_operator(_risk(model, numbers), "hessian"))
    assert_close(dense(make_operator(_risk(model, probabilities), operator)), hard)


def test_fisher_of_probabilities_is_the_mean_of_outer_products(dense):
    _, _, probabilities = _drawn(())
    risk = _risk(nn.Linear(3, K), probabilities)
    each = torch.stack(
        [
            EmpiricalRisk(risk.model, CE, cut(x[None], t[None], 1)).gradient()
            for batch in risk.batches
            for x, t in zip(*batch, strict=True)
        ]
    )
    assert_close(dense(make_operator(risk, "fisher")), each.T @ each / 5)


def test_accuracy_of_a_risk_is_that_of_the_largest_probability():
    model, (_, _, probabilities) = nn.Linear(3, K), _drawn(())
    risk = _risk(model, probabilities)
    scores = torch.cat([model(b.inputs) for b in risk.batches])
    right = (scores.argmax(1) == probabilities.argmax(1)).double().mean()
    assert risk.evaluate().accuracy == float(right)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_whole_numbers_with_one_output_each_are_numbers(shape):
    outputs, targets = torch.randn(shape).double(), torch.arange(5)
    assert_close(mse(outputs, targets), (outputs.flatten() - targets).square())
    assert _counts(Loss("mse", mse), outputs, targets)[1] == 0


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "words"),
    [
        (cross_entropy, (5, 4), torch.rand(5, 3), r"outputs \(5, 4\) and targets \(5, 3\), floats"),
        (cross_entropy, (5, 4), torch.zeros(5, 3, dtype=torch.int64), "a score for each class"),
        (cross_entropy, (5, 1), torch.zeros(5, dtype=torch.int64), "single output use mse"),
        (nll, (5, 4), torch.rand(5, 4), "use cross-entropy"),
        (mse, (5, 4), torch.zeros(5, 3, dtype=torch.int64), "as many outputs as targets"),
    ],
)
def test_what_does_not_fit_is_told_with_its_shapes(loss, outputs, targets, words):
    with pytest.raises(ValueError, match=words):
        loss(torch.randn(outputs), targets)
