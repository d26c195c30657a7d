"""One training step: the package's against SpikingJelly's, same weights, data and optimiser."""

import copy
import statistics
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.measure import alternate, matmul_rate, ratio
from benchmarks.problem import Problem, forward_flops
from benchmarks.record import Comparison, Row
from landscape.snn import CSNN
from landscape.training.config import TrainConfig
from landscape.training.optimizer import make_optimizer, step

_LEAST_RATIO = 2.5
_MOST_OF_LIMIT = 1.3
_PASSES = 3  # arithmetic of forward and backward, in forward passes


def compare_training_step(problem: Problem, *, rounds: int) -> Comparison:
    """Adam on one batch in train mode; theirs is the loop of SpikingJelly's tutorials."""
    config = TrainConfig(channels=16)
    ours = copy.deepcopy(problem.networks["landscape"]).train()
    theirs = copy.deepcopy(problem.networks["SpikingJelly"]).train()
    assert isinstance(ours, CSNN)
    optimizer = make_optimizer(ours, config)
    x, y = problem.inputs, problem.targets

    def own() -> None:
        def closure() -> tuple[torch.Tensor, torch.Tensor]:
            outputs = ours(x)
            return problem.criterion(outputs, y), outputs

        step(ours, optimizer, closure, config.sam_rho)

    rate, rates = matmul_rate(), []
    seconds = alternate(
        {
            "landscape": own,
            "SpikingJelly": _plain_step(problem, theirs, config.learning_rate),
            "matmul": lambda: rates.append(rate()),
        },
        rounds=rounds,
        warm_up=2,
    )
    faster = ratio(seconds["SpikingJelly"], seconds["landscape"])
    limit = _PASSES * forward_flops(ours.channels) * len(y) / statistics.median(rates)
    of_limit = statistics.median(seconds["landscape"]) / limit
    return Comparison(
        name="training-step",
        title="One training step",
        setting=f"C = {ours.channels}, batch of {len(y)}, Adam, float32, train mode",
        rows=(
            Row(
                method="step",
                network="landscape",
                seconds=statistics.median(seconds["landscape"]),
                ratio=1.0,
                target=f"≤ {_MOST_OF_LIMIT} x limit",
                meets_target=of_limit <= _MOST_OF_LIMIT,
                note=f"{of_limit:.2f} x the arithmetic limit of {limit:.4f} s",
            ),
            Row(
                method="step",
                network="SpikingJelly",
                seconds=statistics.median(seconds["SpikingJelly"]),
                ratio=faster,
                target=f"≥ {_LEAST_RATIO:g}",
                meets_target=faster >= _LEAST_RATIO,
            ),
        ),
        extra={},
    )


def _plain_step(problem: Problem, network: nn.Module, lr: float) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.parameters(), lr)

    def run() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(problem.criterion(network(problem.inputs), problem.targets))
        optimizer.step()

    return run
