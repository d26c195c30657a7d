import pytest
import torch
from torch import Tensor, nn

from landscape.data.dataset import Batch, cut
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.neuron import SpikingNeuron


class _SpikingNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 5, bias=False), nn.Linear(5, 3, bias=False)
        self.if1, self.if2 = (SpikingNeuron(3, NeuronDynamics()) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.if1(self.fc1(2 * x).unsqueeze(0))
        return self.if2(self.fc2(spikes)).mean(0)


def _smooth_net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.BatchNorm1d(5), nn.Linear(5, 3))


@pytest.fixture(params=["smooth", "spiking"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def make_risk():
    """A risk over 10 examples in ragged batches of 4, 4 and 2, in float64."""

    def make(kind: str = "smooth", *, batch_size: int = 4, seed: int = 0, **settings):
        torch.manual_seed(seed)
        model = (_smooth_net() if kind == "smooth" else _SpikingNet()).double().eval()
        x, y = torch.randn(10, 4).double(), torch.randint(0, 3, (10,))
        loss = Loss("cross-entropy", cross_entropy) if kind == "smooth" else Loss("mse", mse)
        return EmpiricalRisk(model, loss, cut(x, y, batch_size), **settings)

    return make


@pytest.fixture
def dense():
    """The operator's matrix, column by column."""

    def build(operator) -> Tensor:
        eye = torch.eye(operator.dim, dtype=operator.dtype)
        return torch.stack([operator @ e for e in eye], dim=1)

    return build


@pytest.fixture
def whole_batch():
    """All examples of a risk in one batch."""

    def join(risk: EmpiricalRisk) -> Batch:
        return Batch(*(torch.cat(parts) for parts in zip(*risk.batches, strict=True)))

    return join
