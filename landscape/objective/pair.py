"""Objectives of pairs: a loss of (outputs, targets), and batches that hold both."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from landscape.nests import Nest, describe, num_rows
from landscape.objective.losses import (
    BUILTIN_LOSSES,
    IGNORED,
    MisshapenError,
    class_axis,
    cross_entropy,
    nll,
    share_asked,
)
from landscape.objective.objective import Answers, Objective, Terms, Value, name_of

# These have classes on the second axis, always, and may weigh them, or leave some out.
_OF_PYTORCH = (nn.CrossEntropyLoss, nn.NLLLoss)

PairFunction = Callable[[Any, Any], Value]
Forward = Callable[[nn.Module, Nest], Nest]  # how a network is run on inputs


class Prediction(NamedTuple):
    """The tensor that a network's outputs come down to, and where it lay among them."""

    tensor: Tensor
    place: str  # "" where the outputs are that tensor


class Loss(Objective):
    """The objective ``function(outputs, targets)`` on batches (inputs, targets).

    A named loss, or one of PyTorch's, gets the tensor of predictions among the outputs; a function
    of the user's gets what the network returned. It gives (N,) losses, one an example, their mean,
    or (total, weight).

    Parameters
    ----------
    forward
        Runs the network on inputs: a call, or one in time (:mod:`landscape.objective.in_time`).
    """

    name: str
    function: PairFunction
    forward: Forward

    def __init__(self, name: str, function: PairFunction, forward: Forward | None = None) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "forward", forward or call)
        super().__init__(
            fn=self._of_batch, outputs=self._predict, loss_of_outputs=self._of_outputs, name=name
        )

    def run_by(self, forward: Forward) -> Self:
        """The same loss of a network that is run otherwise."""
        return type(self)(self.name, self.function, forward)

    @property
    def in_time(self) -> str:
        return "" if self.forward is call else str(self.forward)

    @property
    def is_looped(self) -> bool:
        return getattr(self.forward, "is_looped", False)

    @property
    def takes_prediction(self) -> bool:
        """Whether ``function`` can do with nothing but a tensor: outputs are searched for it."""
        module = getattr(self.function, "__module__", type(self.function).__module__)
        return module.partition(".")[0] == "torch" or self.function in BUILTIN_LOSSES.values()

    def curvature_terms(self, outputs: Nest, batch: Nest, *, only: bool = False) -> Terms:
        if self.function is nll:
            # It is linear in log-probabilities, and its Gauss-Newton matrix would be zero. Cross
            # entropy has its values on them, and the matrix of the logits behind them.
            return Loss(self.name, cross_entropy).terms_of_outputs(outputs, batch, only=only)
        return self.terms_of_outputs(outputs, batch, only=only)

    def answers(self, outputs: Nest, batch: Nest) -> Answers:
        found, targets = prediction(outputs), batch[1]
        if found is None or not isinstance(targets, Tensor):
            return Answers.none()
        return self.accuracy_counts(found.tensor, targets)

    def accuracy_counts(self, outputs: Tensor, targets: Tensor) -> Answers:
        """Right and asked over the positions of each example; none where targets are no classes.

        Of probabilities the largest is right.
        """
        axis = self._class_axis(outputs, targets)
        if axis is None or outputs.shape[axis] == 1:
            return Answers.none()
        answers = outputs.argmax(axis).flatten()
        if targets.is_floating_point():
            hits = answers == targets.argmax(axis).flatten()
            asked = torch.ones_like(hits)
        else:
            asked = (targets != getattr(self.function, "ignore_index", IGNORED)).flatten()
            hits = (answers == targets.flatten()) & asked
        return Answers(*(x.view(len(targets), -1).sum(1) for x in (hits, asked)))

    def notes(self, outputs: Nest, batch: Nest) -> tuple[str, ...]:
        found, targets = prediction(outputs), batch[1]
        if found is None or not isinstance(targets, Tensor):
            return ()
        notes = []
        if found.place and self.takes_prediction:
            notes.append(
                f"the network returned {describe(outputs)}: the loss {self.name} takes "
                f"{found.place}, the rest has no part in it; for another loss give a function of "
                "the outputs"
            )
        if self.is_ambiguous(found.tensor, targets):
            notes.append(
                f"in outputs of shape {tuple(found.tensor.shape)} classes could be on the second "
                "axis or on the last: the last is taken"
            )
        return tuple(notes)

    def is_ambiguous(self, outputs: Tensor, targets: Tensor) -> bool:
        """Whether classes could as well be on the second axis as on the last, which is taken."""
        return (
            not isinstance(self.function, _OF_PYTORCH)
            and outputs.ndim > 2
            and not targets.is_floating_point()
            and outputs.shape[:-1] == outputs.shape[:1] + outputs.shape[2:] == targets.shape
        )

    def _of_batch(self, model: nn.Module, batch: Nest) -> Value:
        return self._of_outputs(self._predict(model, batch), batch)

    def _of_outputs(self, outputs: Nest, batch: Nest) -> Value:
        if self.takes_prediction:
            found = prediction(outputs)
            if found is None:
                raise ValueError(
                    f"the network returned {describe(outputs)}; the loss {self.name} needs a "
                    "tensor, an object with .logits, or a dict or tuple that holds one. Give a "
                    "function of (outputs, targets) as the loss, which gets them as they are."
                )
            outputs = found.tensor
        try:
            return self.function(outputs, batch[1])
        except MisshapenError as error:
            if getattr(self.forward, "readout", None) is None:
                raise
            raise ValueError(
                f"{error.mismatch} The network was led through time with {self.in_time}: look at "
                "what it makes of its inputs, or at the readout."
            ) from None

    def _predict(self, model: nn.Module, batch: Nest) -> Nest:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(
                f"the loss {self.name} is one of outputs and targets, and needs batches (inputs, "
                f"targets); got {describe(batch)}. Give an objective instead, a function of "
                "(model, batch): --objective, or objective= in Python."
            )
        return self.forward(model, batch[0])

    def _as_terms(self, value: object, batch: Nest, field: str, *, only: bool) -> Terms:
        return self._terms(value, batch, only=only)

    def _terms(self, value: object, batch: Nest, *, only: bool) -> Terms:
        targets = batch[1]
        n = num_rows(targets)
        # Of a batch of one, shape (1,) is that example's own, with its weight.
        if isinstance(value, Tensor) and value.ndim > 0 and (value.shape != (1,) or n == 1):
            if n is not None and value.shape[0] != n:
                raise ValueError(
                    f"loss {self.name!r} must give one value an example, shape ({n},), or their "
                    f"mean, shape (); got shape {tuple(value.shape)}."
                )
            totals = value.flatten(1).mean(1) if value.ndim > 1 else value
            weights = torch.ones_like(totals)
            if self.function in (cross_entropy, nll):
                weights = share_asked(targets, totals.dtype)
            return Terms(totals, weights, by_example=True)
        return super()._as_terms(value, batch, "the loss", only=only)

    def _class_axis(self, outputs: Tensor, targets: Tensor) -> int | None:
        soft = targets.is_floating_point()
        if soft and not (
            self.function is cross_entropy or isinstance(self.function, nn.CrossEntropyLoss)
        ):
            return None  # numbers to regress on
        found = class_axis(outputs, targets)
        return found if found is None or not isinstance(self.function, _OF_PYTORCH) else 1


