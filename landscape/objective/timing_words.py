"""What a user says of time, and what is said to the user of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from landscape.nests import Nest
from landscape.objective.in_time import Feed
from landscape.objective.influence import Influence
from landscape.objective.readout import HOW, Readout
from landscape.objective.trials import Trial


class Asked(NamedTuple):
    """What a user says of time."""

    layout: str | None = None
    num_steps: int | None = None
    readout: Readout | None = None
    is_assumed: bool = False  # the number of steps is no wish by itself: it serves others too
    is_binding: bool = True  # data and network may have no other number

    @property
    def anything(self) -> bool:
        steps = None if self.is_assumed else self.num_steps
        return any(said is not None for said in (self.layout, steps, self.readout))

    @property
    def says_how(self) -> bool:
        """Whether more is said than how outputs are read."""
        return self.layout is not None or (self.num_steps is not None and not self.is_assumed)

    @property
    def options(self) -> str:
        """As they are written on the command line."""
        parts = [
            f"--layout {self.layout}" if self.layout else "",
            f"--time-steps {self.num_steps}" if self.num_steps and self.is_binding else "",
            f"--readout {self.readout.name}" if self.readout else "",
        ]
        return " ".join(part for part in parts if part)


NOTHING_ASKED = Asked()
_RUN: Mapping[Feed, str] = {
    "given": "run on the data as they are",
    "frames": "called for each frame",
    "looped": "called again and again with the same input",
    "repeated second": "with inputs repeated on a second axis, (N, T, …)",
}


class Way(NamedTuple):
    """One in which the network can be led through time, with its trial."""

    feed: Feed
    trial: Trial
    num_steps: int | None

    def __str__(self) -> str:
        T, made = self.num_steps, self.trial.steps
        return {
            "given": f"the network makes its own {'' if made is None else f'{made} '}steps",
            "moved": "the data's second axis is handed over as the first, (T, N, …)",
            "frames": "the network is called for each frame of the data's second axis, from rest",
            "looped": f"the network is called {T} times with the same input, from rest",
            "repeated first": f"inputs are repeated {T} times on a new first axis, (T, N, …)",
            "repeated second": f"inputs are repeated {T} times on a new second axis, (N, T, …)",
        }[self.feed]


def shape_of(nest: Nest) -> str:
    """Of a tensor."""
    return str(tuple(nest.shape)) if isinstance(nest, Tensor) else type(nest).__name__


def not_as_it_is(way: Way | None, inputs: Tensor, *, is_single: bool) -> str:
    """What to say of a network that can be led through time, but not as it is, unasked.

    ``way`` is the one that there is; None: there is none without a number of steps. ``is_single``:
    its neurons make one step in a call.
    """
    frames = way is not None and way.feed == "frames"
    if frames or is_single:
        T = inputs.shape[1] if frames else "T"
        return (
            "each layer of the network's neurons makes one time step in a call: the loop over time "
            f"is outside of it. Say --time-steps {T}, and it is called for each step from rest, "
            f"and how outputs are read, unless the loss does: {HOW}. (--time-steps 1 if one step "
            "is meant.)"
        )
    repeated = "" if way else " --time-steps T, by which each input is repeated T times,"
    return (
        "the network's neurons take the examples for time steps: it has time on the first axis, "
        f"(T, N, …), and the data have examples there. Say --layout T-first{repeated} and how "
        f"outputs are read, unless the loss does: {HOW}."
    )


def other_layout(layout: str | None, other: str, feed: Feed, there: Influence | None) -> str:
    """What to say where examples influence each other, and would less with time elsewhere."""
    here = "the network's examples influence each other"
    then = "they do not" if there == "none" else "their order does not matter, as here it does"
    if layout is None:
        place = {"T-first": "first axis, (T, N, …)", "N-first": "second axis, (N, T, …)"}[other]
        return f"{_RUN[feed]}, {here}; with time on the {place}, {then}. Say --layout {other}."
    return (
        f"you said --layout {layout}, but run so, {here}, and with time on the other axis {then}: "
        f"is it --layout {other}?"
    )


def other_outputs(layout: str, other: str, given: Trial) -> str:
    """What to say where the network's outputs have time on another axis than was said."""
    return (
        f"you said --layout {layout}, but the network makes its own steps, and what it gives, "
        f"{shape_of(given.first)} for two examples, has time on the other axis: is it --layout "
        f"{other}?"
    )


def other_number(asked: Asked, made: int, *, of_data: bool) -> str:
    """What to say where data or network have another number of steps than was asked for."""
    has = f"the data have {made} frames" if of_data else f"the network makes {made} steps"
    return (
        f"{has}, --time-steps says {asked.num_steps}. Leave it out (it is for inputs that stand "
        f"still and a network that does not make its steps itself), or say {made}."
    )


def several(ways: Sequence[Way]) -> str:
    """What to say where more than one is possible."""
    return (
        f"the network can go through time in several ways: {' or '.join(map(str, ways))}. Say "
        "which: --layout T-first or N-first, with --time-steps T where the data have no time."
    )


def no_way(
    asked: Asked, tried: Mapping[Feed, Trial], objections: Mapping[Feed, str], inputs: Nest
) -> str:
    """What to say where nothing that was tried is what was asked for."""
    told = "; ".join(
        f"{feed}: {objections.get(feed) or _outcome(feed, trial, inputs)}"
        for feed, trial in tried.items()
    )
    return (
        f"the network cannot be led through time {asked.options or 'as it is'}. Inputs of shape "
        f"{shape_of(inputs)} were tried in these ways: {told}. Data have examples first, (N, …) or "
        "(N, T, …); --layout says where the network has time, --time-steps T how many steps where "
        "the data have none."
    )


def _outcome(feed: Feed, trial: Trial, inputs: Nest) -> str:
    if trial.failure:
        return trial.failure
    if trial.mixed or trial.without_examples:
        return "examples are taken for time steps"
    if trial.timeless:
        return "neurons, which have time on the second axis, find none there"
    if trial.single:
        return "neurons make one step"
    made = f" in {trial.steps} steps" if trial.steps else ""
    if feed in ("moved", "frames"):
        made = f" in {inputs.shape[1]} steps"
    return f"outputs {shape_of(trial.first)} for two examples{made}"
