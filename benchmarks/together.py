"""``python -m benchmarks.together``: several grid points in one pass against one by one."""

import itertools
import statistics
from collections.abc import Sequence

import click
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from benchmarks.measure import alternate, ratio
from landscape.data.dataset import Batch
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk

_DENSE = (
    ((4, 16, 3), 150),
    ((20, 64, 64, 2), 250),
    ((20, 64, 64, 2), 1000),
    ((784, 128, 10), 1000),
)


def main() -> None:
    """Print a line for each network."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for sizes, count in _DENSE:
        layers = [(nn.Linear(a, b), nn.Tanh()) for a, b in itertools.pairwise(sizes)]
        network = nn.Sequential(*itertools.chain(*layers))[:-1]
        _compare(f"dense {'-'.join(map(str, sizes))}", network, torch.randn(count, sizes[0]))
    _compare("convolutions", _convolutions(), torch.randn(250, 1, 14, 14))


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1, bias=False),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 10),
    ).eval()


def _compare(name: str, network: nn.Module, inputs: Tensor, *, num_points: int = 16) -> None:
    classes = next(iter(reversed(list(network.parameters())))).shape[0]
    targets = torch.randint(0, classes, (len(inputs),))
    risk = EmpiricalRisk(network, loss_of("cross-entropy"), [Batch(inputs, targets)])
    thetas = risk.theta + 0.01 * torch.randn(num_points, risk.num_params)
    seconds = alternate(
        {
            "one": lambda: [risk.evaluate(theta).loss for theta in thetas],
            "together": lambda: _together(risk, thetas),
        },
        rounds=9,
    )
    each = statistics.median(seconds["one"]) / num_points
    faster = ratio(seconds["one"], seconds["together"])
    click.echo(
        f"{name}, {len(inputs)} examples: {1e3 * each:.2f} ms a point, {faster:.2f}x together"
    )


@torch.no_grad()
def _together(risk: EmpiricalRisk, thetas: Tensor) -> Sequence[float]:
    (batch,) = risk.batches

    def outputs(theta: Tensor) -> Tensor:
        named = dict(zip(risk.layout.names, risk.layout.split(theta), strict=True))
        found: Tensor = functional_call(risk.model, named, (batch.inputs,))
        return found

    return [
        float(risk.objective.terms_of_outputs(found, batch).mean())
        for found in vmap(outputs)(thetas)
    ]


if __name__ == "__main__":
    main()
