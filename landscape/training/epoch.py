"""One pass over the training data, and the measurement of loss and accuracy."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landscape.data import random_order
from landscape.nests import Nest
from landscape.objective.objective import Objective
from landscape.snn.adapters import reset_state
from landscape.training.config import TrainConfig
from landscape.training.examples import Examples
from landscape.training.optimizer import step

_TICK_SECONDS = 0.5


class Score(NamedTuple):
    """Mean loss, and the fraction of right answers; None where there are none."""

    loss: float
    accuracy: float | None


Tick = Callable[[int, Score], None]  # steps done, means over them


class DivergenceError(ValueError):
    """Training that left the finite numbers."""


def example_order(num_examples: int, config: TrainConfig, epoch: int) -> Tensor:
    """Order of the examples in ``epoch``: of the seed and the epoch alone, not of the weights."""
    return torch.from_numpy(random_order(num_examples, config.seed, epoch))


def train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    objective: Objective,
    examples: Examples,
    config: TrainConfig,
    epoch: int,
    tick: Tick,
    watch: Callable[[int], None] = lambda step: None,
) -> Score:
    """Train for ``epoch``, counted from 1; return the means over its steps, in train mode.

    Neurons are at rest before every batch. Sums stay on the device: the host waits for it only to
    ``tick``, about twice a second. ``watch`` is called after each step, counted from 1, and changes
    nothing.

    Raises
    ------
    DivergenceError
        The loss or a weight is no longer finite.
    """
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate_at(epoch)
    model.train()
    order = example_order(len(examples), config, epoch).to(examples.device)
    only = examples.is_one_batch
    sums, next_tick = torch.zeros(4, device=examples.device), time.monotonic() + _TICK_SECONDS
    for k, batch in enumerate(examples.dealt(order, config), start=1):

        def closure(batch: Nest = batch) -> tuple[Tensor, Tensor]:
            return loss_of_batch(model, objective, batch, only=only)

        sums += step(model, optimizer, closure, config.sam_rho)[1]
        watch(k)
        if time.monotonic() >= next_tick:
            next_tick = time.monotonic() + _TICK_SECONDS
            _require_finite(sums[0], epoch)
            tick(k, _score(sums))
    # Spikes hide a weight that is not a number (no comparison with it holds), so that the loss
    # of a network gone astray may well be finite: the weights are looked at too.
    for parameter in model.parameters():
        _require_finite(parameter.detach().sum(), epoch)
    _require_finite(sums[0], epoch)
    return _score(sums)


def loss_of_batch(
    model: nn.Module, objective: Objective, batch: Nest, *, only: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean loss, neurons at rest before it, and sums, (4,): loss, weight, right and asked.

    ``only``: there is no other batch.
    """
    reset_state(model)
    terms, answers, _ = objective.measure(model, batch, only=only)
    found = (terms.totals.detach(), terms.weights, answers.right, answers.asked)
    device = terms.totals.device
    return terms.mean(), torch.stack([part.sum().float().to(device) for part in found])


def evaluate(model: nn.Module, objective: Objective, examples: Examples) -> Score:
    """Measure in eval mode; the model is left in it."""
    model.eval()
    sums = torch.zeros(4, device=examples.device)
    # An objective of the user's own may differentiate the network by its inputs.
    with torch.set_grad_enabled(objective.outputs is None):
        for batch in examples.in_order():
            sums += loss_of_batch(model, objective, batch, only=examples.is_one_batch)[1]
    return _score(sums)


def _score(sums: Tensor) -> Score:
    loss, weight, right, asked = sums.tolist()
    if not weight > 0:
        raise ValueError(
            f"the weights of the loss add up to {weight:g} over the examples, so that it has no "
            "mean: is there anything to predict in them?"
        )
    return Score(loss / weight, right / asked if asked else None)


def _require_finite(total: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(total)):
        raise DivergenceError(
            f"training diverged in epoch {epoch}: the loss or a weight is not a finite number. "
            "Use a smaller --lr or --gain."
        )
