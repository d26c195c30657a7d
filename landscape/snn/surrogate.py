"""Surrogates: smooth stand-ins σ(u) for the Heaviside step, with σ'(u) and σ''(u).

A spiking neuron fires when its membrane exceeds the threshold, u = h - threshold >= 0; the
derivative of that step is replaced by σ'(u), and in second derivatives by σ''(u). Formulas and
default slopes are those of SpikingJelly where it has the function. Each σ rises from 0 to 1, so
that σ' integrates to 1 and a larger ``alpha`` means a steeper step.
"""

import abc
import math
import re
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from landscape.hints import close_to


@dataclass(frozen=True)
class Surrogate(abc.ABC):
    """A primitive σ and its first two derivatives, all elementwise on tensors of any shape.

    Attributes
    ----------
    alpha
        Slope, > 0: σ(u) depends on ``alpha * u`` only.
    name
        Key in ``SURROGATES``, by which ``surrogate_by_name`` finds the class.
    """

    alpha: float
    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(
                f"alpha, the slope of a surrogate, must be a positive number; got {self.alpha}."
            )

    @abc.abstractmethod
    def primitive(self, u: Tensor) -> Tensor:
        """σ(u), in [0, 1]."""

    @abc.abstractmethod
    def derivative(self, u: Tensor) -> Tensor:
        """σ'(u)."""

    @abc.abstractmethod
    def second_derivative(self, u: Tensor) -> Tensor:
        """σ''(u)."""

    def with_slope(self, factor: float) -> Self:
        """Return the surrogate with ``alpha`` multiplied by ``factor``, > 0."""
        return replace(self, alpha=self.alpha * factor)

    def __str__(self) -> str:
        return f"{self.name}(alpha={self.alpha:g})"


@dataclass(frozen=True)
class ATan(Surrogate):
    """σ(u) = 1/2 + atan(π α u / 2) / π, hence σ'(u) = (α/2) / (1 + (π α u / 2)²)."""

    alpha: float = 2.0
    name: ClassVar[str] = "atan"

    def primitive(self, u: Tensor) -> Tensor:
        return torch.atan(u * (math.pi * self.alpha / 2)) / math.pi + 0.5

    def derivative(self, u: Tensor) -> Tensor:
        x = u * (math.pi * self.alpha / 2)
        return (self.alpha / 2) / (1 + x * x)

    def second_derivative(self, u: Tensor) -> Tensor:
        d = self.derivative(u)
        return (-(math.pi**2) * self.alpha) * u * d * d


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """σ(u) = 1 / (1 + exp(-α u))."""

    alpha: float = 4.0
    name: ClassVar[str] = "sigmoid"

    def primitive(self, u: Tensor) -> Tensor:
        return torch.sigmoid(self.alpha * u)

    def derivative(self, u: Tensor) -> Tensor:
        s = torch.sigmoid(self.alpha * u)
        return self.alpha * s * (1 - s)

    def second_derivative(self, u: Tensor) -> Tensor:
        s = torch.sigmoid(self.alpha * u)
        return self.alpha**2 * s * (1 - s) * (1 - 2 * s)


@dataclass(frozen=True)
class Erf(Surrogate):
    """σ(u) = erfc(-α u) / 2: the normal distribution function of standard deviation 1/(α √2)."""

    alpha: float = 2.0
    name: ClassVar[str] = "erf"

    def primitive(self, u: Tensor) -> Tensor:
        return torch.erfc(-self.alpha * u) / 2

    def derivative(self, u: Tensor) -> Tensor:
        x = self.alpha * u
        return (self.alpha / math.sqrt(math.pi)) * torch.exp(-x * x)

    def second_derivative(self, u: Tensor) -> Tensor:
        return (-2 * self.alpha**2) * u * self.derivative(u)


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """σ(u) = (1 + α u / (1 + α abs(u))) / 2: SpikingJelly's SoftSign.

    snnTorch's ``fast_sigmoid(slope)`` is this derivative with alpha = slope, times 2 / slope.
    """

    alpha: float = 2.0
    name: ClassVar[str] = "fast_sigmoid"

    def primitive(self, u: Tensor) -> Tensor:
        x = self.alpha * u
        return (1 + x / (1 + x.abs())) / 2

    def derivative(self, u: Tensor) -> Tensor:
        x = 1 + self.alpha * u.abs()
        return (self.alpha / 2) / (x * x)

    def second_derivative(self, u: Tensor) -> Tensor:
        x = 1 + self.alpha * u.abs()
        return (-(self.alpha**2)) * torch.sign(u) / (x * x * x)


@dataclass(frozen=True)
class Triangle(Surrogate):
    """σ'(u) = α (1 - α abs(u)) where abs(u) <= 1/α, else 0: SpikingJelly's PiecewiseQuadratic."""

    alpha: float = 1.0
    name: ClassVar[str] = "triangle"

    def primitive(self, u: Tensor) -> Tensor:
        x = (self.alpha * u).clamp(-1, 1)
        return 0.5 + x - x * x.abs() / 2

    def derivative(self, u: Tensor) -> Tensor:
        return self.alpha * (1 - self.alpha * u.abs()).clamp(min=0)

    def second_derivative(self, u: Tensor) -> Tensor:
        inside = (self.alpha * u).abs() <= 1
        return torch.where(inside, -(self.alpha**2) * torch.sign(u), 0)


SURROGATES: dict[str, type[Surrogate]] = {
    cls.name: cls for cls in (ATan, Sigmoid, Erf, FastSigmoid, Triangle)
}


def surrogate_called(text: str) -> Surrogate:
    """The surrogate that ``text`` names as they print themselves: ``atan``, ``atan(alpha=2)``.

    Raises
    ------
    ValueError
        If it reads otherwise, the name is unknown, or the slope is no positive number.
    """
    found = re.fullmatch(r"\s*(\w+)\s*(?:\(\s*(?:alpha\s*=)?\s*([^\s()]+)\s*\))?\s*", text)
    if found is None:
        raise ValueError(f"surrogate must read like atan or atan(alpha=2); got {text!r}.")
    name, alpha = found.groups()
    try:
        slope = None if alpha is None else float(alpha)
    except ValueError as error:
        raise ValueError(f"surrogate {text!r} has no number for its slope alpha.") from error
    return surrogate_by_name(name, slope)


def surrogate_by_name(name: str, alpha: float | None = None) -> Surrogate:
    """Look a surrogate up, with its default slope or with ``alpha``.

    Raises
    ------
    ValueError
        If there is none of that name; close matches are named.
    """
    if name not in SURROGATES:
        raise ValueError(
            f"surrogate {name!r} is unknown.{close_to(str(name), SURROGATES)} "
            f"Known: {', '.join(sorted(SURROGATES))}."
        )
    cls = SURROGATES[name]
    return cls() if alpha is None else cls(alpha)  # type: ignore[call-arg]
