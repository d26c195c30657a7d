"""How a network goes through time: as its user says, or where there is one possibility alone.

Each way of putting examples to it is tried on two and three of them. One in which neurons take
examples for time steps, or make a single step where the data or the user say more, is refused.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from landscape.nests import Nest
from landscape.objective.at_theta import AtTheta
from landscape.objective.in_time import LOOPED, InTime
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.objective import Objective
from landscape.objective.over_time import OverTime
from landscape.objective.pair import Loss
from landscape.objective.readout import HOW
from landscape.objective.timing_words import (
    Asked,
    Way,
    no_way,
    not_as_it_is,
    several,
    shape_of,
)
from landscape.objective.trials import Trials
from landscape.objective.ways import Ways
from landscape.snn.adapters import is_spiking

FEW = 3  # examples that are enough of a batch
_AXES = ("first", "second")


class Timed(NamedTuple):
    """The objective of the network led through time, and what should be known of it."""

    objective: Objective
    notes: tuple[str, ...]


def timed(
    objective: Objective,
    model: nn.Module,
    batch: Nest,
    asked: Asked,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Timed:
    """Find how ``model`` goes through time on examples such as those of ``batch``.

    A loss that runs it in time already, as that of a training does, is left as it is.

    Raises
    ------
    ValueError
        If what was asked for cannot be, if there is more than one possibility, or none; and where
        the network as it is takes examples for time steps, or makes one step only.
    """
    if objective.in_time and not asked.anything:
        return Timed(objective, ())
    is_over_time = isinstance(objective, OverTime)
    if not (is_spiking(model) or asked.anything or is_over_time):
        return Timed(objective, ())
    is_pair = isinstance(batch, tuple | list) and len(batch) == 2
    if not isinstance(objective, Loss) or not is_pair:
        if asked.anything:
            raise ValueError(
                f"{asked.options}: this is for a loss of outputs and targets, on batches (inputs, "
                f"targets); the objective {objective.name} calls the network, and leads it through "
                "time itself."
            )
        return Timed(objective, _notes_on_others(objective, model, batch, dtype, device))
    if not Trials.can_be_made(batch):
        if asked.anything or is_over_time:
            raise ValueError(
                "how the network goes through time cannot be found out, since inputs and targets "
                "share no first dimension: data have examples first, (N, …), or (N, T, …) with a "
                "frame for each step (PadTensors(batch_first=True) in tonic's loaders)."
            )
        return Timed(objective, ())
    network = AtTheta(model, objective, dtype=dtype, device=device)
    return _Search(objective, network, batch, asked).found()


class _Search:
    def __init__(self, loss: Loss, network: AtTheta, batch: Nest, asked: Asked) -> None:
        self._loss, self._asked, self._model = loss, asked, network.model
        self._inputs, self._targets = batch
        self._trials = Trials(network, batch)
        self._ways = Ways(network.model, self._trials, self._inputs, asked)
        self._reads = asked.readout is not None or isinstance(loss, OverTime)

    def found(self) -> Timed:
        ways, asked, given = self._ways.possible(), self._asked, self._ways.given
        if len(ways) > 1:
            raise ValueError(several(ways))
        way = ways[0] if ways else None
        if not asked.says_how and self._is_unclear(way):
            is_single = self._ways.makes_one_step
            raise ValueError(not_as_it_is(way, self._inputs, is_single=is_single))
        if way is None:
            if not self._reads and not asked.anything and not given.timeless:
                return Timed(self._loss, ())  # a loss of the user's own knows its outputs
            tried, objections = self._ways.tried, self._ways.objections
            raise ValueError(no_way(asked, tried, objections, self._inputs))
        return self._with(way)

    def _is_unclear(self, way: Way | None) -> bool:
        """Whether its user must say how, since a loss of the user's own may not expect it so."""
        if way is None:
            return self._ways.makes_one_step or self._ways.given.mixed
        is_told = self._reads or (way.feed == "looped" and self._asked.is_assumed)
        return way.feed != "given" and not is_told

    def _with(self, way: Way) -> Timed:
        loss, asked, axis = self._loss, self._asked, self._axis_of_time(way)
        if isinstance(loss, OverTime) and asked.readout is not None:
            raise ValueError(
                f"the loss {loss.name} reads outputs over time itself: leave --readout out."
            )
        if axis is None and self._reads:
            needs = f"--readout {asked.readout.name}" if asked.readout else f"loss {loss.name}"
            raise ValueError(
                f"{needs} needs outputs over time; the network returned "
                f"{shape_of(way.trial.first)} for two examples, without a time axis. Leave it out, "
                "or have the network return each step."
            )
        if not self._reads and axis == 0 and loss.takes_prediction and not self._by_step(way):
            raise ValueError(
                f"the network's outputs have time on the first axis, {shape_of(way.trial.first)} "
                f"for two examples, and the loss {loss.name} does not say how they are read. Give "
                f"{HOW}."
            )
        moves = loss.takes_prediction or isinstance(loss, OverTime)
        forward = InTime(way.feed, way.num_steps, axis, asked.readout, to_second=moves)
        if asked.readout is not None:
            self._check_readout(forward)
        elif way.feed == "given" and not (moves and axis == 0) and not isinstance(loss, OverTime):
            return Timed(loss, self._doubt(way))
        note = f"time: {way}{self._sign(way)}"
        if axis is not None:
            note += f"; outputs have time on the {_AXES[axis]} axis"
        if asked.readout is not None:
            read = forward.without_state(self._model, way.trial.outputs)
            note += f" and are read out by {asked.readout.told(read)}"
        return Timed(loss.run_by(forward), (note, *self._doubt(way)))

    def _doubt(self, way: Way) -> tuple[str, ...]:
        """Whether nothing tells that time is where it was taken to be."""
        if not self._ways.is_undecided(way.feed):
            return ()
        return (
            "time: run so, the network's examples influence each other, as they do with time on "
            "another axis: that time is where it was said to be, nothing tells",
        )

    def _axis_of_time(self, way: Way) -> int | None:
        """Of the outputs, once the steps of a loop are stacked."""
        first, steps = way.trial.first, way.trial.steps
        if way.trial.axis == 1:
            return 0
        is_second = first is not None and first.ndim > 2 and steps in (None, first.shape[1])
        return 1 if is_second else None

    def _by_step(self, way: Way) -> bool:
        """Whether there is a target for each step, which a named loss takes beside (N, T, …)."""
        first, targets = way.trial.first, self._targets
        if first is None or self._loss.function not in BUILTIN_LOSSES.values():
            return False
        return isinstance(targets, Tensor) and targets.shape[1:2] == first.shape[:1]

    def _check_readout(self, forward: InTime) -> None:
        found = self._trials.of(lambda batch: forward(self._model, batch[0]))
        assert forward.readout is not None
        if found.failure or found.axis != 0:
            got = found.failure or f"it gave {shape_of(found.first)} for two examples"
            raise ValueError(
                f"--readout {forward.readout.name} must make one prediction an example, shape "
                f"(N, …), of outputs with time first: {got}."
            )

    def _sign(self, way: Way) -> str:
        """By what it was known, where it was not said."""
        if self._asked.layout is not None or way.feed == "given":
            return ""
        if way.feed in LOOPED:
            return " (a call is one step of its neurons)" if way.trial.steps else ""
        if way.trial.steps:
            return " (else its neurons take examples for time steps, or it does not run)"
        return " (else its examples influence each other, or it does not run)"


def _notes_on_others(
    objective: Objective,
    model: nn.Module,
    batch: Nest,
    dtype: torch.dtype | None,
    device: torch.device | None,
) -> tuple[str, ...]:
    """What is to be known of an objective, which leads its network through time itself."""
    if not Trials.can_be_made(batch):
        return ()
    trials = Trials(AtTheta(model, objective, dtype=dtype, device=device), batch)
    trial = trials.of(lambda part: objective.terms(model, part, only=True).totals)
    if trial.failure:
        return ()
    if trial.mixed:
        return ("time: the number of steps that neurons make changes with the number of examples",)
    return ("time: each layer of neurons makes one step only (T = 1)",) if trial.single else ()
