"""Losses, one value an example, so that batches of any size are weighted exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, mean over the outputs; class numbers become one-hot vectors."""
    if not targets.is_floating_point():
        targets = F.one_hot(targets.long(), outputs.shape[-1]).to(outputs.dtype)
    return (outputs - targets.view_as(outputs)).square().flatten(1).mean(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of logits (N, …, K) against class numbers (N, …), mean over positions."""
    logits, flat = outputs.flatten(0, -2), targets.flatten()
    return F.cross_entropy(logits, flat, reduction="none").view(len(targets), -1).mean(1)


def nll(outputs: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of log-probabilities (N, …, K), mean over positions."""
    flat = F.nll_loss(outputs.flatten(0, -2), targets.flatten(), reduction="none")
    return flat.view(len(targets), -1).mean(1)


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


def accuracy_counts(outputs: Tensor, targets: Tensor) -> tuple[Tensor, int]:
    """(right, asked) over all positions, 0 of 0 where targets are no class numbers.

    The first stays on its device: reading it would wait for all work before it.
    """
    if targets.is_floating_point() or outputs.ndim != targets.ndim + 1:
        return targets.new_zeros(()), 0
    return (outputs.argmax(-1) == targets).sum(), targets.numel()
