"""The one problem that all comparisons share: a checkpoint, its examples, and two networks.

``ours`` is the package's CSNN. ``theirs`` is the same network built from SpikingJelly's layers, as
its users build it, with the same weights. Both are plain modules, images in and rates out, so that
each opponent is run by the same code on either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from landscape.analysis.opening import open_target
from landscape.analysis.target_settings import TargetSettings
from landscape.data.dataset import Batch
from landscape.objective.risk import EmpiricalRisk
from landscape.snn import CSNN

CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "ikun_v1-adam-s0.safetensors"


class SpikingJellyCSNN(nn.Module):
    """The CSNN from SpikingJelly's layers in multi-step mode; neurons are reset in each call."""

    def __init__(self, channels: int, num_time_steps: int = 4) -> None:
        super().__init__()
        self.num_time_steps = num_time_steps
        self.conv_fc = nn.Sequential(
            layer.Conv2d(1, channels, 3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            _integrate_and_fire(),
            layer.MaxPool2d(2, 2),
            layer.Conv2d(channels, channels, 3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            _integrate_and_fire(),
            layer.MaxPool2d(2, 2),
            layer.Flatten(),
            layer.Linear(channels * 49, channels * 16, bias=False),
            _integrate_and_fire(),
            layer.Linear(channels * 16, 10, bias=False),
            _integrate_and_fire(),
        )
        functional.set_step_mode(self, "m")

    def forward(self, images: Tensor) -> Tensor:
        """Mean firing rates (N, 10) of images (N, 1, 28, 28)."""
        functional.reset_net(self)
        x = images.unsqueeze(0).repeat(self.num_time_steps, 1, 1, 1, 1)
        rates: Tensor = self.conv_fc(x).mean(0)
        return rates


def _integrate_and_fire() -> nn.Module:
    node: nn.Module = neuron.IFNode(surrogate_function=surrogate.ATan())
    return node


@dataclass(frozen=True)
class Problem:
    """The examples in one batch, the risk on them, and the networks by the name of their maker."""

    risk: EmpiricalRisk
    networks: dict[str, nn.Module]

    @property
    def inputs(self) -> Tensor:
        return self.risk.batches[0].inputs

    @property
    def targets(self) -> Tensor:
        return self.risk.batches[0].targets

    def criterion(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch, as other libraries take it."""
        return self.risk.objective.terms_of_outputs(outputs, (None, targets)).mean()

    def first(self, num_examples: int) -> "Problem":
        """The same networks on fewer examples."""
        few = Batch(self.inputs[:num_examples], self.targets[:num_examples])
        return Problem(self.risk.on([few]), self.networks)

    def mean_loss(self, network: nn.Module) -> Tensor:
        return self.criterion(network(self.inputs), self.targets)


def load_risk(
    num_examples: int, *, batch_size: int, dtype: str = "float32", checkpoint: Path = CHECKPOINT
) -> EmpiricalRisk:
    """Open a checkpoint, by default a shipped one, on ``num_examples`` training images."""
    settings = TargetSettings(
        examples=str(num_examples), batch_size=batch_size, dtype=dtype, seed=0
    )
    return open_target(checkpoint, settings).risk


def load_problem(
    num_examples: int, *, dtype: str = "float32", checkpoint: Path = CHECKPOINT
) -> Problem:
    """Set up both networks on the same examples, in one batch."""
    risk = load_risk(num_examples, batch_size=num_examples, dtype=dtype, checkpoint=checkpoint)
    ours = risk.model.to(risk.dtype).eval()
    assert isinstance(ours, CSNN)
    theirs = SpikingJellyCSNN(ours.channels, ours.num_time_steps).to(risk.dtype)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    theirs.eval()
    return Problem(risk, {"landscape": ours, "SpikingJelly": theirs})


def plain_product(problem: Problem, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return v -> H v by the textbook's double backward, the graph built anew in each call."""
    theta = list(network.parameters())

    def product(v: Tensor) -> Tensor:
        gradient = torch.autograd.grad(problem.mean_loss(network), theta, create_graph=True)
        pieces = problem.risk.layout.split(v)
        return problem.risk.layout.flatten(
            torch.autograd.grad(gradient, theta, grad_outputs=pieces)
        )

    return product


def kept_product(problem: Problem, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return v -> H v by double backward on a graph that is built once and kept."""
    theta = list(network.parameters())
    gradient = torch.autograd.grad(problem.mean_loss(network), theta, create_graph=True)

    def product(v: Tensor) -> Tensor:
        pieces = problem.risk.layout.split(v)
        return problem.risk.layout.flatten(
            torch.autograd.grad(gradient, theta, grad_outputs=pieces, retain_graph=True)
        )

    return product


def unit_vector(dim: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """A random direction, shape (dim,)."""
    v = torch.randn(dim, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    unit: Tensor = v / v.norm()
    return unit


def forward_flops(channels: int, num_time_steps: int = 4) -> int:
    """Floating-point operations of one image's forward pass; the first convolution runs once."""
    first = 28**2 * 9 * channels
    second = num_time_steps * 14**2 * 9 * channels**2
    linear = num_time_steps * (49 * channels * 16 * channels + 160 * channels)
    return 2 * (first + second + linear)
