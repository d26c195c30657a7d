"""Each check passes on a sound network and fails on the one made to fail it."""

import copy

import pytest
import torch
from drawn import drawn
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.preflight.run import preflight
from landscape.analysis.progress import quiet
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.losses import mse
from landscape.objective.pair import Loss
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.model import SpikingMLP


class _Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x):
        return x + 0.1 * torch.randn(x.shape, generator=self.generator).to(x)


class _WrongBackward(torch.autograd.Function):
    """x w, with a backward that says x sin w: what follows from it is not symmetric."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        return grad * w.sin(), grad * x


class _Asymmetric(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(0.5, 1.5, 3))

    def forward(self, x):
        return _WrongBackward.apply(x, self.w)


class _ZeroStart(nn.Module):
    """A residual block whose branch ends in a batch norm of scale 0, as many libraries start."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        nn.init.zeros_(self.branch[1].weight)

    def forward(self, x):
        return (x.relu() + self.branch(x)).relu()


def _target(model, inputs=None, **settings):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 3, generator=generator) if inputs is None else inputs
    data = drawn(inputs, torch.randint(0, 2, (12,), generator=generator), 2)
    return make_target(
        model, Loss("mse", mse), data, TargetSettings(batch_size=5, **settings), label="made"
    )


def _statuses(model, operator="hessian", **settings):
    found = preflight(_target(model, **settings), operator_name=operator, progress=quiet)
    return {check.name: check for check in found.checks}, found.passed


