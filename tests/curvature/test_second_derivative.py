"""A double backward that is no derivative is found before any number, and its module named."""

import pytest
import snntorch
import torch
from torch import nn

import landscape
from landscape.curvature.second_derivative import check_second_derivative
from landscape.data.dataset import cut
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk


class _HeldFixed(torch.autograd.Function):
    """x / ‖x‖, whose backward holds the norm fixed: right once, wrong twice."""

    @staticmethod
    def forward(ctx, x):
        y = x / x.norm(dim=1, keepdim=True)
        ctx.save_for_backward(y, x.norm(dim=1, keepdim=True))
        return y

    @staticmethod
    def backward(ctx, grad):
        y, norm = ctx.saved_tensors
        return (grad - y.detach() * (grad * y.detach()).sum(1, keepdim=True)) / norm.detach()


class _Normalise(nn.Module):
    def forward(self, x):
        return _HeldFixed.apply(x)


def _net(middle, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), middle, nn.Linear(4, 2))


def _data(seed=0):
    torch.manual_seed(seed)
    return torch.randn(20, 3), torch.randint(0, 2, (20,))


def _checked(model):
    x, y = _data()
    batches = cut(x.double(), y, 20)
    risk = EmpiricalRisk(model.double().eval(), loss_of("cross-entropy"), batches)
    return check_second_derivative(risk, risk.batches[0])


def test_the_module_with_the_wrong_double_backward_is_named():
    found = _checked(nn.Sequential(_net(_Normalise()), nn.Tanh(), nn.Linear(2, 2)))
    assert found.is_wrong
    assert found.modules == ("0.1 (_Normalise)",)


@pytest.mark.parametrize(
    "middle", [nn.Tanh(), nn.ReLU(), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.PReLU(), nn.GELU()]
)
@pytest.mark.parametrize("seed", range(3))
def test_sound_networks_pass(middle, seed):
    found = _checked(_net(middle, seed))
    assert found.gap < 1e-6
    assert not found.modules


def test_a_loss_without_curvature_is_not_blamed():
    x, y = _data()
    risk = EmpiricalRisk(
        nn.Linear(3, 1).double(),
        loss_of(lambda outputs, targets: (outputs[:, 0] - 10 * targets).abs()),
        cut(x.double(), y, 20),
    )
    assert not check_second_derivative(risk, risk.batches[0]).is_wrong


def test_every_command_notes_it_and_nothing_is_called_exact():
    found = landscape.analyze(
        _net(_Normalise()), "cross-entropy", _data(), budget="quick", only=["spectrum", "preflight"]
    )
    (note,) = [n for n in found.subject.notes if "double backward" in n]
    assert "1 (_Normalise) is not the derivative of the gradient" in note
    assert found.trace.num_probes == 0  # all products were made
    assert found.trace.trace.stderr is None
    assert "exact" not in found.trace.method
    (check,) = [c for c in found.preflight.checks if c.name == "derivative of the gradient"]
    assert check.status == "fail"
    sound = landscape.analyze(
        _net(nn.Tanh()), "cross-entropy", _data(), budget="quick", only=["spectrum"]
    )
    assert sound.trace.trace.stderr == 0
    assert "exact" in sound.trace.method


class _Narrow(nn.Module):
    """float32 of its own."""

    def __init__(self, *further):
        super().__init__()
        self.out = nn.Sequential(nn.Linear(3, 4), *further, nn.Linear(4, 2))

    def forward(self, x):
        return self.out(x.float())


def test_what_does_not_compute_in_float64_is_analysed_all_the_same():
    found = landscape.analyze(
        _Narrow(), "cross-entropy", _data(), budget="quick", only=["preflight", "spectrum"]
    )
    notes = {c.name: c.value for c in found.preflight.checks if c.status == "note"}
    assert "does not compute in float64" in notes["derivative of the gradient"]
    assert "does not compute in float64" in notes["noise floor"]
    assert found.preflight.passed
    assert found.eigenvalues.largest[0].converged


class _Implicit(nn.Module):
    """A fixed point z = tanh(W z / 2 + x), whose backward solves its equation by two steps."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def _step(self, z, x):
        return torch.tanh(0.5 * self.inner(z) + x)

    def forward(self, x):
        with torch.no_grad():
            z = torch.zeros_like(x)
            for _ in range(50):
                z = self._step(z, x)
        found = self._step(z, x)
        if found.requires_grad:
            start = z.clone().requires_grad_()
            once = self._step(start, x)

            def solve(grad):
                total = grad
                for _ in range(2):
                    total = torch.autograd.grad(once, start, total, retain_graph=True)[0] + grad
                return total

            found.register_hook(solve)
        return found


class _Reversed(nn.Module):
    """The identity, its gradient turned round by a hook."""

    def forward(self, x):
        x = 1 * x
        if x.requires_grad:
            x.register_hook(lambda grad: -grad)
        return x


class _Spiking(nn.Module):
    def __init__(self, *further):
        super().__init__()
        self.first, self.spikes = nn.Linear(3, 4), snntorch.Leaky(beta=0.9)
        self.rest = nn.Sequential(*further, nn.Linear(4, 2))

    def forward(self, x):
        state, total = self.spikes.init_leaky(), 0
        for _ in range(4):
            spikes, state = self.spikes(self.first(x), state)
            total = total + self.rest(spikes)
        return total


def _wrong_notes(model):
    found = landscape.analyze(model, "cross-entropy", _data(), budget="quick", only=["spectrum"])
    notes = [n for n in found.subject.notes if "Hessian are not those of this loss" in n]
    assert (found.trace.trace.stderr is None) == bool(notes)  # all products are made: exact, or not
    return notes


@pytest.mark.parametrize(
    ("model", "module"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), _Reversed(), nn.Linear(4, 2)),
            "2 (_Rev",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 4), _Implicit(), nn.Linear(4, 2)), "1 (_Implicit)"),
        (lambda: _Narrow(_Implicit()), "out.1 (_Implicit)"),
        (lambda: _Spiking(_Implicit()), "rest.0 (_Implicit)"),
    ],
    ids=["hook", "implicit", "float32 alone", "spiking"],
)
def test_backwards_that_are_no_derivative_are_named_before_any_number(model, module):
    """Where a difference says nothing, products that are not symmetric do."""
    torch.manual_seed(0)
    (note,) = _wrong_notes(model())
    assert module in note


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "model", [lambda: _Narrow(nn.Tanh()), lambda: _Spiking(nn.Tanh()), _Spiking]
)
def test_sound_ones_are_symmetric(model, seed):
    torch.manual_seed(seed)
    assert not _wrong_notes(model())
