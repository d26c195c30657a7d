"""Plain formulas in place of operations whose second derivative PyTorch lacks, or has wrong.

And a form of cross entropy over many classes, whose second derivative takes too much memory.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.weight_norm import WeightNorm
from torch.overrides import TorchFunctionMode

from landscape.objective.wide_cross_entropy import is_wide, wide_cross_entropy

_cuda = torch.backends.cuda
# Which kernels attention may use, on a CPU too: what tells, what sets it, and what the plain one
# takes.
_ATTENTION: tuple[tuple[Callable[[], bool], Callable[[bool], None], bool], ...] = (
    (_cuda.math_sdp_enabled, _cuda.enable_math_sdp, True),
    (_cuda.flash_sdp_enabled, _cuda.enable_flash_sdp, False),
    (_cuda.mem_efficient_sdp_enabled, _cuda.enable_mem_efficient_sdp, False),
    (_cuda.cudnn_sdp_enabled, _cuda.enable_cudnn_sdp, False),
)


def plain_forms(
    model: nn.Module, device: torch.device, *, functions: bool = False
) -> list[Callable[[], AbstractContextManager[Any]]]:
    """What to enter around passes of ``model``, so that it has the right double backward.

    Each gives the same numbers as what it stands for, to rounding. ``functions``: it is known to
    call one of those that are replaced.
    """
    forms: list[Callable[[], AbstractContextManager[Any]]] = [_plain_attention]
    if any(isinstance(m, nn.RNNBase) for m in model.modules()) and device.type == "cuda":
        forms.append(lambda: torch.backends.cudnn.flags(enabled=False))
    # Every call in the forward pass goes through the mode: only networks that need it pay for it.
    if functions or any(_calls_replaced(m) for m in model.modules()):
        forms.append(_PlainFunctions)
    return forms


class CallsSeen(TorchFunctionMode):
    """Notes of the calls in the block what ``first_look`` has to know.

    Attributes
    ----------
    replaced
        Whether one is of a function that has a plain form here.
    autocast
        The type that ``torch.autocast`` computed in; None: it was off.
    """

    replaced = False
    autocast: torch.dtype | None = None

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device.type

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.cross_entropy:
            self.replaced |= is_wide(*args, **kwargs)
        else:
            self.replaced |= func in _PLAIN
        # A device that is no part of PyTorch may have none, and asking is then an error.
        if torch.amp.is_autocast_available(self._device) and torch.is_autocast_enabled(
            self._device
        ):
            self.autocast = torch.get_autocast_dtype(self._device)
        return func(*args, **kwargs)


class _PlainFunctions(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _PLAIN.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def _plain_attention() -> Iterator[None]:
    """As ``sdpa_kernel(SDPBackend.MATH)``, which takes a tenth of a small network's product."""
    before = [is_on() for is_on, _, _ in _ATTENTION]
    try:
        for _, turn, value in _ATTENTION:
            turn(value)
        yield
    finally:
        for (_, turn, _), value in zip(_ATTENTION, before, strict=True):
            turn(value)


def _calls_replaced(module: nn.Module) -> bool:
    old = any(isinstance(hook, WeightNorm) for hook in module._forward_pre_hooks.values())
    kinds = nn.Hardsigmoid | nn.EmbeddingBag
    return old or isinstance(module, kinds) or type(module).__name__ == "_WeightNorm"


def _hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    """The gate of MobileNetV3, whose backward has no derivative."""
    return F.relu6(x + 3) / 6


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """G v / ‖v‖; the fused kernel's double backward on a CPU holds ‖v‖ fixed."""
    others = [k for k in range(v.ndim) if dim == -1 or k != dim % v.ndim]
    norm: Tensor = torch.linalg.vector_norm(v, dim=others, keepdim=True)
    return v * (g / norm)


def _layer_norm(
    x: Tensor,
    shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """With a bias and no weight, whose double backward raises."""
    if weight is not None or bias is None:
        return F.layer_norm(x, shape, weight, bias, eps)
    return F.layer_norm(x, shape, None, None, eps) + bias


def _embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows and their sums, or means, whose double backward raises; the largest as they are."""
    if mode == "max":
        return F.embedding_bag(
            input, weight, offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse,
            per_sample_weights, include_last_offset, padding_idx,
        )  # fmt: skip
    if offsets is None:
        starts = torch.arange(len(input), device=input.device) * input.shape[1]
    else:
        starts = offsets[:-1] if include_last_offset else offsets
    chosen = input.reshape(-1)
    places = torch.arange(len(chosen), device=input.device)
    bags = torch.searchsorted(starts.to(places), places, right=True) - 1
    rows = F.embedding(chosen, weight, None, max_norm, norm_type)
    counted = torch.ones_like(rows[:, :1])
    if padding_idx is not None:
        counted = (chosen != padding_idx % len(weight)).to(rows)[:, None]
    shares = counted
    if per_sample_weights is not None:
        shares = counted * per_sample_weights.reshape(-1, 1)
    sums = rows.new_zeros(len(starts), rows.shape[1]).index_add(0, bags, rows * shares)
    if mode == "sum":
        return sums
    return sums / counted.new_zeros(len(starts), 1).index_add(0, bags, counted).clamp_min(1)


_PLAIN: dict[Any, Callable[..., Tensor]] = {
    F.cross_entropy: wide_cross_entropy,
    F.embedding_bag: _embedding_bag,
    F.hardsigmoid: _hardsigmoid,
    F.layer_norm: _layer_norm,
    torch._weight_norm: _weight_norm,
}
