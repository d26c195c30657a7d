"""An objective: what is minimised, as a function of the network and a batch of the user's data."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from landscape.nests import Nest, describe, num_rows

# What fn and loss_of_outputs may return: (n,) losses, their mean, or (total, weight).
Value = Tensor | tuple[Tensor, Tensor | float]
Function = Callable[[nn.Module, Nest], Value]

PREFIX = "objective"  # of the names of parameters that the objective has of its own


class Terms(NamedTuple):
    """Losses of a batch in their smallest units: L = Σ totals / Σ weights over all batches."""

    totals: Tensor  # shape (u,)
    weights: Tensor  # shape (u,), no gradient; 1 an example where nothing else is said
    by_example: bool  # False: one unit, the whole batch

    def example_weights(self, num_examples: int) -> Tensor:
        """Of each unit, float64; of each example alike where the batch is one unit."""
        if self.by_example:
            return self.weights.double()
        return (self.weights.double() / num_examples).repeat(num_examples)

    def mean(self) -> Tensor:
        """The loss of this batch by itself, a scalar."""
        return self.totals.sum() / self.weights.sum()


def mean_of_draws(draws: Sequence[Terms]) -> Terms:
    """Of one batch's losses in several random draws."""
    if len(draws) == 1:
        return draws[0]
    totals, weights = (
        torch.stack([draw[k] for draw in draws]).mean(0)  # type: ignore[misc]
        for k in (0, 1)
    )
    return Terms(totals, weights, draws[0].by_example)


class Answers(NamedTuple):
    """How many of each example were right, of how many that were asked for; of shape (n,).

    They stay on their device: reading them would wait for all work before them.
    """

    right: Tensor
    asked: Tensor

    @classmethod
    def none(cls) -> "Answers":
        """Where there are no classes: of no example."""
        return cls(torch.zeros(0), torch.zeros(0))


