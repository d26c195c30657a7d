"""How many time steps the neurons of a network make in a pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from landscape.snn.adapters import folds_time, is_library_neuron, time_axis


class StepsSeen:
    """Counts the time steps of a network's neurons while :meth:`watching`.

    Those of this package are told their number of steps, and are passed over, as are those that
    have time and examples on one axis.

    Attributes
    ----------
    by_neuron
        Steps of each layer of neurons that was called, by its name.
    timeless
        Whether some of them, which have time on the second axis, got inputs without time there.
    single
        Whether each of them was called for one step, and for one only.
    """

    def __init__(self, model: nn.Module) -> None:
        named = model.named_modules()
        self._neurons = {n: m for n, m in named if is_library_neuron(m) and not folds_time(m)}
        self.by_neuron: dict[str, int] = {}
        self.single = self.timeless = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A block whose forward passes are counted together; anew each time."""
        self.by_neuron = {}
        handles = [
            neuron.register_forward_pre_hook(self._counter(name))
            for name, neuron in self._neurons.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        axes = [time_axis(self._neurons[name]) for name in self.by_neuron]
        numbers = set(self.by_neuron.values())
        self.single = set(axes) == {None} and numbers == {1}
        # What they take for time are then features, whose number changes from layer to layer.
        self.timeless = set(axes) == {1} and (0 in numbers or len(numbers) > 1)

    def _counter(self, name: str) -> Any:
        def count(neuron: nn.Module, inputs: tuple[Any, ...]) -> None:
            if not inputs or not isinstance(inputs[0], Tensor):
                return
            axis, x = time_axis(neuron), inputs[0]
            has_time = axis is None or x.ndim > axis + (axis > 0)
            steps = (1 if axis is None else x.shape[axis]) if has_time else 0
            self.by_neuron[name] = self.by_neuron.get(name, 0) + steps

        return count
