"""Integrate-and-fire neurons over all time steps at once, twice differentiable.

One call takes the input current of every time step and returns every spike. The membrane starts
at rest in each call: neurons keep no state, so a network's output depends on its parameters and
its input alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from landscape.snn.kernels import (
    NeuronDynamics,
    backward_pass,
    double_backward_pass,
    forward_pass,
)
from landscape.snn.surrogate import ATan, Surrogate


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
    if num_time_steps < 1:
        raise ValueError(f"num_time_steps must be at least 1; got {num_time_steps}.")
    if current.ndim < 1 or current.shape[0] not in (1, num_time_steps):
        raise ValueError(
            f"current must have shape (T, ...) with T = num_time_steps = {num_time_steps}, or "
            f"(1, ...) if constant in time; got {tuple(current.shape)}."
        )
    if not current.is_floating_point():
        raise ValueError(f"current must be floating point; got {current.dtype}: cast it first.")
    spikes: Tensor = _apply(_Spikes, current, num_time_steps, dynamics)
    return spikes


class _Spikes(torch.autograd.Function):
    """current -> spikes."""

    @staticmethod
    def forward(current: Tensor, num_time_steps: int, dyn: NeuronDynamics) -> Tensor:
        flat, order = _flatten(current)
        return _unflatten(forward_pass(flat, num_time_steps, dyn), current, order)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        current, ctx.num_time_steps, ctx.dyn = inputs
        ctx.save_for_backward(current)

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor | None, ...]:
        (current,) = ctx.saved_tensors
        grad = _apply(_SpikesBackward, grad_spikes, current, ctx.num_time_steps, ctx.dyn)
        return grad, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, current: Tensor, *settings: Any) -> tuple[Tensor, int]:
        return _apply(_Spikes, current.movedim(in_dims[0], 1), *settings), 1


class _SpikesBackward(torch.autograd.Function):
    """(gradient of spikes, current) -> gradient of current."""

    @staticmethod
    def forward(
        grad_spikes: Tensor, current: Tensor, num_time_steps: int, dyn: NeuronDynamics
    ) -> Tensor:
        flat, order = _flatten(current)
        flat_grad = _flatten_like(grad_spikes, order)
        return _unflatten(backward_pass(flat, flat_grad, num_time_steps, dyn), current, order)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        grad_spikes, current, ctx.num_time_steps, ctx.dyn = inputs
        ctx.save_for_backward(grad_spikes, current)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        grad_spikes, current = ctx.saved_tensors
        grads = _apply(
            _SpikesDoubleBackward, cotangent, grad_spikes, current, ctx.num_time_steps, ctx.dyn
        )
        return *grads, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensor, int]:
        tensors = _batched_at_1(info.batch_size, in_dims[:2], args[:2])
        return _apply(_SpikesBackward, *tensors, *args[2:]), 1


class _SpikesDoubleBackward(torch.autograd.Function):
    """The backward of ``_SpikesBackward``; not differentiable further."""

    @staticmethod
    def forward(
        cotangent: Tensor,
        grad_spikes: Tensor,
        current: Tensor,
        num_time_steps: int,
        dyn: NeuronDynamics,
    ) -> tuple[Tensor, Tensor]:
        flat, order = _flatten(current)
        to_grad_spikes, to_current = double_backward_pass(
            flat,
            _flatten_like(grad_spikes, order),
            _flatten_like(cotangent, order),
            num_time_steps,
            dyn,
        )
        return _unflatten(to_grad_spikes, current, order), _unflatten(to_current, current, order)

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
        tensors = _batched_at_1(info.batch_size, in_dims[:3], args[:3])
        return _apply(_SpikesDoubleBackward, *tensors, *args[3:]), (1, 1)


def _apply(function: Any, *args: Any) -> Any:
    # torch leaves ``apply`` untyped.
    return function.apply(*args)


def _batched_at_1(
    batch_size: int, in_dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]
) -> list[Tensor]:
    """Put the vmapped dimension of each tensor behind time: neurons are elementwise."""
    return [
        x.unsqueeze(1).expand(-1, batch_size, *x.shape[1:]) if dim is None else x.movedim(dim, 1)
        for x, dim in zip(tensors, in_dims, strict=True)
    ]


def _flatten(x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Shape (T, M) in memory order, and that order of the dimensions: no copy if x is dense.

    Keeps channels_last data where it is: the passes are elementwise beyond time.
    """
    strides = x.stride()
    order = (0, *sorted(range(1, x.ndim), key=lambda dim: (-strides[dim], dim)))
    return x.permute(order).reshape(x.shape[0], -1), order


