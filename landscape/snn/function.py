"""Spikes as a function of currents that autograd can differentiate twice, and vmap can map.

One call takes the input current of every time step and returns every spike. The membrane starts
at rest in each call: there is no state, so the spikes depend on the currents alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape.snn.kernels import NeuronDynamics
from landscape.snn.passes import Passes, PooledPasses, pooled_passes

_AnyPasses = Passes | PooledPasses


def spike_train(current: Tensor, num_time_steps: int, dynamics: NeuronDynamics) -> Tensor:
    """Spikes of a layer of neurons, as floats in [0, 1], in the memory layout of ``current``.

    Parameters
    ----------
    current
        Input current, shape (T, ...); or (1, ...) where it is the same at each time step, which
        is then read once.
    num_time_steps
        T, >= 1.

    Returns
    -------
    Tensor
        Shape (T, ...). Differentiable twice: the second derivative is the formal one of spikes
        as 2-jets (see ``landscape.snn.kernels``). A third raises ``RuntimeError``.
    """
    _check(current, num_time_steps)
    spikes: Tensor = _apply(_Spikes, current, Passes(num_time_steps, dynamics))
    return spikes


def pooled_spike_train(current: Tensor, num_time_steps: int, dynamics: NeuronDynamics) -> Tensor:
    """Spikes of a layer of neurons after a 2x2 max-pool, fused with it where that is faster.

    Parameters
    ----------
    current
        Input current, shape (T, N, C, H, W), or (1, N, C, H, W) where it is constant in time.

    Returns
    -------
    Tensor
        Shape (T, N, C, H // 2, W // 2). Of equal spikes in a window, the first, row by row,
        gets the gradient, as in ``torch.nn.MaxPool2d``.
    """
    _check(current, num_time_steps)
    if current.ndim != 5:
        raise ValueError(f"current must have shape (T, N, C, H, W); got {tuple(current.shape)}.")
    if (passes := pooled_passes(current, num_time_steps, dynamics)) is not None:
        pooled: Tensor = _apply(_Spikes, current, passes)
        return pooled
    spikes = spike_train(current, num_time_steps, dynamics)
    pooled = F.max_pool2d(spikes.flatten(0, 1), 2)
    return pooled.view(num_time_steps, -1, *pooled.shape[1:])


def _check(current: Tensor, num_time_steps: int) -> None:
    if num_time_steps < 1:
        raise ValueError(f"num_time_steps must be at least 1; got {num_time_steps}.")
    if current.ndim < 1 or current.shape[0] not in (1, num_time_steps):
        raise ValueError(
            f"current must have shape (T, ...) with T = num_time_steps = {num_time_steps}, or "
            f"(1, ...) if constant in time; got {tuple(current.shape)}."
        )
    if not current.is_floating_point():
        raise ValueError(f"current must be floating point; got {current.dtype}: cast it first.")


class _Spikes(torch.autograd.Function):
    """current -> spikes."""

    @staticmethod
    def forward(current: Tensor, passes: _AnyPasses) -> Tensor:
        return passes.forward(current)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        current, ctx.passes = inputs
        ctx.save_for_backward(current)

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor | None, ...]:
        (current,) = ctx.saved_tensors
        return _apply(_SpikesBackward, grad_spikes, current, ctx.passes), None

    @staticmethod
    def vmap(info: Any, in_dims: Any, current: Tensor, passes: _AnyPasses) -> tuple[Tensor, int]:
        return _batched(_Spikes, info.batch_size, in_dims, current, passes), 1


class _SpikesBackward(torch.autograd.Function):
    """(gradient of spikes, current) -> gradient of current."""

    @staticmethod
    def forward(grad_spikes: Tensor, current: Tensor, passes: _AnyPasses) -> Tensor:
        return passes.backward(current, grad_spikes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        grad_spikes, current, ctx.passes = inputs
        ctx.save_for_backward(grad_spikes, current)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        grads = _apply(_SpikesDoubleBackward, cotangent, *ctx.saved_tensors, ctx.passes)
        return *grads, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensor, int]:
        return _batched(_SpikesBackward, info.batch_size, in_dims, *args), 1


class _SpikesDoubleBackward(torch.autograd.Function):
    """The backward of ``_SpikesBackward``; not differentiable further."""

    @staticmethod
    def forward(
        cotangent: Tensor, grad_spikes: Tensor, current: Tensor, passes: _AnyPasses
    ) -> tuple[Tensor, Tensor]:
        return passes.double_backward(current, grad_spikes, cotangent)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(
            "spike_train is differentiable twice, not three times: no third derivative of a "
            "spike is defined. Detach the second derivative first."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, int]]:
        return _batched(_SpikesDoubleBackward, info.batch_size, in_dims, *args), (1, 1)


def _apply(function: Any, *args: Any) -> Any:
    # torch leaves ``apply`` untyped.
    return function.apply(*args)


def _batched(function: Any, batch_size: int, in_dims: Any, *args: Any) -> Any:
    """Apply ``function`` with the vmapped dimension behind time: neurons are elementwise."""
    *tensors, passes = args
    pooled = isinstance(passes, PooledPasses)
    moved = [
        x.unsqueeze(1).expand(-1, batch_size, *x.shape[1:]) if dim is None else x.movedim(dim, 1)
        for x, dim in zip(tensors, in_dims[:-1], strict=True)
    ]
    if not pooled:
        return _apply(function, *moved, passes)
    results = _apply(function, *(x.flatten(1, 2) for x in moved), passes)
    if isinstance(results, Tensor):
        return results.view(len(results), batch_size, -1, *results.shape[2:])
    return tuple(x.view(len(x), batch_size, -1, *x.shape[2:]) for x in results)
