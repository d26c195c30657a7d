"""Cross entropy over many classes, such as a vocabulary, twice differentiable in little memory.

PyTorch's keeps log-probabilities, and its double backward makes several more tensors of the logits'
shape. With p = softmax(z), y the target's one-hot row and c the cotangent of the gradient, all that
is asked for is

    ℓ = logsumexp(z) - z_y          dℓ/dz = g (p - y)
    double backward: cotangent of g = Σ c (p - y), of z = g p (c - Σ c p)

which takes the logits, a number a row, and blocks of rows that stay in the caches.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

WIDE = 2**12  # classes
_BLOCK = 2**20  # elements that are worked on at a time


def is_wide(input: object, target: object, *args: Any, **settings: Any) -> bool:
    """Whether ``F.cross_entropy`` is called with what :func:`wide_cross_entropy` is for."""
    taken = {"ignore_index", "reduction"}
    others = {k: v for k, v in settings.items() if k not in taken and v is not None}
    return (
        not args
        and isinstance(input, Tensor)
        and isinstance(target, Tensor)
        and others.keys() <= {"label_smoothing"}
        and not settings.get("label_smoothing")
        and input.ndim == 2
        and input.shape[1] >= WIDE
        and input.dtype in (torch.float32, torch.float64)
        and target.dtype == torch.int64
        and target.shape == input.shape[:1]
    )


def wide_cross_entropy(input: Tensor, target: Tensor, *args: Any, **settings: Any) -> Tensor:
    """``F.cross_entropy`` of logits (M, K) and class numbers (M,), to rounding; else that itself.

    It is differentiable twice.
    """
    if not is_wide(input, target, *args, **settings):
        return F.cross_entropy(input, target, *args, **settings)
    asked = target != settings.get("ignore_index", -100)
    found: Tensor = _apply(_Losses, input, target.where(asked, 0)).where(asked, 0)
    reduction = settings.get("reduction", "mean")
    if reduction == "none":
        return found
    return found.sum() / asked.sum() if reduction == "mean" else found.sum()


def _blocks(like: Tensor) -> Iterator[slice]:
    rows, classes = like.shape
    step = max(1, _BLOCK // classes)
    return (slice(k, k + step) for k in range(0, rows, step))


def _softmax(logits: Tensor, sums: Tensor, out: Tensor) -> Tensor:
    """Of rows, into ``out``; ``sums``: their maximum and the log of the sum beyond it."""
    return torch.sub(logits, sums[:, :1], out=out).sub_(sums[:, 1:]).exp_()


class _Losses(torch.autograd.Function):
    """(logits, classes) -> losses (M,)."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, classes: Tensor) -> Tensor:
        sums = logits.new_empty(len(logits), 2)
        for rows in _blocks(logits):
            sums[rows, 0] = logits[rows].amax(1)
            sums[rows, 1] = (logits[rows] - sums[rows, :1]).exp_().sum(1).log_()
        ctx.save_for_backward(logits, classes, sums)
        return sums[:, 1] - (logits.gather(1, classes[:, None])[:, 0] - sums[:, 0])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return _apply(_Gradient, g, *ctx.saved_tensors), None


class _Gradient(torch.autograd.Function):
    """(g, logits, classes, sums) -> the gradient by the logits."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, logits: Tensor, classes: Tensor, sums: Tensor) -> Tensor:
        ctx.save_for_backward(g, logits, classes, sums)
        gradient = torch.empty_like(logits)
        for rows in _blocks(logits):
            part = _softmax(logits[rows], sums[rows], gradient[rows])
            part.scatter_add_(1, classes[rows, None], part.new_full((len(part), 1), -1.0))
            part.mul_(g[rows, None])
        return gradient

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, ...]:
        return *_apply(_Second, c, *ctx.saved_tensors), None, None


class _Second(torch.autograd.Function):
    """The double backward: cotangents of g and of the logits; not differentiable further."""

    @staticmethod
    def forward(
        ctx: Any, c: Tensor, g: Tensor, logits: Tensor, classes: Tensor, sums: Tensor
    ) -> tuple[Tensor, Tensor]:
        means, found = torch.empty_like(g), torch.empty_like(logits)
        for rows in _blocks(logits):
            part = _softmax(logits[rows], sums[rows], found[rows])
            means[rows] = torch.linalg.vecdot(c[rows], part)
            part.mul_(c[rows] - means[rows, None]).mul_(g[rows, None])
        return means - c.gather(1, classes[:, None])[:, 0], found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(
            "cross entropy over many classes is differentiable twice here, not three times."
        )


def _apply(function: Any, *args: Any) -> Any:
    # torch leaves ``apply`` untyped.
    return function.apply(*args)
