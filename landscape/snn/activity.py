"""How often each neuron of a spiking network fires, watched while it runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from landscape.distributed import all_reduce_sum, world_size
from landscape.results.activity import ActivityRow, Firing
from landscape.results.left_out import DoesNotApply
from landscape.snn.adapters import folds_time, spiking_neurons, time_axis
from landscape.snn.neuron import SpikingNeuron
from landscape.values import Estimate


class ActivityRecorder:
    """Counts the spikes of a network's neurons while :meth:`watching`.

    A layer is a module; one of ``landscape.snn``, which has no state, may be used for several
    layers, and each of its calls within a forward pass is one. Each call of neurons that keep
    their state is a time step, or all steps of those that take them at once.

    Parameters
    ----------
    looped
        Whether each call of the network is one time step of a pass, not a pass.
    """

    def __init__(self, model: nn.Module, *, looped: bool = False) -> None:
        self._model, self._looped = model, looped
        names = {module: name for name, module in model.named_modules()}
        self._neurons = {neuron: names[neuron] for neuron in spiking_neurons(model)}
        self._layers: dict[str, _Layer] = {}
        self._calls: dict[nn.Module, int] = {}  # of the forward pass that runs
        self._unclear = ""  # why there is no one number of neurons

    @contextmanager
    def watching(self) -> Iterator[Callable[[], None]]:
        """A block whose forward passes are counted; what was counted before is forgotten.

        It gives what to call before each batch, for who does not call the network itself.
        """
        self._layers, self._unclear = {}, ""
        self._calls.clear()
        with ExitStack() as stack:
            handles = []
            if not self._looped:
                begun = self._model.register_forward_pre_hook(lambda *_: self._calls.clear())
                handles.append(begun)
            for neuron in self._neurons:
                handles.append(neuron.register_forward_hook(self._after))
                if isinstance(neuron, SpikingNeuron):
                    # It gives pooled spikes in one pass, not by a call of the module.
                    neuron.pooled = partial(self._pooled, neuron)  # type: ignore[method-assign]
                    stack.callback(delattr, neuron, "pooled")
            for handle in handles:
                stack.callback(handle.remove)
            yield self._calls.clear

    def firing(self) -> Firing:
        """What was counted, layers in the order of their first calls; over all processes.

        Raises
        ------
        DoesNotApply
            If no neuron was called, a layer's number of neurons changed, or of several processes
            some have no example.
        """
        if self._unclear:
            raise DoesNotApply(self._unclear)
        _check_same(len(self._layers))
        if not self._layers:
            raise DoesNotApply("none of its neurons was called as a module of the network.")
        layers = list(self._layers.values())
        numbers = [layer.by_neuron.numel() for layer in layers]
        whole = [m * layer.rates() for m, layer in zip(numbers, layers, strict=True)]
        return Firing(
            layers=tuple(layer.row(name) for name, layer in self._layers.items()),
            firing_rate=_mean(torch.stack(whole).sum(0) / sum(numbers)),
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
        call = self._calls[neuron] = self._calls.get(neuron, 0) + 1
        name, own = self._neurons[neuron], isinstance(neuron, SpikingNeuron)
        if own and call > 1:
            name = f"{name} ({call})"
        if folds_time(neuron):
            self._unclear = f"the neurons {name!r} have time and examples on one axis."
            return
        axis = time_axis(neuron)
        spikes = spikes[None] if axis is None else spikes.movedim(axis, 0)
        shape = tuple(spikes.shape[2:])
        known = self._layers.get(name)
        if known is not None and known.shape != shape:
            self._unclear = (
                f"the neurons {name!r} give spikes of shapes {shape} and {known.shape} an example, "
                "so that there is no one number of them: give batches of one size and length."
            )
        elif spikes.numel():
            T, N = (*spikes.shape[:2], 1)[:2]
            fired = (spikes > 0).reshape(T, N, -1)
            layer = self._layers.setdefault(name, _Layer(shape, fired.shape[2], fired.device))
            layer.add(fired, is_first=own or call == 1)


class _Layer:
    """The spikes of one layer on this process's examples."""

    def __init__(self, shape: tuple[int, ...], num_neurons: int, device: torch.device) -> None:
        self.shape = shape  # of the neurons of an example
        self.by_neuron = torch.zeros(num_neurons, dtype=torch.int64, device=device)
        self._by_step: list[Tensor] = []  # spikes, and neurons that could have fired: (2,) each
        self._by_example: list[Tensor] = []  # spikes, a batch each: (N,)
        self._steps: list[int] = []  # a batch each

    def add(self, fired: Tensor, *, is_first: bool) -> None:
        """Spikes (T, N, M) of the next time steps, or the first, of a batch."""
        _, N, M = fired.shape
        self.by_neuron += fired.sum((0, 1))
        if is_first:
            self._by_example.append(torch.zeros(N, dtype=torch.int64, device=fired.device))
            self._steps.append(0)
        self._by_example[-1] += fired.sum((0, 2))
        for spikes in fired.sum((1, 2)):
            if self._steps[-1] == len(self._by_step):
                self._by_step.append(torch.zeros_like(spikes).repeat(2))
            self._by_step[self._steps[-1]] += torch.stack([spikes, spikes.new_tensor(N * M)])
            self._steps[-1] += 1

    def rates(self) -> Tensor:
        """Spikes per neuron and step of each example, shape (N,), float64."""
        pairs = zip(self._by_example, self._steps, strict=True)
        return torch.cat([spikes.double() / steps for spikes, steps in pairs]) / len(self.by_neuron)

    def row(self, name: str) -> ActivityRow:
        """Over all processes."""
        counts = all_reduce_sum(self.by_neuron.clone())
        passes = zip(self._by_example, self._steps, strict=True)
        observed = sum(len(spikes) * steps for spikes, steps in passes)
        most = int(all_reduce_sum(counts.new_tensor(observed)))
        spikes, asked = all_reduce_sum(torch.stack(self._by_step).double()).T
        return ActivityRow(
            name=name,
            num_neurons=counts.numel(),
            firing_rate=_mean(self.rates()),
            by_step=tuple((spikes / asked).tolist()),
            num_dead=int((counts == 0).sum()),
            num_saturated=int((counts == most).sum()),
        )


def _mean(values: Tensor) -> Estimate:
    """Mean of each example's number, shape (N,), over all processes; its error over examples."""
    n, total = all_reduce_sum(torch.stack([values.new_tensor(len(values)), values.sum()])).tolist()
    mean = total / n
    squares = float(all_reduce_sum((values - mean).square().sum()))
    stderr = (squares / (n - 1) / n) ** 0.5 if n > 1 else None
    return Estimate(mean, stderr, dof=n - 1 if n > 1 else None)


def _check_same(number: int) -> None:
    """Refuse processes of which some saw fewer layers than others: they could not add up."""
    first, second = all_reduce_sum(torch.tensor([number, number**2], dtype=torch.float64)).tolist()
    if first**2 != world_size() * second:
        raise DoesNotApply("some processes have no example, and see no layers: fewer processes do.")
