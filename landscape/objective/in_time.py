"""A network led through time: how inputs reach it, step by step or all at once.

Data have examples first, (N, …), or (N, T, …) with a frame for each time step. Networks want time
in several places: on their first axis (SpikingJelly's multi-step mode), on their second (sinabs),
in a loop around them (single-step mode), or make their own steps of an image that stands still.
"""

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from landscape.nests import Nest, describe, map_tensors
from landscape.objective.pair import call
from landscape.objective.readout import Readout

# given: as the data have them; moved: time before examples; repeated: T times, on a new first or
# second axis; looped: a call for each step, with the same input; frames: with that step's frame.
Feed = Literal["given", "moved", "repeated first", "repeated second", "looped", "frames"]
LOOPED = ("looped", "frames")
_STATE = ("state", "old_state", "states")  # how Norse and NIR's executor call it


@dataclass(frozen=True)
class InTime:
    """Outputs of a network, called as ``InTime(…)(model, inputs)``; time first where it was read.

    Attributes
    ----------
    num_steps
        T, where inputs are repeated; None: the data, or the network, have it.
    axis
        Which axis of the network's outputs is time, once steps are stacked on the first; None:
        they have none.
    readout
        Makes a prediction of them; None: they stay as they are.
    to_second
        Without a readout: time is moved to the second axis, behind the examples.
    """

    feed: Feed
    num_steps: int | None = None
    axis: int | None = None
    readout: Readout | None = None
    to_second: bool = False

    def __call__(self, model: nn.Module, inputs: Nest) -> Nest:
        outputs = self.returned(model, inputs)
        if self.axis is None:
            return outputs
        if self.readout is not None:
            axis = self.axis
            first = map_tensors(lambda t: t.movedim(axis, 0), self.without_state(model, outputs))
            return self.readout.function(first)
        if self.to_second and self.axis == 0:
            moved = self.without_state(model, outputs)
            return map_tensors(lambda t: t.movedim(0, 1), moved)
        return outputs

    def returned(self, model: nn.Module, inputs: Nest) -> Nest:
        """What the network gives, steps of a loop stacked on the first axis."""
        if self.feed == "given":
            return call(model, inputs)
        if self.feed == "looped":
            assert self.num_steps is not None
            return _stepped(model, [inputs] * self.num_steps)
        frames = _frames_of(inputs)
        if self.feed == "frames":
            return _stepped(model, list(frames.unbind(1)))
        if self.feed == "moved":
            return call(model, frames.movedim(1, 0))
        assert self.num_steps is not None
        axis = 0 if self.feed == "repeated first" else 1
        return call(model, torch.stack([frames] * self.num_steps, axis))

    @property
    def is_looped(self) -> bool:
        """Whether the network is called once for each time step."""
        return self.feed in LOOPED

    def __str__(self) -> str:
        """How it goes, and nothing that is worked out of the data."""
        steps = "" if self.num_steps is None else f" {self.num_steps} times"
        read = "" if self.readout is None else f", read out by {self.readout.name}"
        axis = "none" if self.axis is None else ("first", "second")[self.axis]
        return f"inputs {self.feed}{steps}, time in outputs {axis}{read}"

    def without_state(self, model: nn.Module, outputs: Nest) -> Nest:
        """What the network returned, without a state that it handed back beside it."""
        given_back = takes_state(model) and isinstance(outputs, tuple) and len(outputs) == 2
        return outputs[0] if given_back and not self.is_looped else outputs


def takes_state(model: nn.Module) -> bool:
    """Whether it is handed its state, and hands it back: ``outputs, state = model(x, state)``."""
    try:
        names = list(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) > 1 and names[1] in _STATE


def _stepped(model: nn.Module, inputs: list[Nest]) -> Nest:
    """One call a step; the state stays in the network, or is handed on."""
    found: list[Nest] = []
    state: Any = None
    for x in inputs:
        if takes_state(model):
            outputs, state = model(x, state)
        else:
            outputs = call(model, x)
        found.append(outputs)
    return _stacked(found)


def _stacked(steps: list[Nest]) -> Nest:
    """Tensors, or tuples of them, of all steps on a new first axis."""
    first = steps[0]
    if isinstance(first, Tensor):
        return torch.stack(steps)
    if isinstance(first, tuple | list) and first and all(isinstance(t, Tensor) for t in first):
        return tuple(torch.stack(parts) for parts in zip(*steps, strict=True))
    raise ValueError(
        f"a network that is called once a time step must return a tensor, or a tuple of tensors "
        f"such as (spikes, membranes); it returned {describe(first)}."
    )


def _frames_of(inputs: Nest) -> Tensor:
    if isinstance(inputs, tuple | list) and len(inputs) == 1:
        inputs = inputs[0]
    if not isinstance(inputs, Tensor):
        raise ValueError(
            f"time can be led through a network whose input is one tensor; got {describe(inputs)}."
        )
    return inputs
