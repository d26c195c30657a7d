"""Spiking networks that go through time in every way, and dense matrices of loops by hand."""

import snntorch
import torch
from torch import nn
from torch.autograd import grad

N, T = 7, 4  # examples, time steps


def jelly(mode, rng):
    """Two layers of SpikingJelly's neurons in one of its step modes, firing about half the time."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    net = nn.Sequential(
        layer.Linear(3, 4, bias=False),
        neuron.LIFNode(surrogate_function=surrogate.ATan()),
        layer.Linear(4, 3, bias=False),
        neuron.IFNode(surrogate_function=surrogate.ATan()),
    ).double()
    _draw(net, rng)
    functional.set_step_mode(net, mode)
    return net


class Step(nn.Module):
    """One time step of snnTorch's neurons, their state hidden in them: (spikes, membranes)."""

    def __init__(self, rng):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4, bias=False), nn.Linear(4, 3, bias=False)
        self.lif1 = snntorch.Leaky(beta=0.8, init_hidden=True)
        self.lif2 = snntorch.Leaky(beta=0.9, init_hidden=True, output=True)
        self.double()
        _draw(self, rng)

    def forward(self, x):
        spikes = self.lif1(self.fc1(x)).to(x)
        return tuple(part.to(x) for part in self.lif2(self.fc2(spikes)))

    def rest(self):
        self.lif1.reset_mem()
        self.lif2.reset_mem()


class Inside(Step):
    """The same with its own loop, over an image that stands still: both over time, (T, N, C)."""

    def forward(self, x):
        steps = [super(Inside, self).forward(x) for _ in range(T)]
        return tuple(torch.stack(part) for part in zip(*steps, strict=True))


class OverFrames(Step):
    """The same over frames, (T, N, …), as snnTorch's tutorials have it."""

    def forward(self, x):
        steps = [super(OverFrames, self).forward(frame) for frame in x]
        return tuple(torch.stack(part) for part in zip(*steps, strict=True))


class NFirst(nn.Module):
    """SpikingJelly's multi-step neurons in a network that has examples first, (N, T, C)."""

    def __init__(self, rng):
        super().__init__()
        self.net = jelly("m", rng)

    def forward(self, x):
        return self.net(x.transpose(0, 1)).transpose(0, 1)


def _draw(net, rng):
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim > 1:
                p.copy_(1.5 * torch.randn(p.shape, generator=rng, dtype=p.dtype))


def dense(model, loss):
    """∂²loss/∂θ², the double-backward matrix of a scalar, row by row."""
    params = [p for p in model.parameters() if p.requires_grad]
    slopes = grad(loss, params, create_graph=True)
    flat = torch.cat([g.flatten() for g in slopes])
    rows = [
        grad(g, params, retain_graph=True, materialize_grads=True) if g.requires_grad else None
        for g in flat
    ]
    return torch.stack([torch.cat([r.flatten() for r in row]) for row in rows])


def matrix_of(operator):
    """A, shape (P, P), column by column."""
    eye = torch.eye(operator.dim, dtype=torch.float64)
    return torch.stack([operator @ e for e in eye], dim=1)
