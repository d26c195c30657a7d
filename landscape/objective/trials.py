"""What a network does when two and three examples are put to it in one way or another."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.nests import Nest, map_tensors, num_rows, take_rows, tensors_in
from landscape.objective.at_theta import AtTheta
from landscape.seeds import seeded
from landscape.snn.adapters import reset_state
from landscape.snn.steps import StepsSeen

_SIZES = (2, 3)  # two numbers of examples: what changes with them is theirs
_SEED = 0  # of what a forward pass may draw
_TIPPED = 5e-2  # of the outputs: spikes at their threshold that another order of sums tips over


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

    def of(self, run: Callable[[Nest], Nest]) -> Trial:
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
            timeless=seen.timeless,
            single=seen.single,
            outputs=outputs[0],
        )

    def coupled(self, run: Callable[[Nest], Nest], axis: int) -> bool | None:
        """Whether outputs of an example, which lie on ``axis``, change with the other examples.

        Told by derivatives, which are exactly zero if they do not, and which surrogates have where
        nothing fires; and by values in reverse order, for state that is detached. None: it failed.
        """
        risk, last = self._network, _SIZES[-1]
        leaves = map_tensors(_leaf, self._batches[-1])
        reverse = take_rows(self._batches[-1], torch.arange(last - 1, -1, -1))
        found: list[list[Tensor]] = []
        try:
            with risk.swapped(risk.layout.split(risk.theta)):
                for batch in (leaves, reverse):
                    reset_state(risk.model)
                    with seeded(risk.device, _SEED):
                        made = tensors_in(run(map_tensors(torch.clone, batch)))
                    found.append([t for t in made if _has(t, axis, last)])
                if _in_derivatives(found[0], tensors_in(leaves), axis):
                    return True
        except ValueError:
            return None
        pairs = [(a.detach(), b.detach().flip(axis)) for a, b in zip(*found, strict=False)]
        return any(bool((a - b).norm() > _TIPPED * a.norm()) for a, b in pairs)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def _has(tensor: Tensor, axis: int, size: int) -> bool:
    return tensor.is_floating_point() and tensor.ndim > axis and tensor.shape[axis] == size


def _in_derivatives(outputs: list[Tensor], leaves: list[Tensor], axis: int) -> bool:
    """Whether outputs of one example have derivatives by inputs of others."""
    free = [leaf for leaf in leaves if leaf.requires_grad]
    outputs = [t for t in outputs if t.requires_grad]
    if not free or not outputs:
        return False
    # Factors without a pattern, lest outputs that sum to a constant hide it.
    factors = torch.Generator().manual_seed(_SEED)
    for example in range(_SIZES[-1]):
        parts = [t.select(axis, example) for t in outputs]
        drawn = [torch.randn(p.shape, generator=factors).to(p) for p in parts]
        total = torch.stack([(p * w).sum() for p, w in zip(parts, drawn, strict=True)]).sum()
        slopes = torch.autograd.grad(total, free, retain_graph=True, allow_unused=True)
        others = torch.arange(_SIZES[-1]) != example
        if any(s is not None and bool((s[others.to(s.device)] != 0).any()) for s in slopes):
            return True
    return False


def _of_size(batch: Nest, size: int) -> Nest:
    """So many of its examples, some of them twice where it holds fewer."""
    return take_rows(batch, torch.arange(size) % (num_rows(batch) or 1))


def _axis_of_examples(outputs: list[Nest]) -> int | None:
    few, more = (Trial(outputs=found).first for found in outputs)
    if few is None or more is None or few.ndim != more.ndim:
        return None
    changed = [k for k in range(few.ndim) if few.shape[k] != more.shape[k]]
    if len(changed) != 1 or changed[0] > 1:
        return None
    return changed[0] if (few.shape[changed[0]], more.shape[changed[0]]) == _SIZES else None
