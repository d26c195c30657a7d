"""Optimisers of the protocol, and sharpness-aware minimisation around either."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landscape.training.config import TrainConfig

T = TypeVar("T")
Closure = Callable[[], tuple[Tensor, T]]  # -> mean loss, and what else is to be known of the pass


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Make the optimiser of ``config``; one fused sweep over the parameters a step.

    Its group says ρ, which decides whether its edge of stability is one of its steps.
    """
    lr, weight_decay = config.learning_rate, config.weight_decay
    theta = [{"params": list(model.parameters()), "rho": config.sam_rho}]
    if config.optimizer == "adam":
        return torch.optim.Adam(theta, lr, weight_decay=weight_decay, fused=True)
    momentum = config.momentum
    return torch.optim.SGD(theta, lr, momentum, weight_decay=weight_decay, fused=True)


def step(
    model: nn.Module, optimizer: Optimizer, closure: Closure[T], sam_rho: float
) -> tuple[Tensor, T]:
    """Take one step; return what ``closure`` gave before it, the loss detached.

    With ``sam_rho`` > 0 the gradient is that at θ + ρ g / |g| (Foret et al., ICLR 2021, eq. 2
    and algorithm 1), where batch norm's running statistics are left alone.
    """
    optimizer.zero_grad(set_to_none=True)
    loss, others = closure()
    torch.autograd.backward(loss)
    if sam_rho > 0:
        _replace_gradient_by_sam(model, optimizer, closure, sam_rho)
    optimizer.step()
    return loss.detach(), others


def _replace_gradient_by_sam(
    model: nn.Module, optimizer: Optimizer, closure: Closure[T], rho: float
) -> None:
    parameters = [p for p in model.parameters() if p.grad is not None]
    with torch.no_grad():
        weights = [p.clone() for p in parameters]
        # Those that a checkpoint keeps: in others a library may hold the state of neurons.
        kept = model.state_dict().keys()
        statistics = [b for name, b in model.named_buffers() if name in kept]
        buffers = [b.clone() for b in statistics]
        norm = torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm()
        # At a stationary point g = 0 and there is no direction to climb.
        scale = torch.where(norm > 0, rho / norm, 0)
        for p in parameters:
            if p.grad is not None:
                p.add_(p.grad * scale)
    optimizer.zero_grad(set_to_none=True)
    loss, _ = closure()
    torch.autograd.backward(loss)
    with torch.no_grad():
        for p, weight in zip(parameters, weights, strict=True):
            p.copy_(weight)
        for b, buffer in zip(statistics, buffers, strict=True):
            b.copy_(buffer)
