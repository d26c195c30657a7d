"""The passes of a layer of neurons, on tensors in whatever memory layout they come.

Three ways to run them, the same up to rounding: compiled C on a CPU, ``torch.compile`` on an
accelerator, and the tensor functions of ``landscape.snn.kernels`` as they are written.
"""

import functools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.snn.kernels import (
    NeuronDynamics,
    backward_pass,
    double_backward_pass,
    forward_pass,
)
from landscape.snn.native import Native, native_for


@dataclass(frozen=True)
class Passes:
    """Forward, backward and double backward of neurons, currents (T, ...) or (1, ...)."""

    num_time_steps: int
    dyn: NeuronDynamics

    def forward(self, current: Tensor) -> Tensor:
        flat, order = _flatten(current)
        T, (_, M) = self.num_time_steps, flat.shape
        if (native := native_for(flat, T, self.dyn)) is None:
            spikes = _run(forward_pass, T, self.dyn, flat)
        else:
            spikes = flat.new_empty(T, M)
            native.run("plain_forward", M, (M, _constant(flat, T)), flat, spikes)
        return _unflatten(spikes, current, order)

    def backward(self, current: Tensor, grad_spikes: Tensor) -> Tensor:
        flat, order = _flatten(current)
        T, (_, M) = self.num_time_steps, flat.shape
        gs = _flatten_like(grad_spikes, order)
        if (native := native_for(flat, T, self.dyn)) is None:
            grad = _run(backward_pass, T, self.dyn, flat, gs)
        else:
            grad = torch.empty_like(flat)
            native.run("plain_backward", M, (M, _constant(flat, T)), flat, gs, grad)
        return _unflatten(grad, current, order)

    def double_backward(
        self, current: Tensor, grad_spikes: Tensor, cotangent: Tensor
    ) -> tuple[Tensor, Tensor]:
        flat, order = _flatten(current)
        T, (_, M) = self.num_time_steps, flat.shape
        gs, c = _flatten_like(grad_spikes, order), _flatten_like(cotangent, order)
        if (native := native_for(flat, T, self.dyn)) is None:
            to_gs, to_current = _run(double_backward_pass, T, self.dyn, flat, gs, c)
        else:
            to_gs, to_current = torch.empty_like(gs), torch.empty_like(flat)
            sizes = (M, _constant(flat, T))
            native.run("plain_double", M, sizes, flat, gs, c, to_gs, to_current)
        return _unflatten(to_gs, current, order), _unflatten(to_current, current, order)


@dataclass(frozen=True)
class PooledPasses:
    """The same followed by a 2x2 max-pool: currents (T, N, C, H, W), spikes (T, N, C, H/2, W/2).

    Neither the spikes before the pool nor their gradients are ever in memory. Compiled only.
    """

    num_time_steps: int
    native: Native

    def forward(self, current: Tensor) -> Tensor:
        x, sizes = self._prepare(current)
        _, N, H, W, C = x.shape
        out = x.new_empty(self.num_time_steps, N, H // 2, W // 2, C)
        self.native.run("pooled_forward", sizes[0], sizes, x, out)
        return _channels_first(out)

    def backward(self, current: Tensor, grad_pooled: Tensor) -> Tensor:
        x, sizes = self._prepare(current)
        grad = torch.empty_like(x)
        self.native.run("pooled_backward", sizes[0], sizes, x, _channels_last(grad_pooled), grad)
        return _channels_first(grad)

    def double_backward(
        self, current: Tensor, grad_pooled: Tensor, cotangent: Tensor
    ) -> tuple[Tensor, Tensor]:
        x, sizes = self._prepare(current)
        gp, c = _channels_last(grad_pooled), _channels_last(cotangent)
        to_gp, to_current = torch.empty_like(gp), torch.empty_like(x)
        self.native.run("pooled_double", sizes[0], sizes, x, gp, c, to_gp, to_current)
        return _channels_first(to_gp), _channels_first(to_current)

    def _prepare(self, current: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        x = _channels_last(current)
        _, N, H, W, C = x.shape
        return x, (N * H // 2, W // 2, C, _constant(x, self.num_time_steps))


def pooled_passes(current: Tensor, num_time_steps: int, dyn: NeuronDynamics) -> PooledPasses | None:
    """Return the fused passes with pooling, or None where they do not serve."""
    if current.shape[-1] % 2 or current.shape[-2] % 2:
        return None
    native = native_for(current, num_time_steps, dyn)
    if native is None or 2 * current.shape[2] > native.block:
        return None
    return PooledPasses(num_time_steps, native)


def _run(
    function: Callable[..., Any], num_time_steps: int, dyn: NeuronDynamics, *args: Tensor
) -> Any:
    eager = os.environ.get("LANDSCAPE_KERNELS") == "eager"
    if args[0].device.type == "cuda" and not eager:
        return _fused(function, num_time_steps, dyn)(*args)
    return function(*args, num_time_steps, dyn)


@functools.cache
def _fused(
    function: Callable[..., Any], num_time_steps: int, dyn: NeuronDynamics
) -> Callable[..., Any]:
    """One kernel in place of ``function``; where none can be made, a warning and ``function``."""

    def as_written(*args: Tensor) -> Any:
        return function(*args, num_time_steps, dyn)

    # PyTorch compiles a code object at most eight times, for all functions made of it together,
    # and then leaves it as it is written: so each of these gets its own.
    as_written.__code__ = as_written.__code__.replace()
    # No contraction into fused multiply-adds: a membrane at its threshold is to fire in all passes.
    chosen: Callable[..., Any] = torch.compile(
        as_written, dynamic=True, options={"emulate_precision_casts": True}
    )

    def run(*args: Tensor) -> Any:
        nonlocal chosen
        try:
            return chosen(*args)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = " ".join(str(error).splitlines()[:2]).strip()
            warnings.warn(
                f"spiking neurons run slower, operation by operation ({reason}). "
                "LANDSCAPE_KERNELS=eager silences this.",
                RuntimeWarning,
                stacklevel=4,
            )
            chosen = as_written
            return chosen(*args)

    return run


def _constant(x: Tensor, num_time_steps: int) -> int:
    return int(x.shape[0] == 1 and num_time_steps > 1)


def _flatten(x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Shape (T, M) in memory order, and that order of the dimensions: no copy if x is dense.

    Keeps channels_last data where it is: the passes are elementwise beyond time.
    """
    strides = x.stride()
    order = (0, *sorted(range(1, x.ndim), key=lambda dim: (-strides[dim], dim)))
    return _flatten_like(x, order), order


def _flatten_like(x: Tensor, order: tuple[int, ...]) -> Tensor:
    return x.permute(order).reshape(x.shape[0], -1).contiguous()


def _unflatten(flat: Tensor, like: Tensor, order: tuple[int, ...]) -> Tensor:
    sizes = [flat.shape[0], *(like.shape[dim] for dim in order[1:])]
    inverse = [order.index(dim) for dim in range(len(order))]
    return flat.reshape(sizes).permute(inverse)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 1, 3, 4, 2).contiguous()


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 1, 4, 2, 3)
