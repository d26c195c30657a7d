"""Where the optimiser of a checkpoint leaves a quadratic: from its state, or from the sidecar."""

from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.target import Target
from landscape.catalog.optimizers import Edge, Optimizer, edge_of
from landscape.results import TrainingInfo


def stability_edge(target: Target, settings: OperatorSettings) -> Edge:
    """The edge for the largest eigenvalue of the operator, or why it is not known.

    Of Hessians alone: the steps follow the gradient.
    """
    if settings.operator != "hessian":
        return Edge(None, "")
    state, training = target.optimizer_state, target.subject.training
    if state is not None:
        optimizer, reason = state.optimizer, state.reason
    else:
        optimizer, reason = None if training is None else stated_optimizer(training), ""
    if optimizer is None:
        return Edge(None, reason)
    return edge_of(optimizer, scale=settings.scale, weight_decay=settings.weight_decay)


def stated_optimizer(training: TrainingInfo) -> Optimizer:
    """The optimiser as a sidecar states it, at the learning rate that is nearest in time."""
    last, words = training.last_learning_rate, "of the last epoch"
    if last is None:
        last, words = training.learning_rate, "at the start of training; later ones not known"
    return Optimizer(
        kind=training.optimizer,
        learning_rate=last,
        rate_of=words,
        momentum=training.momentum or 0.0,
        weight_decay=training.weight_decay,
    )
