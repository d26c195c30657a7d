"""Networks and data as users have them: what ``--model nets.py:…`` reads in a test."""

import torch
from torch import nn


class Jelly(nn.Module):
    """SpikingJelly's leaky neurons, multi-step; one learns its decay; 63 parameters."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import functional, layer, neuron, surrogate

        self.layers = nn.Sequential(
            layer.Linear(6, 5, bias=False),
            neuron.LIFNode(tau=2.0, surrogate_function=surrogate.Sigmoid()),
            layer.Linear(5, 5),
            neuron.ParametricLIFNode(surrogate_function=surrogate.ATan()),
            layer.Linear(5, 3, bias=False),
        )
        functional.set_step_mode(self, "m")

    def forward(self, x):
        return self.layers(x.expand(3, *x.shape)).mean(0)


class Torch(nn.Module):
    """snnTorch's leaky neurons, single-step, their state hidden in them; with dropout."""

    def __init__(self):
        super().__init__()
        import snntorch

        self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 3)
        self.lif1 = snntorch.Leaky(beta=0.8, init_hidden=True)
        self.lif2 = snntorch.Leaky(beta=0.9, learn_beta=True, reset_mechanism="none")
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        for _ in range(3):
            _, membrane = self.lif2(self.fc2(self.dropout(self.lif1(self.fc1(x)))))
        return membrane


def jelly():
    return Jelly()


def step():
    """The same in single-step mode: the loop over time is outside."""
    from spikingjelly.activation_based import functional

    net = Jelly().layers
    functional.set_step_mode(net, "s")
    return net


def mean_over_time(outputs):
    return outputs.mean(0)


def torch_net():
    return Torch()


def line():
    return nn.Linear(6, 1)


def _pairs(n):
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(n))
    return x, (3 * x[:, 0] + x[:, 1]).gt(0).long() + x[:, 2].gt(1).long()


def split():
    return {"train": _pairs(60), "test": _pairs(20)}


def loader():
    return [_pairs(n) for n in (7, 5, 6)]


def norm(model, batch):
    """An objective without classes, which differentiates the network by its inputs."""
    x = batch[0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    return (slope - 1).square().mean(1) + model(x)[:, 0].square()


def graph():
    """One batch whose tensors share no first dimension."""
    x, _ = _pairs(9)
    return {"nodes": x, "edges": torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])}


def of_edges(model, batch):
    """A mean over the edges."""
    source, target = batch["edges"]
    values = model(batch["nodes"])[:, 0]
    return (values[source] - values[target] - 1).square().mean()
