"""A network on data that are not its own is found by its loss and accuracy."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape
from landscape.analysis.sanity import constant_guess, doubt
from landscape.data.dataset import cut
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk, Evaluation
from landscape.results import TrainingInfo

INFO = TrainingInfo(
    init="lecun", optimizer="sgd", learning_rate=0.1, seed=0, epoch=1, num_epochs=1,
    train_accuracy=0.9, test_accuracy=0.7,
)  # fmt: skip


def _risk(loss, targets):
    torch.manual_seed(0)
    model = nn.Linear(3, 4).double()
    return EmpiricalRisk(model, loss_of(loss), cut(torch.randn(12, 3).double(), targets, 5))


def test_the_constant_guess_is_the_best_constant():
    classes = torch.tensor([0, 0, 0, 1, 1, 3, 3, 3, 3, 3, 3, -100])
    shares = torch.tensor([3, 2, 0, 6]).double() / 11
    scores = shares.clamp_min(1e-300).log().expand(12, 4)
    best = F.cross_entropy(scores, classes).item()
    assert constant_guess(_risk("cross-entropy", classes)) == pytest.approx(best)
    assert constant_guess(_risk(nn.CrossEntropyLoss(), classes)) == pytest.approx(best)
    numbers = torch.randn(12, 4).double()
    variance = F.mse_loss(numbers.mean(0).expand(12, 4), numbers).item()
    assert constant_guess(_risk("mse", numbers)) == pytest.approx(variance)
    hot = F.one_hot(classes[:11], 4).double()
    risk = EmpiricalRisk(
        nn.Linear(3, 4).double(),
        loss_of("mse"),
        cut(torch.randn(11, 3).double(), classes[:11], 4),
    )
    assert constant_guess(risk) == pytest.approx(F.mse_loss(hot.mean(0).expand(11, 4), hot).item())
    assert constant_guess(_risk(lambda o, t: o.mean(1), numbers)) is None


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("cross-entropy", torch.full((12,), 2)),
        ("mse", torch.full((12,), 2)),
        ("mse", torch.full((12, 4), 0.1).double()),
    ],
)
def test_targets_that_are_all_the_same_leave_no_constant_to_be_judged_by(loss, targets):
    risk = _risk(loss, targets)
    assert constant_guess(risk) is None
    assert doubt(risk, Evaluation(0.1, None), None, "train") == ""


@pytest.mark.parametrize(
    ("found", "split", "words"),
    [
        (Evaluation(593.0, 0.9), "train", "far above that of a constant guess"),
        (Evaluation(1.0, 0.9), "train", ""),
        (Evaluation(1.0, 0.6), "train", "below the 0.9000 that the file names"),
        (Evaluation(1.0, 0.6), "test", ""),
        (Evaluation(1.0, None), "train", ""),
    ],
)
def test_what_speaks_against_a_network(found, split, words):
    told = doubt(_risk("cross-entropy", torch.arange(12) % 4), found, INFO, split)
    assert (words in told) if words else not told
    assert not doubt(
        _risk("cross-entropy", torch.arange(12) % 4),
        replace(found, loss=1.0) if False else Evaluation(1.0, found.accuracy),
        None,
        split,
    )


def test_unscaled_inputs_fail_the_check_and_are_noted_everywhere():
    torch.manual_seed(0)
    x, model = torch.rand(40, 3), nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    y = (x[:, 0] > x[:, 1]).long()
    only = {"budget": "quick", "only": ["preflight"]}
    assert landscape.analyze(model, "cross-entropy", (x, y), **only).preflight.passed
    found = landscape.analyze(model, "cross-entropy", (1000 * x, y), **only)
    assert not found.preflight.passed
    assert any("far above that of a constant guess" in note for note in found.subject.notes)


def _pictures():
    """Pictures of 6 by 6 as bytes in floats: the left half of one kind is darker."""
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 2
    x = torch.randint(0, 256, (60, 36), generator=rng) // (
        1 + 2 * y[:, None] * (torch.arange(36) < 18)
    )
    return x.float(), y


class _Darker(nn.Module):
    """Right on pictures from 0 to 1 less ``shift``; its logits are bounded on any."""

    def __init__(self, shift):
        super().__init__()
        self.cut, self.size = 0.33 - shift, nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        margin = torch.tanh(10 * (x[:, :18].mean(1) - self.cut))
        return self.size * torch.stack([margin, -margin], 1)


class _Scaling(nn.Module):
    """Takes bytes, and scales them itself."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 2))
        self.layers[2].bias.data += torch.tensor([0.0, 1.0])  # worse than a constant guess

    def forward(self, x):
        return self.layers(x / 255)


def _doubt(model, x, y):
    risk = EmpiricalRisk(model, loss_of("cross-entropy"), cut(x, y, 25))
    found = risk.evaluate()
    return found, doubt(risk, found, None, "train")


@pytest.mark.parametrize("shift", [0.0, 0.08, 0.4])
def test_bytes_for_a_network_of_unit_inputs_are_named(shift):
    """Its loss is about three times a constant guess's. Dividing does not suffice for the last."""
    x, y = _pictures()
    found, words = _doubt(_Darker(shift), x, y)
    assert 1.5 < found.loss < 7
    assert "like the bytes of pictures" in words
    found, words = _doubt(_Darker(shift), x / 255 - shift, y)
    assert found.loss < 0.5
    assert not words


@pytest.mark.parametrize("seed", range(8))
def test_bytes_for_a_network_that_scales_them_itself_are_not(seed):
    x, y = _pictures()
    order = y.argsort()  # a first batch of one kind
    for inputs, targets in ((x, y), (x[order], y[order])):
        found, words = _doubt(_Scaling(seed), inputs, targets)
        assert found.loss > 0.6932
        assert not words


@pytest.mark.parametrize("largest", [3, 16, 100])
def test_counts_are_no_bytes(largest):
    x = torch.randint(0, largest + 1, (60, 36), generator=torch.Generator().manual_seed(0))
    found, words = _doubt(_Darker(0.0), x.float(), torch.arange(60) % 2)
    assert found.loss > 0.6932
    assert not words