def prediction(outputs: Nest) -> Prediction | None:
    """The tensor of predictions: the outputs themselves, ``.logits``, or the first one they hold.

    In a mapping ``logits`` and ``out`` come before others. None: there is no tensor.
    """
    if isinstance(outputs, Tensor):
        return Prediction(outputs, "")
    logits = getattr(outputs, "logits", None)
    if isinstance(logits, Tensor):
        return Prediction(logits, ".logits")
    if isinstance(outputs, Mapping):
        for key in ("logits", "out", *outputs):
            if isinstance(outputs.get(key), Tensor):
                return Prediction(outputs[key], f"its entry {key!r}")
    if isinstance(outputs, Sequence) and not isinstance(outputs, str):
        for index, item in enumerate(outputs):
            if isinstance(item, Tensor):
                return Prediction(item, f"its tensor number {index + 1}")
    return None


def call(model: nn.Module, inputs: Nest) -> Nest:
    """The network's outputs: a dict gives its arguments by name, a tuple in order if they fit."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, tuple | list) and not hasattr(inputs, "_fields"):
        try:
            inspect.signature(model.forward).bind(*inputs)
        except (TypeError, ValueError):  # it takes them as one, or has no signature
            return model(inputs)
        return model(*inputs)
    return model(inputs)


def loss_of(loss: str | PairFunction, name: str | None = None) -> Loss:
    """The objective of a named loss, a loss module, or a function of (outputs, targets).

    A PyTorch loss module that averages over the batch is asked for one value an example instead,
    with the weight that it gives each: exact in batches of any size, with errors over examples.

    Raises
    ------
    ValueError
        If it is none of these, or a loss module that sums over the batch.
    """
    if isinstance(loss, str):
        if loss not in BUILTIN_LOSSES:
            raise ValueError(f"loss must be one of {', '.join(BUILTIN_LOSSES)}; got {loss!r}.")
        return Loss(loss, BUILTIN_LOSSES[loss])
    if not callable(loss):
        raise ValueError(
            f"loss must be a name, such as 'cross-entropy', or a function of (outputs, targets); "
            f"got {describe(loss)}."
        )
    if isinstance(loss, type):
        raise ValueError(
            f"loss must be a function, not the class {loss.__name__}: make one of it, "
            f"{loss.__name__}(…)."
        )
    shown = name or name_of(loss)
    reduction = getattr(loss, "reduction", None)
    if reduction == "sum":
        raise ValueError(
            f"loss {shown} sums over the batch, so its size would set the curvature; make it with "
            "reduction='mean' or 'none'."
        )
    if reduction == "mean" and isinstance(loss, nn.Module):
        loss = copy.copy(loss)
        loss.reduction = "none"  # type: ignore[assignment]
        if isinstance(loss, _OF_PYTORCH):
            return _Weighted(shown, loss)
    return Loss(shown, loss)


class _Weighted(Loss):
    """PyTorch's losses of classes, whose mean divides by the classes' weights in the batch."""

    def _terms(self, value: object, batch: Nest, *, only: bool) -> Terms:
        targets, module = batch[1], self.function
        assert isinstance(value, Tensor)
        assert isinstance(module, nn.CrossEntropyLoss | nn.NLLLoss)
        totals = value.reshape(len(value), -1).mean(1)
        if targets.is_floating_point():  # probabilities: the mean is over the positions alone
            return Terms(totals, torch.ones_like(totals), by_example=True)
        asked = targets != module.ignore_index
        weights = asked.to(totals.dtype)
        if module.weight is not None:
            weights = module.weight[targets.where(asked, 0)].to(totals.dtype) * weights
        return Terms(totals, weights.reshape(len(targets), -1).mean(1), by_example=True)
