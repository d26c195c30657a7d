"""What symmetries are made of: blocks of weights, and how a network uses them.

All of it goes by the names of parameters, so that one description serves a network and its moved
copies, in any precision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Values = Mapping[str, Tensor]  # parameters, and the buffers of batch norms, by name

# Which matrices A leave q·k or o·v alone: all invertible ones; with rotary positions those that act
# on each rotated plane as one complex number, its two coordinates half a head apart or beside each
# other; multiples of I, where neither is known to hold.
Group = Literal["linear", "rotary", "rotary-interleaved", "scalar"]


@dataclass(frozen=True)
class Block:
    """A part of a parameter: [start, stop) of dimension ``cut``, with dimension ``first`` in front.

    With ``repeat`` k, each k entries along ``first`` belong to one unit: channels after flattening.
    """

    name: str
    first: int = 0
    cut: int = 0
    start: int = 0
    stop: int | None = None
    repeat: int = 1

    def of(self, values: Values) -> Tensor:
        """A view of the part, shape (units, …); writing to it writes to ``values``."""
        whole = values[self.name]
        stop = whole.shape[self.cut] if self.stop is None else self.stop
        part = whole.narrow(self.cut, self.start, stop - self.start)
        if self.repeat > 1:
            part = torch.unflatten(part, self.first, (-1, self.repeat))
        return part.movedim(self.first, 0)


@dataclass(frozen=True)
class Map:
    """A linear map x ↦ W x + b: W with the inputs first, shape (d, out), and b."""

    weight: Block
    bias: Block | None


@dataclass(frozen=True)
class Norm:
    """A normalisation whose outputs γ ⊙ x + β go to ``maps`` and nowhere else.

    ``offset``: what γ has beyond its parameter, 1 in Gemma's. ``shifts``: all maps have biases, so
    that β can be moved into them.
    """

    weight: Block
    beta: Block | None
    maps: tuple[Map, ...]
    offset: float = 0.0
    shifts: bool = False

    def gamma(self, values: Values) -> Tensor:
        """γ, shape (d,)."""
        return self.weight.of(values) + self.offset

    @property
    def biased(self) -> list[tuple[Block, Block]]:
        """Weight and bias of the maps that have one."""
        return [(m.weight, m.bias) for m in self.maps if m.bias is not None]


@dataclass(frozen=True)
class Factor:
    """One side of a product, shape (r, d), with its bias (r,) and the norm before it."""

    weight: Block
    bias: Block | None = None
    norm: Norm | None = None

    def folded(self, values: Values) -> Tensor:
        """W Γ, shape (r, d): the factor with the norm's weights in it."""
        return self.weight.of(values) * self.gamma(values)

    def gamma(self, values: Values) -> Tensor:
        """The norm's weights, shape (d,); ones without a norm."""
        if self.norm is not None:
            return self.norm.gamma(values)
        W = self.weight.of(values)
        return torch.ones(W.shape[1], dtype=W.dtype, device=W.device)

    def constant(self, values: Values) -> Tensor:
        """What comes out where the normalised input is 0: b + W β, shape (r,)."""
        W = self.weight.of(values)
        out = torch.zeros_like(W[:, 0]) if self.bias is None else self.bias.of(values).clone()
        if self.norm is not None and self.norm.beta is not None:
            out += W @ self.norm.beta.of(values)
        return out


@dataclass(frozen=True)
class Product:
    """Weights that act by Σ left' right alone: A on the left and A^-T on the right change nothing.

    Query and key of a head (several queries where they share a key); the output map, transposed,
    and the values; B' and A of a LoRA pair; two adjacent linear maps.
    """

    kind: str
    left: tuple[Factor, ...]
    right: tuple[Factor, ...]
    group: Group = "linear"


@dataclass(frozen=True)
class Output:
    """An output bias that the biases of values can be moved into: b_O + Σ O_h e_h.

    ``terms``: each head's output map with its inputs first, shape (r, out), and its values.
    """

    bias: Block
    terms: tuple[tuple[Block, Factor], ...]

    def constant(self, values: Values) -> Tensor:
        """b_O + Σ O_h e_h, e_h = b_V + W_V β, shape (out,)."""
        out = self.bias.of(values).clone()
        for block, value in self.terms:
            out += value.constant(values) @ block.of(values)
        return out


@dataclass(frozen=True)
class Units:
    """Hidden units: what makes them, row by row, and the maps that read them, inputs first.

    Of a recurrence, makers and readers share its weights from units to units.
    """

    makers: tuple[tuple[Block, Block | None], ...]  # weight and bias; of a batch norm γ and β
    readers: tuple[Block, ...]
    norms: tuple[str, ...] = ()  # batch norms in between, by name


@dataclass(frozen=True)
class Sum:
    """Two biases that act by their sum alone: of a recurrence, from inputs and from units."""

    first: Block
    second: Block


@dataclass(frozen=True)
class Rows:
    """Filters before a batch norm: their weights, bias, and the norm's name and ε."""

    weight: Block
    bias: Block | None
    norm: str
    eps: float


@dataclass(frozen=True)
class Symmetries:
    """All that was found of a network, each confirmed by moving the weights along it."""

    products: tuple[Product, ...] = ()
    outputs: tuple[Output, ...] = ()
    norms: tuple[Norm, ...] = ()
    factors: tuple[Units, ...] = ()  # units that can be rescaled
    permuted: tuple[Units, ...] = ()  # units that can change places
    rows: tuple[Rows, ...] = ()
    keys: tuple[Factor, ...] = ()  # keys whose bias has no effect
    sums: tuple[Sum, ...] = ()
    refuted: tuple[str, ...] = ()  # moves that suggested themselves and change the outputs
