"""Named losses, one value an example, so that batches of any size are weighted exactly.

Class numbers of -100, PyTorch's default ``ignore_index``, mark positions with nothing to predict:
they add nothing to the loss, and :func:`share_asked` says how much of each example is left.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100  # a class number with nothing to predict, as PyTorch has it
_ONE = 1e-3  # how far the sum of probabilities that were rounded to float16 may be from 1


class MisshapenError(ValueError):
    """Outputs that do not fit their targets.

    Attributes
    ----------
    mismatch
        What was needed and what there was, without the guess where time may be.
    """

    def __init__(self, needs: str, outputs: Tensor, targets: Tensor) -> None:
        self.mismatch = f"{needs}; {_got(outputs, targets)}."
        super().__init__(self.mismatch + _where_time_may_be(outputs, targets))


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
    folded = outputs.ndim == 2 or targets.ndim == 1 or outputs.shape[0] == targets.shape[0]
    return -1 if folded and outputs.shape[:-1].numel() == targets.numel() else None


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, mean over the outputs; class numbers become one-hot vectors.

    Whole numbers are numbers, not classes, where there is one output for each.
    """
    if not targets.is_floating_point() and outputs.numel() != targets.numel():
        axis = class_axis(outputs, targets)
        if axis is None:
            needs = (
                "mse needs as many outputs as targets, or, for class numbers (N, …), outputs "
                "(N, …, K) or (N, K, …)"
            )
            raise MisshapenError(needs, outputs, targets)
        outputs = outputs.movedim(axis, -1)
        targets = F.one_hot(targets.long(), outputs.shape[-1])
    if outputs.numel() != targets.numel() or len(outputs) != len(targets):
        raise MisshapenError("mse needs a number for each output", outputs, targets)
    targets = targets.to(outputs.dtype).reshape(outputs.shape)
    return (outputs - targets).square().reshape(len(outputs), -1).mean(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of logits, mean over positions; ``targets``: class numbers or probabilities."""
    logits, flat = _rows("cross-entropy", outputs, targets)
    return F.cross_entropy(logits, flat, reduction="none").view(len(targets), -1).mean(1)


def share_asked(targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Which part of each example's positions is to be predicted, shape (N,)."""
    if targets.is_floating_point():
        return torch.ones(len(targets), dtype=dtype, device=targets.device)
    return (targets != IGNORED).view(len(targets), -1).to(dtype).mean(1)


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
        needs = (
            f"{name} needs outputs (N, …, K) or (N, K, …), a score for each class, of class "
            "numbers (N, …) or of probabilities (floats) of the outputs' shape; several labels an "
            "example are for --loss torch.nn:BCEWithLogitsLoss, as floats"
        )
        raise MisshapenError(needs, outputs, targets)
    if outputs.shape[axis] == 1:
        raise ValueError(
            f"{name} needs an output for each class; {_got(outputs, targets)}. For a single "
            "output use mse, or a function of your own, such as one that calls "
            "binary_cross_entropy_with_logits."
        )
    scores = outputs.movedim(axis, -1).flatten(0, -2)
    if targets.is_floating_point():
        return scores, targets.movedim(axis, -1).flatten(0, -2)
    return scores, targets.flatten()


def _sums_to_one(targets: Tensor, axis: int) -> bool:
    return bool(((targets.sum(axis) - 1).abs() < _ONE).all())


def _got(outputs: Tensor, targets: Tensor) -> str:
    kind = "floats" if targets.is_floating_point() else "whole numbers"
    return f"got outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}, {kind}"


def _where_time_may_be(outputs: Tensor, targets: Tensor) -> str:
    if outputs.ndim < 2 or targets.ndim < 1:
        return ""
    of_one = targets.ndim + (not targets.is_floating_point())  # axes of a prediction an example
    is_first = len(outputs) == len(targets) and outputs.ndim == of_one + 1
    if outputs.shape[1] == len(targets):
        return f" {TIME_FIRST}{_OR_SECOND if is_first else ''}."
    return f" {_TIME_SECOND}." if is_first else ""


_READ = (
    "--readout rate (or mem_mean, mem_max, last, FILE.py:function); layout= and readout= in Python"
)
_SAY = "Say so, and how outputs over time are read:"
TIME_FIRST = f"Is time on the first axis? {_SAY} --layout T-first {_READ}"
_TIME_SECOND = f"Is time on the second axis? {_SAY} --layout N-first {_READ}"
_OR_SECOND = "; is it on the second, --layout N-first"


BUILTIN_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse,
    "cross-entropy": cross_entropy,
    "nll": nll,
}
