"""Another surrogate changes derivatives to those of a network built with it, and no spike."""

import pytest
import snntorch
import torch
from neurons import exchanged_network
from spikingjelly.activation_based import neuron as jelly
from spikingjelly.activation_based import surrogate as jelly_surrogates
from torch import nn
from torch.autograd import grad

from landscape.results import DoesNotApply
from landscape.snn.adapters import reset_state
from landscape.snn.exchanged import exchanges, own_surrogate
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.model import SpikingMLP
from landscape.snn.surrogate import SURROGATES, ATan, Erf, FastSigmoid, Sigmoid, Triangle

SAME = [  # (ours, theirs)
    (ATan(3.0), jelly_surrogates.ATan(3.0)),
    (Sigmoid(4.0), jelly_surrogates.Sigmoid(4.0)),
    (Erf(2.0), jelly_surrogates.Erf(2.0)),
    (FastSigmoid(2.0), jelly_surrogates.SoftSign(2.0)),
    (Triangle(1.0), jelly_surrogates.PiecewiseQuadratic(1.0)),
]


class Steps(nn.Module):
    """Two layers of neurons over 4 time steps; the mean of their spikes."""

    def __init__(self, make, *, multi_step=False):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 8, bias=False), nn.Linear(8, 2, bias=False)
        self.one, self.two = make(), make()
        self.multi_step = multi_step

    def forward(self, x):
        if self.multi_step:
            steps = x.expand(4, *x.shape)
            return self.two(self.fc2(self.one(self.fc1(steps)))).mean(0)
        # snnTorch's spikes are float32, whatever comes in.
        steps = [self.two(self.fc2(self.one(self.fc1(x)).to(x))).to(x) for _ in range(4)]
        return torch.stack(steps).mean(0)


MAKERS = {
    "own": lambda: SpikingMLP((3, 8, 2), 4),
    "own leaky": lambda: SpikingMLP((3, 8, 2), 4, dynamics=NeuronDynamics(tau=2.0, reset=None)),
    "spikingjelly": lambda: Steps(jelly.IFNode),
    "spikingjelly, all steps": lambda: Steps(lambda: jelly.LIFNode(step_mode="m"), multi_step=True),
    "spikingjelly, learned tau": lambda: Steps(jelly.ParametricLIFNode),
    "snntorch": lambda: Steps(lambda: snntorch.Leaky(0.9, init_hidden=True)),
}


@pytest.fixture(params=MAKERS)
def network(request, rng):
    made = MAKERS[request.param]().double()
    with torch.no_grad():
        for p in made.parameters():
            if p.ndim > 1:
                p.copy_(4 * torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return made


@pytest.fixture
def x(rng):
    return torch.rand(20, 3, generator=rng, dtype=torch.float64)


def outputs(network, x):
    reset_state(network)
    return network(x)


def derivatives(network, x, v):
    """Gradient of the summed square of the outputs, and the Hessian times v."""
    theta = list(network.parameters())
    g = grad((outputs(network, x) ** 2).sum(), theta, create_graph=True)
    flat = torch.cat([part.flatten() for part in g])
    hv = grad(flat @ v, theta)
    return flat.detach(), torch.cat([part.flatten() for part in hv])


def test_the_spikes_are_the_same_bit_for_bit_and_the_derivatives_are_not(network, x):
    before = outputs(network, x)
    assert before.unique().numel() > 2
    v = torch.ones(sum(p.numel() for p in network.parameters()), dtype=x.dtype)
    gradients = []
    for surrogate in [kind() for kind in SURROGATES.values()]:
        other = exchanged_network(network, surrogate)
        assert torch.equal(outputs(other, x), before)
        gradients.append(derivatives(other, x, v)[0])
    assert all(not torch.allclose(gradients[0], g) for g in gradients[1:])
    assert torch.equal(outputs(network, x), before)


@pytest.mark.parametrize(("ours", "theirs"), SAME, ids=lambda value: type(value).__name__)
def test_derivatives_are_those_of_a_network_built_with_it(ours, theirs, x, rng):
    built = Steps(lambda: jelly.LIFNode(surrogate_function=theirs)).double()
    with torch.no_grad():
        for p in built.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=p.dtype))
    other = Steps(jelly.LIFNode).double()  # whose surrogate is a sigmoid
    other.load_state_dict(built.state_dict(), strict=True)
    v = torch.randn(40, generator=rng, dtype=x.dtype)
    expected = derivatives(built, x, v)
    found = derivatives(exchanged_network(other, ours), x, v)
    eps = torch.finfo(x.dtype).eps
    for a, b in zip(found, expected, strict=True):
        # Sums over 4 steps and 20 examples of terms that are rounded in another order.
        torch.testing.assert_close(a, b, rtol=0, atol=1000 * eps * float(b.abs().max()))


def test_its_own_surrogate_is_known_where_it_is_one_of_ours():
    assert own_surrogate(SpikingMLP((3, 2), 4)) == ATan(2.0)
    assert own_surrogate(nn.Sequential(jelly.IFNode())) is None
    mixed = nn.Sequential(
        SpikingMLP((3, 2), 4), SpikingMLP((2, 2), 4, dynamics=NeuronDynamics(surrogate=Erf()))
    )
    assert own_surrogate(mixed) is None


class Learned(nn.Module):
    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(1.0))

    def forward(self, u):
        return torch.sigmoid(self.alpha * u)


class Compiled(jelly.IFNode):
    backend = "cupy"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.Linear(2, 2), "no neurons of this package, SpikingJelly or snnTorch"),
        (lambda: SpikingMLP((3, 2), dynamics=NeuronDynamics(smooth=True)), "primitive"),
        (
            lambda: jelly.IFNode(surrogate_function=jelly_surrogates.ATan(spiking=False)),
            "primitive",
        ),
        (lambda: jelly.IFNode(surrogate_function=Learned()), "has parameters"),
        (Compiled, "backend 'cupy'"),
    ],
)
def test_what_cannot_be_exchanged_is_refused_with_the_reason(make, reason):
    with pytest.raises(DoesNotApply, match=reason):
        exchanges(nn.Sequential(make()), ATan())
