import pytest
import torch
import torch.nn.functional as F
from torch import nn


class Training:
    """A tanh network of 418 parameters in full batches, float64.

    With ``noise`` on more targets than it has parameters it cannot fit them, and stays at the edge.
    """

    def __init__(self, make_optimizer, num_examples=60, noise=0.0):
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)
        ).double()
        self.x = torch.randn(num_examples, 6).double()
        self.y = torch.sin(2 * self.x[:, :2]) + noise * torch.randn(num_examples, 2)
        self.optimizer = make_optimizer(self.model.parameters())

    @property
    def data(self):
        return self.x, self.y

    def loss(self):
        return F.mse_loss(self.model(self.x), self.y)

    def step(self):
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def dense(self):
        """The Hessian of the mean loss."""
        names = [n for n, _ in self.model.named_parameters()]
        sizes = [p.numel() for p in self.model.parameters()]
        shapes = [p.shape for p in self.model.parameters()]

        def of(theta):
            parts = [t.view(s) for t, s in zip(theta.split(sizes), shapes, strict=True)]
            weights = dict(zip(names, parts, strict=True))
            return F.mse_loss(torch.func.functional_call(self.model, weights, self.x), self.y)

        theta = torch.cat([p.detach().flatten() for p in self.model.parameters()])
        return torch.autograd.functional.hessian(of, theta)


@pytest.fixture
def training():
    return Training


@pytest.fixture
def descent():
    """The same by plain gradient descent."""
    return Training(lambda theta: torch.optim.SGD(theta, lr=0.5))


@pytest.fixture
def clock():
    """A clock that a test sets forward."""

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()
