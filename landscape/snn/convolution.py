"""A 2-D convolution whose double backward is again three plain convolutions.

The convolution is bilinear in image and weight, so its second derivative needs only the forward
and the two backward convolutions once more. PyTorch forms one of them with batch and channels
exchanged, which on a CPU costs two copies of the activations and an awkward shape.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Return ``F.conv2d(x, weight, bias, padding=padding)``, differentiable twice.

    ``x`` has shape (N, C_in, H, W), ``weight`` (C_out, C_in, k, k), ``bias`` (C_out,).
    """
    out: Tensor = _apply(_Convolution, x, weight, bias, padding)
    return out


def _apply(function: Any, *args: Any) -> Any:
    return function.apply(*args)


def _conv(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    return F.conv2d(x, weight, padding=padding)


def _transposed(
    grad: Tensor, x: Tensor, weight: Tensor, padding: int, mask: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients with respect to ``x`` and ``weight``, those that ``mask`` asks for."""
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], [padding] * 2, [1, 1], False, [0, 0], 1, [*mask, False]
    )
    return grad_x, grad_weight


class _Convolution(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        return F.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _, ctx.padding = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        grad_x = _apply(_GradInput, grad, weight, x, ctx.padding) if wanted[0] else None
        grad_weight = _apply(_GradWeight, grad, x, weight, ctx.padding) if wanted[1] else None
        grad_bias = grad.sum((0, 2, 3)) if wanted[2] else None
        return grad_x, grad_weight, grad_bias, None


class _GradInput(torch.autograd.Function):
    """(grad, weight) -> gradient with respect to x, which lends only its shape."""

    generate_vmap_rule = True

    @staticmethod
    def forward(grad: Tensor, weight: Tensor, x: Tensor, padding: int) -> Tensor | None:
        return _transposed(grad, x, weight, padding, (True, False))[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        grad, weight, _, ctx.padding = inputs
        ctx.save_for_backward(grad, weight)

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, ...]:
        grad, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        to_grad = _conv(c, weight, ctx.padding) if wanted[0] else None
        mask = (False, True)
        to_weight = _transposed(grad, c, weight, ctx.padding, mask)[1] if wanted[1] else None
        return to_grad, to_weight, None, None


class _GradWeight(torch.autograd.Function):
    """(grad, x) -> gradient with respect to weight, which lends only its shape."""

    generate_vmap_rule = True

    @staticmethod
    def forward(grad: Tensor, x: Tensor, weight: Tensor, padding: int) -> Tensor | None:
        return _transposed(grad, x, weight, padding, (False, True))[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        grad, x, _, ctx.padding = inputs
        ctx.save_for_backward(grad, x)

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, ...]:
        grad, x = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        c = c.contiguous(memory_format=torch.channels_last)
        to_grad = _conv(x, c, ctx.padding) if wanted[0] else None
        mask = (True, False)
        to_x = _transposed(grad, x, c, ctx.padding, mask)[0] if wanted[1] else None
        return to_grad, to_x, None, None
