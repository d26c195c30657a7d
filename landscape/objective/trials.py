"""What a network does when two and three examples are put to it in one way or another."""

from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.nests import Nest, map_tensors, num_rows, take_rows, tensors_in
from landscape.objective.at_theta import AtTheta
from landscape.objective.influence import Influence, Run, influence, keeps_state
from landscape.seeds import seeded
from landscape.snn.adapters import reset_state
from landscape.snn.steps import StepsSeen

_SIZES = (2, 3)  # two numbers of examples: what changes with them is theirs
_SEED = 0  # of what a forward pass may draw


@dataclass(frozen=True)
class Trial:
    """One way of running the network, tried.

    Attributes
    ----------
    failure
        What it raised; empty: it ran.
    axis
        The axis of the outputs that holds the examples; None: neither the first nor the second.
    steps
        Time steps of the neurons in a pass; None: there are none that count.
    mixed
        Whether that number changes with the number of examples: these are taken for time steps.
    without_examples
        Whether outputs have one shape, whatever the number of examples.
    timeless
        Whether neurons that have time on the second axis find none there.
    single
        Whether each layer of neurons made one step and takes one at a time.
    outputs
        Of the first two examples.
    """

    failure: str = ""
    axis: int | None = None
    steps: int | None = None
    mixed: bool = False
    without_examples: bool = False
    timeless: bool = False
    single: bool = False
    outputs: Nest = None

    @property
    def first(self) -> Tensor | None:
        """The first tensor of the outputs."""
        return next((t for t in tensors_in(self.outputs) if t.is_floating_point()), None)


class Trials:
    """Runs of a network on few examples of a batch, with θ in its place and neurons at rest."""

    def __init__(self, network: AtTheta, batch: Nest) -> None:
        self._network = network
        self._batches = [_of_size(batch, size) for size in _SIZES]

    @classmethod
    def can_be_made(cls, batch: Nest) -> bool:
        """Whether examples can be taken out of the batch."""
        return bool(num_rows(batch))

    def of(self, run: Run) -> Trial:
        """``run`` of batches: outputs where they are looked at, else None."""
        risk, seen = self._network, StepsSeen(self._network.model)
        outputs: list[Nest] = []
        steps: list[dict[str, int]] = []
        tensors = risk.layout.split(risk.theta)
        try:
            with seeded(risk.device, _SEED), risk.swapped(tensors), torch.no_grad():
                for batch in self._batches:
                    reset_state(risk.model)
                    with seen.watching():
                        outputs.append(run(map_tensors(torch.clone, batch)))
                    steps.append(seen.by_neuron)
        except ValueError as error:  # what the user's code raises, or this package of it
            return Trial(failure=str(error))
        return Trial(
            axis=_axis_of_examples(outputs),
            steps=max(steps[0].values(), default=None),
            mixed=steps[0] != steps[1],
            without_examples=_of_one_shape(outputs),
            timeless=seen.timeless,
            single=seen.single,
            outputs=outputs[0],
        )

    def influence(self, run: Run, axis: int) -> Influence | None:
        """That of the examples, which lie on ``axis`` of the outputs, on each other."""
        return influence(self._network, self._batches[-1], run, axis)

    def keeps_state(self, run: Run) -> bool:
        """Whether a second call gives something else than the one from rest before it."""
        return keeps_state(self._network, self._batches[-1], run)


def _of_size(batch: Nest, size: int) -> Nest:
    """So many of its examples, some of them twice where it holds fewer."""
    return take_rows(batch, torch.arange(size) % (num_rows(batch) or 1))


def _of_one_shape(outputs: list[Nest]) -> bool:
    few, more = (Trial(outputs=found).first for found in outputs)
    return few is not None and more is not None and few.shape == more.shape


def _axis_of_examples(outputs: list[Nest]) -> int | None:
    few, more = (Trial(outputs=found).first for found in outputs)
    if few is None or more is None or few.ndim != more.ndim:
        return None
    changed = [k for k in range(few.ndim) if few.shape[k] != more.shape[k]]
    if len(changed) != 1 or changed[0] > 1:
        return None
    return changed[0] if (few.shape[changed[0]], more.shape[changed[0]]) == _SIZES else None
