"""A smooth and a spiking network of 118 parameters, and each example's dense curvature.

They are trained on a pool of images, which stands for the population: its matrices are known. All
formulas are written down once more here.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from landscape.data.choice import Choice
from landscape.data.choosing import open_source

HIDDEN, INPUTS, CLASSES, STEPS = 4, 16, 10, 6
SHAPES = ((HIDDEN, INPUTS), (HIDDEN,), (CLASSES, HIDDEN), (CLASSES,))
_SIZES = [int(np.prod(shape)) for shape in SHAPES]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """One curvature matrix."""

    operator: str
    scale: str = "none"


KINDS = {
    "H": Kind("hessian"),
    "S H S": Kind("hessian", "filter"),
    "GGN": Kind("ggn"),
}


def logits(theta: Tensor, x: Tensor, *, spiking: bool) -> Tensor:
    """Of two layers, for θ of each example, shape (B, P), and inputs (B, 16).

    Hidden units are tanh, or integrate-and-fire neurons over six steps with an arctangent as their
    surrogate: each derivative of a spike is that of the surrogate, the second one too.
    """
    w1, b1, w2, b2 = theta.split(_SIZES, dim=1)
    drive = torch.einsum("bhi,bi->bh", w1.view(len(x), HIDDEN, INPUTS), x) + b1
    hidden = _spikes(drive) if spiking else torch.tanh(drive)
    return torch.einsum("bch,bh->bc", w2.view(len(x), CLASSES, HIDDEN), hidden) + b2


def _spikes(drive: Tensor) -> Tensor:
    membrane, total = torch.zeros_like(drive), torch.zeros_like(drive)
    for _ in range(STEPS):
        membrane = 0.8 * membrane + drive
        smooth = torch.atan(5 * (membrane - 1)) / torch.pi + 0.5
        spike = smooth + ((membrane > 1).to(smooth) - smooth).detach()
        membrane, total = membrane - spike, total + spike / STEPS
    return total


class Network(nn.Module):
    """The network that users have: weights and biases of two layers, one θ for all examples."""

    def __init__(self, parts: list[Tensor], *, spiking: bool) -> None:
        super().__init__()
        self.parts, self.spiking = nn.ParameterList(parts), spiking

    @property
    def theta(self) -> Tensor:
        """All parameters, shape (P,)."""
        return torch.cat([part.flatten() for part in self.parts])

    def forward(self, x: Tensor) -> Tensor:
        return logits(self.theta.expand(len(x), -1), x, spiking=self.spiking)


def images(count: int) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST in 16 blocks of 49 pixels, standardised, float32, and the classes."""
    drawn = open_source("fashion-mnist", Choice(split="train", examples=count, seed=0))
    inputs, targets = drawn.head(count, torch.float32, torch.device("cpu"))
    blocks = nn.functional.avg_pool2d(inputs, 7).flatten(1)
    return (blocks - blocks.mean(0)) / blocks.std(0), targets


def trained(x: Tensor, y: Tensor, *, spiking: bool) -> Network:
    """After 1,500 steps of Adam."""
    torch.manual_seed(0)
    parts = [torch.randn(s) * sd for s, sd in zip(SHAPES, (0.35, 0, 0.5, 0), strict=True)]
    network = Network(parts, spiking=spiking)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 1_500)
    for _ in range(1_500):
        batch = torch.randint(len(x), (256,))
        optimizer.zero_grad()
        cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
        schedule.step()
    return network


def example_matrices(network: Network, x: Tensor, y: Tensor, kind: Kind) -> Array:
    """The matrix of each example, shape (N, P, P): its (formal) Hessian, or Gauss-Newton matrix."""
    found = []
    for inputs, targets in zip(x.double().split(500), y.split(500), strict=True):
        theta = network.theta.detach().double().expand(len(inputs), -1).clone().requires_grad_()
        outputs = logits(theta, inputs, spiking=network.spiking)
        if kind.operator == "ggn":
            J = _rows(outputs, theta)
            p = outputs.detach().softmax(1)
            middle = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
            matrices = J.mT @ middle @ J
        else:
            loss = cross_entropy(outputs, targets, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
            matrices = _rows(gradient, theta)
        found.append(matrices.float())
    S = _filter_norms(network) if kind.scale == "filter" else torch.ones(found[0].shape[1])
    return (S[:, None] * torch.cat(found) * S).numpy()


def _rows(values: Tensor, theta: Tensor) -> Tensor:
    """Jacobian of each example's values, shape (B, m), by its θ: shape (B, m, P)."""
    rows = [
        torch.autograd.grad(values[:, i].sum(), theta, retain_graph=True)[0]
        for i in range(values.shape[1])
    ]
    return torch.stack(rows, dim=1)


def _filter_norms(network: Network) -> Tensor:
    w1, b1, w2, b2 = (part.detach() for part in network.parts)
    norms = [w.norm(dim=1, keepdim=True).expand_as(w).flatten() for w in (w1, w2)]
    return torch.cat([norms[0], b1.abs(), norms[1], b2.abs()])


def dense_interval(groups: Array, k: int) -> tuple[float, float]:
    """For the sum of the k largest, from the groups' dense matrices, shape (K, P, P).

    All eigenvectors are known here; beyond the five after the k largest, eigenvalues count as 0.
    """
    values, vectors = np.linalg.eigh(groups.mean(0))
    order = np.argsort(-values)
    values, vectors = values[order], vectors[:, order]
    elements = np.einsum("aj,gab,bi->gji", vectors, groups, vectors[:, :k], optimize=True)
    variances = elements.var(0, ddof=1) / len(groups)
    beyond = np.where(np.arange(len(values)) < k + 5, values, 0.0)
    b = sum((variances[k:, i] / (values[i] - beyond[k:])).sum() for i in range(k))
    sums = np.einsum("gii->g", elements[:, :k])
    reach = student.ppf(0.975, len(groups) - 1) * sums.std(ddof=1) / len(groups) ** 0.5
    value = values[:k].sum()
    fresh = value - 2 * b
    low = fresh * np.exp(-reach / fresh) if fresh > 0 else -np.inf
    return float(low), float(value * np.exp(reach / value))
