"""How often each neuron of a spiking network fires, watched while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from landscape.results.look import ActivityRow
from landscape.snn.adapters import spiking_neurons
from landscape.snn.neuron import SpikingNeuron


class ActivityRecorder:
    """Counts the spikes of a network's neurons while :meth:`watching`.

    A layer is a module; one of ``landscape.snn``, which has no state, may be used for several
    layers, and each of its calls within a forward pass is one.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        names = {module: name for name, module in model.named_modules()}
        self._neurons = {neuron: names[neuron] for neuron in spiking_neurons(model)}
        self._counts: dict[str, Tensor] = {}  # spikes by neuron
        self._observed: dict[str, int] = {}  # how often each neuron could have fired
        self._calls: dict[nn.Module, int] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A block whose forward passes are counted; what was counted before is forgotten."""
        self._counts, self._observed, self._calls = {}, {}, {}
        with ExitStack() as stack:
            handles = [self._model.register_forward_pre_hook(lambda *_: self._calls.clear())]
            for neuron in self._neurons:
                handles.append(neuron.register_forward_hook(self._after))
                if isinstance(neuron, SpikingNeuron):
                    # It gives pooled spikes in one pass, not by a call of the module.
                    neuron.pooled = partial(self._pooled, neuron)  # type: ignore[method-assign]
                    stack.callback(delattr, neuron, "pooled")
            for handle in handles:
                stack.callback(handle.remove)
            yield

    def layers(self) -> tuple[ActivityRow, ...]:
        """What was counted, in the order of the layers' first calls."""
        return tuple(
            ActivityRow(
                name=name,
                num_neurons=counts.numel(),
                firing_rate=float(counts.sum()) / (counts.numel() * self._observed[name]),
                num_dead=int((counts == 0).sum()),
                num_saturated=int((counts == self._observed[name]).sum()),
            )
            for name, counts in self._counts.items()
            if counts.numel()
        )

    def _pooled(self, neuron: SpikingNeuron, current: Tensor) -> Tensor:
        with torch.no_grad():
            self._count(neuron, neuron.forward(current))
        return type(neuron).pooled(neuron, current)

    def _after(self, neuron: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        spikes = output[0] if isinstance(output, tuple) else output
        if isinstance(spikes, Tensor):
            self._count(neuron, spikes.detach())

    def _count(self, neuron: nn.Module, spikes: Tensor) -> None:
        name, own = self._neurons[neuron], isinstance(neuron, SpikingNeuron)
        if own:
            call = self._calls[neuron] = self._calls.get(neuron, 0) + 1
            name = name if call == 1 else f"{name} ({call})"
        in_time = own or getattr(neuron, "step_mode", "s") == "m"
        over = min(2 if in_time else 1, spikes.ndim)  # time and examples, or examples alone
        fired = (spikes > 0).flatten(0, over - 1).sum(0)
        if name in self._counts and self._counts[name].shape != fired.shape:
            raise ValueError(
                f"the neurons {name!r} give spikes of shapes {tuple(fired.shape)} and "
                f"{tuple(self._counts[name].shape)} an example, so that there is no one number of "
                "them: give batches of one size and length."
            )
        self._counts[name] = self._counts.get(name, 0) + fired
        self._observed[name] = self._observed.get(name, 0) + spikes.shape[:over].numel()
