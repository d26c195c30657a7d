"""Losses, one value an example, so that batches of any size are weighted exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_OF_PYTORCH = (nn.CrossEntropyLoss, nn.NLLLoss)  # these have classes on the second axis, always
_ONE = 1e-3  # how far the sum of probabilities that were rounded to float16 may be from 1


@dataclass(frozen=True)
class Loss:
    """A loss with its name.

    ``function(outputs, targets)`` gives shape (N,), one value an example; a function of the
    user's that gives the mean over the batch (a scalar) is accepted too.
    """

    name: str
    function: Callable[[Tensor, Tensor], Tensor]

    def per_example(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Losses, shape (N,). A scalar from ``function`` is taken as the mean over the batch."""
        values = self.function(outputs, targets)
        if values.ndim == 0:
            return values.expand(len(targets))
        if values.shape[0] != len(targets):
            raise ValueError(
                f"loss {self.name!r} must give one value an example, shape ({len(targets)},), or "
                f"their mean, shape (); got shape {tuple(values.shape)}."
            )
        return values.flatten(1).mean(1) if values.ndim > 1 else values

    def summed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Sum over the batch, a scalar."""
        return self.per_example(outputs, targets).sum()

    def accuracy_counts(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, int]:
        """(right, asked) over all positions, 0 of 0 where targets are no classes.

        Of probabilities the largest is right. The first stays on its device: reading it would wait
        for all work before it.
        """
        soft = targets.is_floating_point()
        axis = self._class_axis(outputs, targets)
        if axis is None or outputs.shape[axis] == 1:
            return targets.new_zeros(()), 0
        right = targets.argmax(axis) if soft else targets
        return (outputs.argmax(axis).flatten() == right.flatten()).sum(), right.numel()

    def is_ambiguous(self, outputs: Tensor, targets: Tensor) -> bool:
        """Whether classes could as well be on the second axis as on the last, which is taken."""
        return (
            not isinstance(self.function, _OF_PYTORCH)
            and outputs.ndim > 2
            and not targets.is_floating_point()
            and outputs.shape[:-1] == outputs.shape[:1] + outputs.shape[2:] == targets.shape
        )

    def _class_axis(self, outputs: Tensor, targets: Tensor) -> int | None:
        soft = targets.is_floating_point()
        if soft and not (
            self.function is cross_entropy or isinstance(self.function, nn.CrossEntropyLoss)
        ):
            return None  # numbers to regress on
        found = class_axis(outputs, targets)
        return found if found is None or not isinstance(self.function, _OF_PYTORCH) else 1


def class_axis(outputs: Tensor, targets: Tensor) -> int | None:
    """The axis of ``outputs`` that holds K classes for each of ``targets``; None: there is none.

    Class numbers (N, …) have it last, or in second place as PyTorch's own losses: where both fit,
    last. Class probabilities have the shape of the outputs and sum to 1 along it.
    """
    if outputs.ndim < 2:
        return None
    if targets.is_floating_point():
        if outputs.shape != targets.shape:
            return None
        second = outputs.ndim > 2 and _sums_to_one(targets, 1) and not _sums_to_one(targets, -1)
        return 1 if second else -1
    if outputs.shape[:-1] == targets.shape:
        return -1
    if outputs.shape[:1] + outputs.shape[2:] == targets.shape:
        return 1
    # Positions that network and targets fold differently, such as (N T, K) of labels (N, T).
    return -1 if outputs.shape[:-1].numel() == targets.numel() else None


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, mean over the outputs; class numbers become one-hot vectors.

    Whole numbers are numbers, not classes, where there is one output for each.
    """
    if not targets.is_floating_point() and outputs.numel() != targets.numel():
        axis = class_axis(outputs, targets)
        if axis is None:
            raise ValueError(
                f"mse needs as many outputs as targets, or, for class numbers (N, …), outputs "
                f"(N, …, K) or (N, K, …); {_shapes(outputs, targets)}."
            )
        outputs = outputs.movedim(axis, -1)
        targets = F.one_hot(targets.long(), outputs.shape[-1])
    targets = targets.to(outputs.dtype).reshape(outputs.shape)
    return (outputs - targets).square().reshape(len(outputs), -1).mean(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of logits, mean over positions; ``targets``: class numbers or probabilities."""
    logits, flat = _rows("cross-entropy", outputs, targets)
    return F.cross_entropy(logits, flat, reduction="none").view(len(targets), -1).mean(1)


def nll(outputs: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of log-probabilities, mean over positions."""
    if targets.is_floating_point():
        raise ValueError("nll needs class numbers; for probabilities use cross-entropy on logits.")
    logs, flat = _rows("nll", outputs, targets)
    return F.nll_loss(logs, flat, reduction="none").view(len(targets), -1).mean(1)


def _rows(name: str, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (M, K), and class numbers (M,) or probabilities (M, K), of all positions."""
    axis = class_axis(outputs, targets)
    if axis is None:
        raise ValueError(
            f"{name} needs outputs (N, …, K) or (N, K, …), a score for each class, of class "
            f"numbers (N, …) or of probabilities (floats) of the outputs' shape; "
            f"{_shapes(outputs, targets)}."
        )
    if outputs.shape[axis] == 1:
        raise ValueError(
            f"{name} needs an output for each class; {_shapes(outputs, targets)}. For a single "
            "output use mse, or a function of your own, such as one that calls "
            "binary_cross_entropy_with_logits."
        )
    scores = outputs.movedim(axis, -1).flatten(0, -2)
    if targets.is_floating_point():
        return scores, targets.movedim(axis, -1).flatten(0, -2)
    return scores, targets.flatten()


def _sums_to_one(targets: Tensor, axis: int) -> bool:
    return bool(((targets.sum(axis) - 1).abs() < _ONE).all())


def _shapes(outputs: Tensor, targets: Tensor) -> str:
    kind = "floats" if targets.is_floating_point() else "whole numbers"
    return f"got outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}, {kind}"


BUILTIN_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse,
    "cross-entropy": cross_entropy,
    "nll": nll,
}


def as_outputs(raw: object) -> Tensor:
    """The tensor of predictions in what a network returned.

    Understands a tensor, ``.logits``, a mapping with ``logits`` or ``out`` or a single tensor,
    and a sequence, whose first tensor is taken.

    Raises
    ------
    ValueError
        If none of these is there.
    """
    if isinstance(raw, Tensor):
        return raw
    logits = getattr(raw, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    if isinstance(raw, Mapping):
        for key in ("logits", "out", *raw):
            if isinstance(raw.get(key), Tensor):
                return torch.as_tensor(raw[key])
    if isinstance(raw, Sequence):
        for item in raw:
            if isinstance(item, Tensor):
                return item
    raise ValueError(
        f"the network returned a {type(raw).__name__}; expected a tensor, an object with .logits, "
        "a dict or a tuple that holds one. Wrap it in a factory that returns the predictions."
    )