def _net(*middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), *middle, nn.Linear(3, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sound_network_passes(dtype):
    checks, passed = _statuses(_net(), dtype=dtype)
    assert passed
    assert checks["derivative of the gradient"].status == "pass"


class _Sized(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x * self.size


@pytest.mark.parametrize("size", [0.0, 1e-15, 1e-12, 1e12, 1e15])
def test_checks_of_the_operator_hold_at_any_size_of_the_curvature(size):
    """The squares of what they compare lie beyond float32; at 0 there is no curvature at all."""
    checks, _ = _statuses(nn.Sequential(_net(), _Sized(size)))
    names = ["deterministic, state reset", "symmetric", "matvec linear and finite"]
    assert [checks[name].status for name in names] == ["pass"] * 3


def test_noise_in_the_forward_is_found():
    checks, passed = _statuses(_net(_Noisy()))
    assert not passed
    assert checks["deterministic, state reset"].status == "fail"
    assert "dropout" in checks["deterministic, state reset"].advice
    others = [name for name, check in checks.items() if check.status == "fail"]
    assert others == ["deterministic, state reset"]  # no wrong advice about backwards or float64
    assert not {"symmetric", "derivative of the gradient", "noise floor"} & set(checks)


class _Masked(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)


def test_a_forward_that_does_not_repeat_is_noted_by_every_command():
    (note,) = [n for n in _target(_net(_Noisy())).subject.notes if "differ, an" in n]
    assert "two evaluations of one batch differ" in note
    assert "do not trust" in note
    assert not _target(_net(nn.Dropout(0.5))).subject.notes


def test_random_numbers_of_the_forward_are_fixed_by_the_seed_and_noted():
    net = _net(_Masked())
    state = torch.get_rng_state()
    (note,) = _target(net).subject.notes
    assert "the forward pass is random" in note
    assert "one draw" in note
    assert torch.equal(torch.get_rng_state(), state)
    checks, passed = _statuses(net, dtype="float64")
    assert passed
    assert checks["derivative of the gradient"].status == "pass"


class _Step(torch.autograd.Function):
    """A spike with a surrogate gradient of one's own, in no library's neuron."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return grad / (1 + u.square())


class _OwnSpikes(nn.Module):
    def forward(self, x):
        return _Step.apply(x)


def test_a_surrogate_of_ones_own_is_told_what_its_hessian_is():
    found = _statuses(_net(_OwnSpikes()))[0]["derivative of the gradient"]
    assert found.status == "fail"
    assert "surrogate gradients" in found.advice
    assert "formal" in found.advice


def test_the_gradient_norm_is_set_against_the_weights():
    target = _target(_net())
    shown = _statuses(_net())[0]["gradient norm"].value
    product = target.subject.grad_norm * float(target.risk.theta.norm())
    assert shown.endswith(f"‖θ‖ = {float(target.risk.theta.norm()):.3g}: {product:.3g}")


def test_a_backward_that_is_no_derivative_is_found():
    checks, passed = _statuses(_net(_Asymmetric()))
    assert not passed
    assert checks["symmetric"].status == "fail"
    assert checks["derivative of the gradient"].status == "fail"


class _Narrow(nn.Module):
    """Computes in float32 whatever comes, as Hugging Face's norms do."""

    def forward(self, x):
        narrow = x.float()
        return (narrow * torch.rsqrt(narrow.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def test_float32_within_a_network_in_float64_is_no_wrong_backward():
    checks, passed = _statuses(_net(_Narrow()), dtype="float64")
    assert passed
    found = checks["matvec linear and finite"]
    assert found.status == "note"
    assert found.value.endswith("as exact as float32")
    assert "computes in float32, whatever --dtype says" in found.advice
    wrong, passed = _statuses(_net(_Asymmetric()), dtype="float64")
    assert not passed
    assert wrong["symmetric"].status == "fail"
    assert wrong["moves along symmetries"].value == "left out: the operator failed its checks"


def test_a_kink_at_the_very_weights_is_told_from_a_wrong_derivative():
    checks, passed = _statuses(_net(_ZeroStart()))
    assert not passed
    assert checks["symmetric"].status == "pass"
    assert "the gradient jumps here" in checks["derivative of the gradient"].value
    assert "a ReLU fed exactly 0" in checks["derivative of the gradient"].advice
    wrong, _ = _statuses(_net(_Asymmetric()))
    assert "custom backwards" in wrong["derivative of the gradient"].advice


def test_dropout_is_switched_off_and_counted():
    checks, passed = _statuses(_net(nn.Dropout(0.5)))
    assert passed
    assert "1 dropouts, 0 active" in checks["batch norm and dropout"].value


@pytest.mark.parametrize("kept", [True, False])
def test_batch_norms_that_see_the_batch_are_told_from_those_that_do_not(kept):
    norm = nn.BatchNorm1d(3, track_running_stats=kept)
    target = _target(nn.Sequential(nn.Linear(3, 3), norm, nn.Linear(3, 2)))
    found = preflight(target, operator_name="hessian", progress=quiet)
    (check,) = (c for c in found.checks if c.name == "batch norm and dropout")
    assert check.status == ("pass" if kept else "note")
    assert ("1 of them on each batch's statistics" in check.value) == (not kept)
    assert found.passed
    assert (target.risk.coupled_by is None) == kept


def test_unused_and_frozen_parameters_are_counted():
    model = _net()
    model.register_parameter("idle", nn.Parameter(torch.ones(4)))
    model[0].bias.requires_grad_(False)
    checks, _ = _statuses(model)
    assert "1 tensors without gradient: idle" in checks["unused and frozen parameters"].value
    assert "3 frozen" in checks["unused and frozen parameters"].value


def test_a_spiking_network_is_told_how_far_its_curvature_goes():
    torch.manual_seed(0)
    model = SpikingMLP((3, 8, 2), 4, dynamics=NeuronDynamics())
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
    checks, passed = _statuses(model)
    assert passed
    assert checks["derivative of the gradient"].status == "note"
    assert "hessian" in checks["predicts the hard loss"].value


def test_spikes_that_tip_over_with_the_precision_are_told_from_noise():
    """0.9 + 0.1, as float32 has them, is 1 in float32 and less in float64: a spike is lost."""
    model = SpikingMLP((3, 4, 2), 4, dynamics=NeuronDynamics())
    with torch.no_grad():
        model.linears[0].weight.copy_(torch.tensor([0.9, 0.1, 0.0]))
        model.linears[1].weight.fill_(0.3)
    ones = torch.ones(12, 3)
    assert not torch.equal(model(ones).double(), copy.deepcopy(model).double()(ones.double()))
    floor = _statuses(model, inputs=ones)[0]["noise floor"]
    assert floor.status == "note"
    assert "some spikes tip over with the precision" in floor.value
    assert "--dtype float64" in floor.advice
    with torch.no_grad():
        model.linears[0].weight.mul_(1.2)
    assert _statuses(model, inputs=ones)[0]["noise floor"].status == "pass"


def test_a_loss_that_is_not_finite_is_refused_before_anything_runs():
    model = _net()
    with torch.no_grad():
        model[0].weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="no curvature to speak of"):
        _target(model)


def test_the_model_that_was_passed_in_stays_as_it_was():
    model = _net(nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    _statuses(model)
    assert model.training
    assert all(m.training for m in model.modules())
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
