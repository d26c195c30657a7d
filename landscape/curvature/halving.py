"""Where memory ends, smaller batches: the sums over examples stay what they were."""

import warnings
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from landscape.curvature.precision import full_precision

T = TypeVar("T")

# Of what has no exception of its own: the CPU's allocator (on Linux; elsewhere), the CUDA runtime,
# and libraries that take their workspace by themselves.
_TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class _Batch(Protocol):
    @property
    def targets(self) -> Tensor: ...


class Batched(Protocol):
    """What :func:`with_smaller_batches` cuts: a sum over batches."""

    @property
    def coupled_by(self) -> str | None:
        """What makes the examples of a batch depend on one another, as far as is known."""

    @property
    def batches(self) -> Sequence[_Batch]: ...

    def cut_batches(self, size: int) -> None:
        """Have at most ``size`` examples in each batch from now on."""


def with_smaller_batches(
    risk: Batched,
    run: Callable[[], T],
    afterwards: Callable[[], None] = lambda: None,
    *,
    coupled_by: str | None = None,
) -> T:
    """``run()``; where memory does not suffice, again with the batches halved, for good.

    Every pass over the examples comes through here, and so each is in full precision. The sum over
    examples is the same up to rounding. No other process takes part: each halves
    its own batches, so ``run`` must not wait for others. ``afterwards`` is called each time that
    they were.

    Parameters
    ----------
    coupled_by
        The option that makes the examples of a batch depend on one another, if there is one.

    Raises
    ------
    ValueError
        One example at a time is still too much; or examples are coupled, by ``coupled_by`` or by
        the network, so that smaller batches would be another function.
    """
    coupled_by = risk.coupled_by or coupled_by
    while True:
        try:
            with full_precision():
                return run()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            largest = max(len(batch.targets) for batch in risk.batches)
            if largest == 1 or coupled_by is not None:
                raise ValueError(
                    f"out of memory with batches of {largest}, which cannot be made smaller"
                    f"{f' with {coupled_by}' if largest > 1 else ''}. Use a machine or device with "
                    "more memory, or a smaller network."
                ) from error
        # Outside the handler: there the error's traceback still holds what filled the memory.
        size = (largest + 1) // 2
        warnings.warn(
            f"out of memory with batches of {largest}; going on with batches of {size}.",
            RuntimeWarning,
            stacklevel=4,
        )
        risk.cut_batches(size)
        afterwards()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch or Python could not get the memory it asked for."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)
    )