@dataclass(frozen=True, eq=False)
class Objective:
    """A loss of any network on any batch.

    Parameters
    ----------
    fn
        ``fn(model, batch)`` with ``batch`` exactly as the data give it. Returns (n,) losses, one an
        example; or their mean, of shape () or (1,); or ``(total, weight)``, their sum and by what
        it is to be divided, such as the number of tokens: two scalars, or two of shape (n,).
        Gradients are enabled inside, so a network may be differentiated by its inputs.
    outputs, loss_of_outputs
        ``fn`` in two steps, ``loss_of_outputs(outputs(model, batch), batch)``: what ``ggn`` needs.
    count
        ``count(batch)``, the weight of a mean, such as its number of tokens, nodes or pixels; by
        default the first dimension, which all tensors of the batch must then share.
    split
        ``split(batch)`` gives two batches that hold its examples, or None where it cannot be cut;
        by default batches are cut along the first dimension, where all tensors share it. False:
        batches are never cut, as where a contrastive loss couples their examples.
    draws
        Evaluations under different random numbers whose mean is the loss; their seeds are fixed, so
        that the loss is one function of the parameters.
    name
        In reports; by default that of ``fn``.
    """

    fn: Function
    outputs: Callable[[nn.Module, Nest], Nest] | None = None
    loss_of_outputs: Callable[[Nest, Nest], Value] | None = None
    count: Callable[[Nest], float] | None = None
    split: Callable[[Nest], tuple[Nest, Nest] | None] | Literal[False] | None = None
    draws: int = 1
    name: str = ""

    def __post_init__(self) -> None:
        for field in ("fn", "outputs", "loss_of_outputs", "count"):
            value = getattr(self, field)
            if not callable(value) and not (value is None and field != "fn"):
                raise ValueError(
                    f"{field} of an Objective must be a function; got {describe(value)}."
                )
            if isinstance(value, type):
                raise ValueError(
                    f"{field} of an Objective must be a function, not the class {value.__name__}: "
                    f"make one of it, {value.__name__}(…)."
                )
        if not (self.split is None or self.split is False or callable(self.split)):
            raise ValueError(
                f"split must be a function of a batch, False or None; got {self.split!r}."
            )
        if (self.outputs is None) != (self.loss_of_outputs is None):
            raise ValueError("outputs and loss_of_outputs go together; give both or neither.")
        if self.draws < 1:
            raise ValueError(f"draws must be at least 1; got {self.draws}.")
        if not self.name:
            object.__setattr__(self, "name", name_of(self.fn))

    @property
    def in_time(self) -> str:
        """How the network is led through time, in words; empty: that is its own business."""
        return ""

    @property
    def is_looped(self) -> bool:
        """Whether the network is called once for each time step of a pass."""
        return False

    def modules(self) -> dict[str, nn.Module]:
        """The modules among its functions, whose parameters belong to θ, by prefix."""
        found = dict.fromkeys(
            module
            for function in (self.fn, self.outputs, self.loss_of_outputs)
            for module in _modules_of(function)
        )
        if len(found) == 1:
            return {PREFIX: next(iter(found))}
        return {f"{PREFIX}{k}": module for k, module in enumerate(found, start=1)}

    def terms(self, model: nn.Module, batch: Nest, *, only: bool = False) -> Terms:
        """Losses of a batch; ``only``: there is no other, so that its weight does not matter.

        Raises
        ------
        ValueError
            If ``fn`` returns anything else, or a mean whose weight nobody knows.
        """
        return self._as_terms(self.fn(model, batch), batch, "fn", only=only)

    def terms_of_outputs(self, outputs: Nest, batch: Nest, *, only: bool = False) -> Terms:
        """The same from what ``outputs`` gave."""
        assert self.loss_of_outputs is not None
        value = self.loss_of_outputs(outputs, batch)
        return self._as_terms(value, batch, "loss_of_outputs", only=only)

    def curvature_terms(self, outputs: Nest, batch: Nest, *, only: bool = False) -> Terms:
        """Those whose second derivative by the outputs a Gauss-Newton matrix is made of."""
        return self.terms_of_outputs(outputs, batch, only=only)

    def measure(
        self, model: nn.Module, batch: Nest, *, only: bool = False
    ) -> tuple[Terms, Answers, Nest]:
        """Losses, right answers, and what they are of, where that is known, in one forward pass."""
        if self.outputs is None:
            return self.terms(model, batch, only=only), Answers.none(), None
        outputs = self.outputs(model, batch)
        terms = self.terms_of_outputs(outputs, batch, only=only)
        return terms, self.answers(outputs, batch), outputs

    def answers(self, outputs: Nest, batch: Nest) -> Answers:
        """How many predictions are right; none asked for where that is not known."""
        return Answers.none()

    def notes(self, outputs: Nest, batch: Nest) -> tuple[str, ...]:
        """What should be known of how outputs are read; none where they go to the user's own."""
        return ()

    def _as_terms(self, value: object, batch: Nest, field: str, *, only: bool) -> Terms:
        if isinstance(value, tuple | list) and len(value) == 2:
            return _weighted(value[0], value[1], self.name)
        if isinstance(value, Tensor) and value.shape in ((), (1,)):
            weight = value.new_tensor([1.0 if only else self._weight_of_mean(batch)])
            return Terms(value.reshape(1) * weight, weight, by_example=False)
        if isinstance(value, Tensor) and value.ndim == 1:
            return Terms(value, torch.ones_like(value), by_example=True)
        raise ValueError(
            f"{field} of objective {self.name!r} must return one loss an example, shape (n,), "
            f"their mean, shape (), or (total, weight); it returned {describe(value)}."
        )

    def _weight_of_mean(self, batch: Nest) -> float:
        if self.count is not None:
            return float(self.count(batch))
        rows = num_rows(batch)
        if rows is None:
            raise ValueError(
                f"objective {self.name!r} returns the mean over a batch, and a batch's tensors "
                f"share no first dimension ({describe(batch)}), so its weight among the others is "
                "not known. Give Objective(…, count=…), the number of items it is the mean of, or "
                "return (total, weight)."
            )
        return float(rows)


def name_of(function: object) -> str:
    """What a function, class or module is called; of a partial, what it is a partial of."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return name.rpartition("<locals>.")[2]


def _weighted(totals: object, weights: object, name: str) -> Terms:
    if not isinstance(totals, Tensor):
        raise ValueError(
            f"objective {name!r} returned (total, weight) with a total that is no tensor but "
            f"{describe(totals)}; it must keep its graph: leave .item() and float() out."
        )
    totals = totals.reshape(-1) if totals.ndim != 1 else totals
    divided = torch.as_tensor(weights, device=totals.device).detach().to(totals.dtype)
    divided = divided.reshape(-1)
    if divided.shape != totals.shape:
        raise ValueError(
            f"objective {name!r} returned totals of shape {tuple(totals.shape)} and weights of "
            f"shape {tuple(divided.shape)}; both must have one shape."
        )
    return Terms(totals, divided, by_example=len(totals) > 1)


def _modules_of(function: object) -> Iterator[nn.Module]:
    """Modules that a function is, is a method of, or is given in advance."""
    if isinstance(function, nn.Module):
        yield function
    elif isinstance(function, functools.partial):
        for part in (function.func, *function.args, *function.keywords.values()):
            yield from _modules_of(part)
    else:
        owner = getattr(function, "__self__", None)
        held = [owner] if isinstance(owner, nn.Module) else getattr(owner, "__dict__", {}).values()
        yield from (value for value in held if isinstance(value, nn.Module))
