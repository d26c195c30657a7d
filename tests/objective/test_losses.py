"""Losses as their users have them, against the dense Hessian of the same loss."""

import pytest
import torch
import torch.nn.functional as F
from small_networks import TwoHeads, mlp, of_both
from torch import nn

import landscape


def test_a_loss_of_ones_own_gets_all_that_the_network_returned(agrees, pairs):
    (x, y), model = pairs, TwoHeads()
    agrees(model, (x, y), lambda: of_both(model(x), y), loss=of_both)


def test_a_named_loss_takes_the_first_tensor_and_says_so(agrees, pairs):
    (x, y), model = pairs, TwoHeads()
    agrees(model, (x, y), lambda: F.cross_entropy(model(x)[0], y), loss="cross-entropy")
    found = landscape.analyze(
        model, "cross-entropy", (x, y), budget="quick", only=["spectrum"], dtype="float64"
    )
    unused, taken = found.subject.notes
    assert "does not use second.weight, second.bias" in unused
    assert "takes its tensor number 1, the rest has no part in it" in taken


def test_a_loss_that_wanted_the_tensor_is_told_what_it_gets_now(pairs):
    def old(outputs, targets):
        return F.cross_entropy(outputs, targets)

    with pytest.raises(ValueError, match=r"gets what the network returned as it is"):
        landscape.hessian(TwoHeads(), old, pairs, dtype="float64")


class _WithLoss(nn.Module):
    """A network of Hugging Face's kind: by keywords, its own loss beside its logits."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Linear(3, 2).double()

    def forward(self, *, x, labels=None):
        logits = self.layer(x)
        loss = None if labels is None else F.cross_entropy(logits, labels, label_smoothing=0.2)
        return {"loss": loss, "logits": logits}


def test_networks_that_return_their_loss(agrees, pairs):
    (x, y), model = pairs, _WithLoss()
    data, reference = {"x": x, "labels": y}, lambda: model(x=x, labels=y)["loss"]
    agrees(model, (data, y), reference, loss=lambda outputs, targets: outputs["loss"])
    agrees(model, data, reference, objective=lambda network, batch: network(**batch)["loss"])


def test_a_mask_in_the_inputs_is_part_of_the_network(agrees, pairs):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(3)
            self.embed, self.out = nn.Embedding(7, 3), nn.Linear(3, 2)
            self.double()

        def forward(self, ids, mask):
            h = torch.tanh(self.embed(ids)) * mask[..., None]
            return self.out(h.sum(1) / mask.sum(1, keepdim=True))

    _, y = pairs
    ids = torch.randint(0, 7, (20, 5))
    mask = (torch.arange(5) < torch.randint(1, 6, (20, 1))).double()
    model = Masked()
    inputs = {"ids": ids, "mask": mask}
    agrees(model, (inputs, y), lambda: F.cross_entropy(model(ids, mask), y), loss="cross-entropy")


class _Uncertainty(nn.Module):
    """Learned weights of two tasks (Kendall et al. 2018), inside the loss."""

    def __init__(self):
        super().__init__()
        self.log_variances = nn.Parameter(torch.tensor([0.3, -0.2]).double())

    def forward(self, outputs, targets):
        a, b = self.log_variances
        first = torch.exp(-a) * F.cross_entropy(outputs[0], targets) + a
        return first + torch.exp(-b) * outputs[1].square().mean() + b


def test_parameters_of_a_loss_module_belong_to_theta(agrees, pairs):
    (x, y), model, loss = pairs, TwoHeads(), _Uncertainty()
    both = [*model.parameters(), *loss.parameters()]
    agrees(model, (x, y), lambda: loss(model(x), y), loss=loss, parameters=both)
    agrees(
        model,
        (x, y),
        lambda: loss(model(x), y),
        objective=lambda network, batch: loss(network(batch[0]), batch[1]),
        params="trunk",
        parameters=list(model.trunk.parameters()),
    )


def test_parameters_that_a_loss_closes_over_are_named(pairs):
    head = nn.Linear(2, 2).double()
    found = landscape.analyze(
        mlp(),
        lambda outputs, targets: F.cross_entropy(head(outputs), targets),
        pairs,
        budget="quick",
        only=["spectrum"],
        dtype="float64",
    )
    (note,) = found.subject.notes
    assert "head.weight, head.bias" in note
    assert "held fixed" in note


def test_a_regulariser_that_closes_over_the_network_sees_theta(agrees, pairs):
    (x, y), model = pairs, mlp()

    def decayed(outputs, targets):
        norm = sum(p.square().sum() for p in model.parameters())
        return F.cross_entropy(outputs, targets) + 0.1 * norm

    agrees(model, (x, y), lambda: decayed(model(x), y), loss=decayed)


class _Pinn(nn.Module):
    """u' + u, by a derivative inside forward; the last bias drops out of u', not out of u."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def forward(self, x):
        x = x.clone().requires_grad_()
        u = self.net(x)
        return torch.autograd.grad(u.sum(), x, create_graph=True)[0] + u


def test_derivatives_inside_the_network(agrees):
    model, x, y = _Pinn(), torch.randn(20, 1).double(), torch.randn(20, 1).double()
    agrees(model, (x, y), lambda: F.mse_loss(model(x), y), loss="mse")


def test_inputs_that_a_network_is_differentiated_by_are_no_parameters():
    found = landscape.analyze(
        _Pinn(), "mse", (torch.randn(20, 1), torch.randn(20, 1)), budget="quick", only=["spectrum"]
    )
    assert not [note for note in found.subject.notes if "held fixed" in note]


def test_a_mean_of_shape_one_is_a_mean(agrees, pairs):
    (x, y), model = pairs, mlp()

    def rate_loss(outputs, targets):
        return F.cross_entropy(outputs, targets).reshape(1)

    agrees(model, (x, y), lambda: F.cross_entropy(model(x), y), loss=rate_loss, batch_size=6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("size", [4, 20])
def test_weights_and_ignored_classes_are_exact_in_any_batches(agrees, pairs, smoothing, size):
    (x, y), model, weight = pairs, mlp(), torch.tensor([1.0, 5.0])
    y = y.clone()
    y[:6] = -100  # the first batch of four holds nothing to predict
    loss = nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)

    def reference():
        return F.cross_entropy(model(x), y, weight=weight.double(), label_smoothing=smoothing)

    agrees(model, (x, y), reference, loss=loss, batch_size=size)
    agrees(
        model, (x, y), lambda: F.cross_entropy(model(x), y), loss="cross-entropy", batch_size=size
    )


def test_nothing_to_predict_at_all_is_refused(pairs):
    x, y = pairs
    with pytest.raises(ValueError, match="anything to predict"):
        landscape.hessian(mlp(), "cross-entropy", (x, torch.full_like(y, -100)), dtype="float64")


def test_complex_parameters_count_as_pairs_of_real_ones(agrees):
    class Spectral(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(5)
            self.w = nn.Parameter(torch.randn(3, dtype=torch.cdouble))

        def forward(self, x):
            return torch.fft.irfft(torch.fft.rfft(x) * self.w, n=4)

    model, x, y = Spectral(), torch.randn(20, 4).double(), torch.randn(20, 4).double()
    pairs_of = torch.view_as_real(model.w.detach()).clone().requires_grad_()

    def reference():
        found = torch.fft.irfft(torch.fft.rfft(x) * torch.view_as_complex(pairs_of), n=4)
        return F.mse_loss(found, y)

    agrees(model, (x, y), reference, loss="mse", parameters=[pairs_of])
