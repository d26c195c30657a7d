"""Recurrences: their hidden units, which are makers and readers of one another, and their biases.

Of h' = f(W x + b + U h + c), read by V, units may change places, U with rows and columns alike.
Where f is ReLU each has a positive factor too: with D W, D b, D U D^-1, D c and V D^-1 it is the
same function. Where f is tanh, in LSTM and GRU as well, units may change places, with all their
gates, and signs, which no scale tells; they have no factors. b and c act by their sum alone, but in
the GRU's candidate, where a gate stands between them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from landscape.curvature.symmetry.parts import Block, Factor, Product, Sum, Units

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
_ADDED = {"GRU": 2}  # gates, from the first, whose two biases are added; else all


@dataclass(frozen=True)
class Cell:
    """One layer of a recurrence in one direction: the names of its weights."""

    mode: str  # a key of ``_GATES``
    num_inputs: int
    num_units: int
    num_outputs: int  # its units, or what an LSTM's projection makes of them
    from_inputs: str
    from_outputs: str
    bias: str | None
    bias_of_outputs: str | None
    projection: str | None

    def units(self, readers: tuple[Block, ...]) -> Units:
        """Its hidden units; ``readers``: of its outputs, which are units without a projection."""
        makers = []
        both = (self.from_inputs, self.bias), (self.from_outputs, self.bias_of_outputs)
        for gate in range(_GATES[self.mode]):
            where = {"start": gate * self.num_units, "stop": (gate + 1) * self.num_units}
            for weight, bias in both:
                of_bias = None if bias is None else Block(bias, **where)
                makers.append((Block(weight, **where), of_bias))
        if self.projection is not None:
            return Units(tuple(makers), (Block(self.projection, 1, 1),))
        return Units(tuple(makers), (self._own_reader, *readers))

    def products(self, readers: tuple[Block, ...]) -> Iterator[Product]:
        """A projection and all that reads it, the cell itself among them."""
        if self.projection is not None:
            left = tuple(Factor(block) for block in (self._own_reader, *readers))
            yield Product("projections", left, (Factor(Block(self.projection)),))

    @property
    def sums(self) -> Iterator[Sum]:
        """Its biases that act by their sum."""
        if self.bias is not None and self.bias_of_outputs is not None:
            stop = _ADDED.get(self.mode, _GATES[self.mode]) * self.num_units
            yield Sum(Block(self.bias, stop=stop), Block(self.bias_of_outputs, stop=stop))

    @property
    def _own_reader(self) -> Block:
        return Block(self.from_outputs, 1, 1)


@dataclass(frozen=True)
class Recurrence:
    """A recurrent module: its cells by layer, and in each by direction."""

    name: str
    layers: tuple[tuple[Cell, ...], ...]

    @property
    def is_rescaled(self) -> bool:
        """Whether each unit may have a factor of its own."""
        return self.layers[0][0].mode == "RNN_RELU"

    @property
    def cells(self) -> list[Cell]:
        """All of them."""
        return [cell for layer in self.layers for cell in layer]

    def read(self, columns: Sequence[tuple[Block, int]]) -> list[tuple[Cell, tuple[Block, ...]]]:
        """Its cells with what reads their outputs; those of which that is not known are left out.

        Parameters
        ----------
        columns
            The maps that read the last layer, with the number of their inputs. One of more inputs
            than there are outputs reads several time steps, one after the other.
        """
        found = []
        for layer, following in zip(self.layers, (*self.layers[1:], None), strict=True):
            width = sum(cell.num_outputs for cell in layer)
            reading = columns
            if following is not None:
                reading = [(Block(cell.from_inputs, 1, 1), width) for cell in following]
            known = reading and all(b.first == b.cut and n % width == 0 for b, n in reading)
            for direction, cell in enumerate(layer):
                if known:
                    at = sum(before.num_outputs for before in layer[:direction])
                    found.append((cell, _parts(reading, at, cell.num_outputs, width)))
        return found


def _parts(
    reading: Sequence[tuple[Block, int]], at: int, count: int, width: int
) -> tuple[Block, ...]:
    """Of the inputs of maps, those from ``at`` in each time step of so many."""
    return tuple(
        Block(b.name, b.first, b.cut, b.start + step + at, b.start + step + at + count)
        for b, number in reading
        for step in range(0, number, width)
    )


def recurrences(model: nn.Module, parameters: Collection[str]) -> list[Recurrence]:
    """The recurrent modules of ``model`` whose weights are parameters of that name."""
    found = ((n, _layers_of(m, n, parameters)) for n, m in model.named_modules())
    return [Recurrence(name, layers) for name, layers in found if layers]


def inputs_of(module: nn.Module, name: str, parameters: Collection[str]) -> tuple[Cell, ...]:
    """The cells that read the inputs of a recurrent module; none of another one."""
    layers = _layers_of(module, name, parameters)
    return layers[0] if layers else ()


def _layers_of(
    module: nn.Module, name: str, parameters: Collection[str]
) -> tuple[tuple[Cell, ...], ...]:
    at = f"{name}." if name else ""
    if isinstance(module, nn.RNNBase):
        directions = 2 if module.bidirectional else 1
        cells = [_cell(module, module.mode, at, names) for names in module._all_weights]
        layers = [cells[k : k + directions] for k in range(0, len(cells), directions)]
    elif isinstance(module, nn.RNNCell | nn.LSTMCell | nn.GRUCell):
        names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if module.bias else [])]
        layers = [[_cell(module, _mode_of(module), at, names)]]
    else:
        return ()
    weights = [n for layer in layers for c in layer for n in (c.from_inputs, c.from_outputs)]
    # Others are made of something else, as by weight norm.
    return tuple(map(tuple, layers)) if all(n in parameters for n in weights) else ()


def _mode_of(module: nn.RNNCell | nn.LSTMCell | nn.GRUCell) -> str:
    if isinstance(module, nn.RNNCell):
        return f"RNN_{module.nonlinearity.upper()}"
    return "LSTM" if isinstance(module, nn.LSTMCell) else "GRU"


def _cell(
    module: nn.RNNBase | nn.RNNCell | nn.LSTMCell | nn.GRUCell, mode: str, at: str, names: list[str]
) -> Cell:
    biases = [f"{at}{n}" for n in names if n.startswith("bias")]
    first, second = biases or (None, None)
    # No parameter while θ is in its place.
    num_inputs, num_outputs = (getattr(module, name).shape[1] for name in names[:2])
    return Cell(
        mode=mode,
        num_inputs=num_inputs,
        num_units=module.hidden_size,
        num_outputs=num_outputs,
        from_inputs=f"{at}{names[0]}",
        from_outputs=f"{at}{names[1]}",
        bias=first,
        bias_of_outputs=second,
        projection=next((f"{at}{n}" for n in names if n.startswith("weight_hr")), None),
    )
