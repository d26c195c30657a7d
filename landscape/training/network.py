"""The network of a configuration, with the weights that it starts from, and its objective."""

import torch
from torch import nn

from landscape.checkpoint.models import build_model
from landscape.objective.named import named_loss, named_objective
from landscape.objective.objective import Objective
from landscape.seeds import seeded
from landscape.snn.initialization import Initialisation, initialise
from landscape.training.config import TrainConfig


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
        num_time_steps=config.num_time_steps,
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
