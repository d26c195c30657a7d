"""The network of a configuration, with the weights that it starts from, and its objective."""

import torch
from torch import nn

from landscape.catalog.words import TIME_STEPS
from landscape.checkpoint.models import build_model
from landscape.objective.in_time import InTime
from landscape.objective.named import named_loss, named_objective
from landscape.objective.objective import Objective
from landscape.objective.pair import Loss
from landscape.objective.readout import readout_of
from landscape.objective.timing import Timed, timed
from landscape.objective.timing_words import NOTHING_ASKED, Asked
from landscape.seeds import seeded
from landscape.snn.initialization import Initialisation, initialise
from landscape.training.config import TrainConfig
from landscape.training.examples import Examples


def network_of(config: TrainConfig) -> tuple[nn.Module, Initialisation]:
    """Build the network and draw its weights; what no scheme draws is of the same seed.

    Raises
    ------
    landscape.factories.FactoryError
        If the network cannot be built.
    ValueError
        If it cannot be initialised so.
    """
    with seeded(torch.device("cpu"), config.seed):
        model = build_model(config.network)
    found = initialise(
        model,
        config.init,
        seed=config.seed,
        gain=config.gain,
        beta=config.beta,
        num_time_steps=config.num_time_steps or TIME_STEPS,
        leave=config.leave or "",
    )
    return model, found


def objective_of(config: TrainConfig) -> Objective:
    """What is minimised.

    Raises
    ------
    landscape.factories.FactoryError
        If nothing has that name.
    """
    if config.objective is not None:
        return named_objective(config.objective)
    return named_loss(config.loss)


def timing_of(config: TrainConfig) -> Asked:
    """How the network is led through time, as far as the configuration says.

    Raises
    ------
    ValueError
        If there is no such readout.
    """
    if config.model is None:
        return NOTHING_ASKED  # it makes its own steps
    steps = config.num_time_steps
    return Asked(
        config.layout,
        steps or TIME_STEPS,
        readout_of(config.readout),
        is_assumed=True,  # schemes are told of it too
        is_binding=steps is not None,
    )


def timed_objective(config: TrainConfig, model: nn.Module, examples: Examples) -> Timed:
    """What is minimised, of the network led through time; see :func:`timed`.

    Where it goes as it is, that is settled too: what measures the training need not ask again.
    """
    if config.model is None:  # it makes its own steps
        return Timed(objective_of(config), ())
    few = next(examples.in_order())
    found = timed(objective_of(config), model, few, timing_of(config), device=examples.device)
    if isinstance(found.objective, Loss) and not found.objective.in_time:
        return Timed(found.objective.run_by(InTime("given")), found.notes)
    return found
