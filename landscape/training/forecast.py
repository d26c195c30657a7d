"""What a training will cost: a few steps and a few losses timed, the rest counted."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from landscape.data.source import Source
from landscape.objective.objective import Objective
from landscape.objective.user_errors import told_as_users
from landscape.snn.initialization import Initialisation
from landscape.training.config import TrainConfig
from landscape.training.epoch import evaluate, loss_of_batch
from landscape.training.examples import Examples, held_out_source, training_source
from landscape.training.network import network_of, timed_objective
from landscape.training.optimizer import make_optimizer, step

_WARM_UP, _TIMED = 2, 3  # steps; the first ones compile and fill caches


@dataclass(frozen=True)
class TrainingForecast:
    """What was timed, and what it comes to.

    Attributes
    ----------
    model
        The network, a few steps away from where it starts.
    source
        Its training examples.
    """

    model: nn.Module
    initialisation: Initialisation
    source: Source
    num_steps: int  # of an epoch
    step_seconds: float
    num_held_out: int
    loss_seconds: float  # of an example
    epochs: int
    notes: tuple[str, ...]  # how the network is led through time

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        held_out = self.num_held_out * self.loss_seconds
        return self.epochs * (self.num_steps * self.step_seconds + held_out)


def forecast_training(
    config: TrainConfig, *, device: torch.device, data_dir: Path | None
) -> TrainingForecast:
    """Build the network, open the data, and time; nothing is written.

    Raises
    ------
    ValueError
        If a setting is wrong, or network, data and loss do not fit one another.
    """
    source = training_source(config, data_dir)
    held_out = held_out_source(config, data_dir)
    model, initialisation = network_of(config)
    dtype = next(p.dtype for p in model.parameters() if p.is_floating_point())
    examples = Examples(source, dtype, device)
    model.to(device)
    objective, notes = timed_objective(config, model, examples)
    with told_as_users(model):
        return TrainingForecast(
            model=model,
            initialisation=initialisation,
            source=source,
            num_steps=examples.num_steps(config),
            step_seconds=_seconds_a_step(model, objective, examples, config),
            num_held_out=0 if held_out is None else len(held_out),
            loss_seconds=0.0 if held_out is None else _seconds_a_loss(model, objective, examples),
            epochs=config.epochs,
            notes=notes,
        )


def _seconds_a_step(
    model: nn.Module, objective: Objective, examples: Examples, config: TrainConfig
) -> float:
    optimizer = make_optimizer(model, config)
    batch = next(examples.dealt(torch.arange(len(examples)), config))

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        return loss_of_batch(model, objective, batch, only=examples.is_one_batch)

    model.train()
    seconds = []
    for _ in range(_WARM_UP + _TIMED):
        begun = time.perf_counter()
        float(step(model, optimizer, closure, config.sam_rho)[0])  # waits for a device
        seconds.append(time.perf_counter() - begun)
    return min(seconds[_WARM_UP:])


def _seconds_a_loss(model: nn.Module, objective: Objective, examples: Examples) -> float:
    """Of one example."""
    few = examples.first()
    seconds = []
    for _ in range(_TIMED):
        begun = time.perf_counter()
        evaluate(model, objective, few)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) / few.num_examples