def _flatten_like(x: Tensor, order: tuple[int, ...]) -> Tensor:
    return x.permute(order).reshape(x.shape[0], -1)


def _unflatten(flat: Tensor, like: Tensor, order: tuple[int, ...]) -> Tensor:
    sizes = [flat.shape[0], *(like.shape[dim] for dim in order[1:])]
    inverse = [order.index(dim) for dim in range(len(order))]
    return flat.reshape(sizes).permute(inverse)


class SpikingNeuron(nn.Module):
    """A layer of neurons: currents (T, ...) in, spikes (T, ...) out. Has no parameters, no state.

    Parameters
    ----------
    num_time_steps
        T.
    dynamics
        Threshold, leak, reset and surrogate; replaced as a whole to change them.
    """

    def __init__(self, num_time_steps: int, dynamics: NeuronDynamics) -> None:
        super().__init__()
        self.num_time_steps = num_time_steps
        self.dynamics = dynamics

    def forward(self, current: Tensor) -> Tensor:
        return spike_train(current, self.num_time_steps, self.dynamics)

    def extra_repr(self) -> str:
        return f"T={self.num_time_steps}, {self.dynamics}"


def integrate_and_fire(
    num_time_steps: int,
    *,
    threshold: float = 1.0,
    reset: float | None = 0.0,
    detach_reset: bool = False,
    surrogate: Surrogate | None = None,
) -> SpikingNeuron:
    """Return a layer of neurons without leak (SpikingJelly's ``IFNode``)."""
    dynamics = NeuronDynamics(
        threshold=threshold,
        reset=reset,
        detach_reset=detach_reset,
        surrogate=surrogate or ATan(),
    )
    return SpikingNeuron(num_time_steps, dynamics)


def leaky_integrate_and_fire(
    num_time_steps: int,
    *,
    tau: float = 2.0,
    decay_input: bool = True,
    threshold: float = 1.0,
    reset: float | None = 0.0,
    detach_reset: bool = False,
    surrogate: Surrogate | None = None,
) -> SpikingNeuron:
    """Return a layer of leaky neurons (SpikingJelly's ``LIFNode``)."""
    dynamics = NeuronDynamics(
        tau=tau,
        decay_input=decay_input,
        threshold=threshold,
        reset=reset,
        detach_reset=detach_reset,
        surrogate=surrogate or ATan(),
    )
    return SpikingNeuron(num_time_steps, dynamics)


@contextmanager
def altered_neurons(
    model: nn.Module, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> Iterator[None]:
    """Evaluate ``model`` with altered neurons inside the block; parameters are untouched.

    Parameters
    ----------
    smooth
        True: the spike is the surrogate's primitive σ(u), so that the network is a smooth
        function of its parameters and its derivatives are genuine. None leaves it as it is.
    slope_factor
        Multiplies the slope of each surrogate.
    """
    neurons = [m for m in model.modules() if isinstance(m, SpikingNeuron)]
    if not neurons:
        raise ValueError(
            f"{type(model).__name__} holds no landscape.snn.SpikingNeuron, so there is nothing "
            "to alter: build it with CSNN, SpikingMLP or SpikingNeuron layers."
        )
    before = [neuron.dynamics for neuron in neurons]
    try:
        for neuron, dynamics in zip(neurons, before, strict=True):
            neuron.dynamics = replace(
                dynamics,
                smooth=dynamics.smooth if smooth is None else smooth,
                surrogate=dynamics.surrogate.with_slope(slope_factor),
            )
        yield
    finally:
        for neuron, dynamics in zip(neurons, before, strict=True):
            neuron.dynamics = dynamics
