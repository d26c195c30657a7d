"""How many operations the layers of weights take: a spike at a weight is an addition.

An operation is one input that meets one weight. A spike causes as many as its fan-out, the number
of a layer's outputs that it goes into; at an image's border a kernel reaches fewer. All are
counted at once by the layer itself with every weight 1 and no bias, whose outputs then count the
spikes that reach them. Inputs that are no spikes (images, averages over a pool) meet all their
weights whether or not they are 0, and each time it is a multiplication and an addition, a MAC.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from landscape.distributed import all_reduce_sum
from landscape.results.activity import ANALOG, SPIKES, SynapseRow

_Counted = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


@dataclass
class _Operations:
    """Of one layer on this process's examples."""

    by_spikes: float = 0.0
    connections: float = 0.0
    inputs: str = SPIKES


class SynapseRecorder:
    """Counts the operations of linear and convolutional layers while :meth:`watching`.

    Inputs are spikes where they are whole numbers, as sums of spikes are; those of the layer that
    is called first, which gets the data, only where they are 0 and 1.
    """

    def __init__(self, model: nn.Module) -> None:
        named = list(model.named_modules())
        self._layers = {name: m for name, m in named if isinstance(m, _Counted)}
        self._weighted = [name for name, m in named if _has_weights(m)]
        self._found: dict[str, _Operations] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A block whose forward passes are counted; what was counted before is forgotten."""
        self._found = {}
        with ExitStack() as stack:
            for name, layer in self._layers.items():
                handle = layer.register_forward_pre_hook(partial(self._before, name))
                stack.callback(handle.remove)
            yield

    def synapses(self, num_examples: int) -> tuple[SynapseRow, ...]:
        """What was counted, per example, in the order of first calls; over all processes."""
        return tuple(_row(name, found, num_examples) for name, found in self._found.items())

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Layers with weights of another kind, or that are not called as modules."""
        return tuple(name for name in self._weighted if name not in self._found)

    def _before(self, name: str, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not inputs or not isinstance(inputs[0], Tensor):
            return
        x = inputs[0].detach()
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        found = self._found.setdefault(name, _Operations())
        is_first = name == next(iter(self._found))
        with torch.no_grad():
            if not _are_spikes(x, binary=is_first):
                found.inputs = ANALOG
            elif found.inputs == SPIKES:
                found.by_spikes += _reached(layer, x)
            examples = _as_examples(layer, x)
            found.connections += len(examples) * _reached(layer, torch.ones_like(examples[:1]))


def _has_weights(module: nn.Module) -> bool:
    return any(p.ndim > 1 for p in module.parameters(recurse=False))


def _are_spikes(x: Tensor, *, binary: bool) -> bool:
    fits = (x == 0) | (x == 1) if binary else (x >= 0) & (x == x.round())
    return bool(fits.all())


def _as_examples(layer: nn.Module, x: Tensor) -> Tensor:
    """``x`` with time, where it has it, and examples as one dimension."""
    if isinstance(layer, nn.Linear):
        return x.reshape(-1, x.shape[-1])
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return x.reshape(-1, *x.shape[-1 - len(layer.kernel_size) :])


def _reached(layer: nn.Module, x: Tensor) -> float:
    """Σ over the layer's outputs of the sum of the inputs that each is connected to."""
    x = _as_examples(layer, x)
    if isinstance(layer, nn.Linear):
        return float(x.sum(dtype=torch.float64)) * layer.out_features
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    # The outputs of one group are alike: one of each does for all of them.
    ones = x.new_ones(layer.groups, layer.in_channels // layer.groups, *layer.kernel_size)
    out = layer._conv_forward(x, ones, None)
    return float(out.sum(dtype=torch.float64)) * (layer.out_channels // layer.groups)


def _row(name: str, found: _Operations, num_examples: int) -> SynapseRow:
    numbers = torch.tensor(
        [found.by_spikes, found.connections, found.inputs == ANALOG], dtype=torch.float64
    )
    by_spikes, connections, analog = all_reduce_sum(numbers).tolist()
    return SynapseRow(
        name=name,
        inputs=ANALOG if analog else SPIKES,
        operations=(connections if analog else by_spikes) / num_examples,
        connections=connections / num_examples,
    )
