"""Flat θ of shape (P,) and the named tensors that a network holds: one map, both ways."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class ParameterLayout:
    """Where each named tensor lies in θ: names in the network's order, each with its shape."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Tensor]) -> "ParameterLayout":
        return cls(tuple(parameters), tuple(p.shape for p in parameters.values()))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(shape.numel() for shape in self.shapes)

    @cached_property
    def num_params(self) -> int:
        return sum(self.sizes)

    @property
    def slices(self) -> dict[str, slice]:
        """The entries of θ that belong to each name."""
        ends = list(accumulate(self.sizes, initial=0))
        return {
            name: slice(a, b) for name, a, b in zip(self.names, ends[:-1], ends[1:], strict=True)
        }

    def flatten(self, tensors: Sequence[Tensor] | Mapping[str, Tensor]) -> Tensor:
        """Concatenate tensors, in this layout's order, to shape (P,)."""
        ordered = [tensors[n] for n in self.names] if isinstance(tensors, Mapping) else tensors
        return torch.cat([t.reshape(-1) for t in ordered])

    def split(self, theta: Tensor) -> list[Tensor]:
        """Views into ``theta``, shape (P,), in this layout's order and shapes."""
        if theta.shape != (self.num_params,):
            raise ValueError(
                f"theta must have shape ({self.num_params},); got shape {tuple(theta.shape)}."
            )
        pieces = theta.split_with_sizes(self.sizes)
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def unflatten(self, theta: Tensor) -> Parameters:
        """The same views, by name."""
        return dict(zip(self.names, self.split(theta), strict=True))


def select_names(
    names: Iterable[str], patterns: str, *, option: str = "--params"
) -> tuple[str, ...]:
    """Names that match any of the comma-separated globs, in their given order.

    ``conv_fc.4`` also stands for everything below it; a pattern with a leading ``!`` excludes.
    ``option`` is what the message calls the globs.

    Raises
    ------
    ValueError
        If nothing matches; the message lists the names.
    """
    names = tuple(names)
    globs = [p.strip() for p in patterns.split(",") if p.strip()]
    wanted = [g for g in globs if not g.startswith("!")] or ["*"]
    unwanted = [g[1:] for g in globs if g.startswith("!")]
    chosen = tuple(n for n in names if _matches(n, wanted) and not _matches(n, unwanted))
    if not chosen:
        raise ValueError(
            f"no parameter matches {option} {patterns!r}; the names are: {', '.join(names)}."
        )
    return chosen


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, g) or fnmatchcase(name, f"{g}.*") for g in globs)
