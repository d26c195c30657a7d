"""One pass over the training data, and the measurement of loss and accuracy."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landscape.data import random_order
from landscape.training.config import TrainConfig
from landscape.training.optimizer import step

LossFunction = Callable[[Tensor, Tensor], Tensor]  # outputs, targets -> (N,)

_TICK_SECONDS = 0.5
_EVALUATION_BATCH = 250


class Examples(NamedTuple):
    """Inputs, shape (N, ...), and class labels, shape (N,), on the device that trains."""

    inputs: Tensor
    targets: Tensor


class Score(NamedTuple):
    """Mean loss and fraction of right answers."""

    loss: float
    accuracy: float


Tick = Callable[[int, Score], None]  # steps done, means over them


class DivergenceError(ValueError):
    """Training that left the finite numbers."""


def num_steps(num_examples: int, config: TrainConfig) -> int:
    """Steps of an epoch."""
    whole, rest = divmod(num_examples, config.batch_size)
    return whole + (rest > 0 and not config.drop_last)


def example_order(num_examples: int, config: TrainConfig, epoch: int) -> Tensor:
    """Order of the examples in ``epoch``: of the seed and the epoch alone, not of the weights."""
    return torch.from_numpy(random_order(num_examples, config.seed, epoch))


def train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    examples: Examples,
    config: TrainConfig,
    epoch: int,
    tick: Tick,
) -> Score:
    """Train for ``epoch``, counted from 1; return the means over its steps, in train mode.

    Sums stay on the device: the host waits for it only to ``tick``, about twice a second.

    Raises
    ------
    DivergenceError
        The loss or a weight is no longer finite.
    """
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate_at(epoch)
    model.train()
    device = examples.targets.device
    order = example_order(len(examples.targets), config, epoch).to(device)
    loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
    seen, next_tick = 0, time.monotonic() + _TICK_SECONDS
    for k in range(num_steps(len(order), config)):
        rows = order[k * config.batch_size : (k + 1) * config.batch_size]
        x, y = examples.inputs[rows], examples.targets[rows]

        def closure(x: Tensor = x, y: Tensor = y) -> tuple[Tensor, Tensor]:
            outputs = model(x)
            return loss(outputs, y).mean(), outputs

        mean_loss, outputs = step(model, optimizer, closure, config.sam_rho)
        loss_sum += mean_loss * len(rows)
        right += (outputs.argmax(1) == y).sum()
        seen += len(rows)
        if time.monotonic() >= next_tick:
            next_tick = time.monotonic() + _TICK_SECONDS
            _require_finite(loss_sum, epoch)
            tick(k + 1, Score(float(loss_sum) / seen, float(right) / seen))
    # Spikes hide a weight that is not a number (no comparison with it holds), so that the loss
    # of a network gone astray may well be finite: the weights are looked at too.
    for parameter in model.parameters():
        _require_finite(parameter.detach().sum(), epoch)
    _require_finite(loss_sum, epoch)
    return Score(float(loss_sum) / seen, float(right) / seen)


@torch.no_grad()
def evaluate(model: nn.Module, loss: LossFunction, examples: Examples) -> Score:
    """Measure in eval mode; the model is left in it."""
    model.eval()
    device = examples.targets.device
    loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
    n = len(examples.targets)
    for start in range(0, n, _EVALUATION_BATCH):
        x, y = (tensor[start : start + _EVALUATION_BATCH] for tensor in examples)
        outputs = model(x)
        loss_sum += loss(outputs, y).sum()
        right += (outputs.argmax(1) == y).sum()
    return Score(float(loss_sum) / n, float(right) / n)


def _require_finite(total: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(total)):
        raise DivergenceError(
            f"training diverged in epoch {epoch}: the loss or a weight is not a finite number. "
            "Use a smaller --lr or --gain."
        )
