"""Networks as they are handed over: without their wrappers, and copies that share nothing."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(model: nn.Module) -> nn.Module:
    """The network within the wrappers of ``torch.compile`` and of data parallelism, in any order.

    Other modules that hold one are networks of their own, which may do more than it does.
    """
    while True:
        inner = getattr(model, "_orig_mod", None)  # torch.compile's class takes its time to import
        if isinstance(model, DataParallel | DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def copied(model: nn.Module) -> nn.Module:
    """A copy of ``model`` that shares nothing with it.

    Tensors that hang on the graph of an earlier call, such as the state that spiking neurons keep
    or a weight that a hook computes, are refused by ``copy.deepcopy``; the copy gets their values.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for held in _tensors_of(vars(module)):
            if not held.is_leaf:
                memo[id(held)] = held.detach().clone()
    return copy.deepcopy(model, memo)


def _tensors_of(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _tensors_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors_of(inner)
