"""Plain formulas in place of operations that PyTorch cannot differentiate twice."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


def plain_forms(
    model: nn.Module, device: torch.device
) -> list[Callable[[], AbstractContextManager[Any]]]:
    """What to enter around a forward pass of ``model``, so that it has a double backward.

    Each gives the same numbers as what it stands for, to rounding.
    """
    forms: list[Callable[[], AbstractContextManager[Any]]] = [_plain_attention]
    if any(isinstance(m, nn.RNNBase) for m in model.modules()) and device.type == "cuda":
        forms.append(lambda: torch.backends.cudnn.flags(enabled=False))
    # Every call in the forward pass goes through the mode: only networks that need it pay for it.
    if any(isinstance(m, nn.Hardsigmoid) for m in model.modules()):
        forms.append(_PlainHardsigmoid)
    return forms


def _plain_attention() -> AbstractContextManager[Any]:
    return sdpa_kernel(SDPBackend.MATH)


class _PlainHardsigmoid(TorchFunctionMode):
    """``hardsigmoid``, the gate of MobileNetV3, whose backward has no derivative."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is F.hardsigmoid:
            return F.relu6(args[0] + 3) / 6
        return func(*args, **(kwargs or {}))
