"""Where memory ends, smaller batches: the sums over examples stay what they were."""

import warnings
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

from landscape.objective.precision import full_precision

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


class Batched(Protocol):
    """What :func:`with_smaller_batches` cuts: a sum over batches."""

    @property
    def coupled_by(self) -> str | None:
        """What makes the examples of a batch depend on one another, as far as is known."""

    def batch_sizes(self) -> list[int]:
        """How many examples each batch holds."""

    def cut_batches(self, size: int) -> None:
        """Have at most ``size`` examples in each batch from now on, as far as they can be cut."""


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
            failed = error.with_traceback(None)  # which holds what filled the memory
        sizes = risk.batch_sizes()
        size = (max(sizes) + 1) // 2
        if coupled_by is None:
            risk.cut_batches(size)
        if len(risk.batch_sizes()) == len(sizes):
            reason = f" with {coupled_by}" if coupled_by and max(sizes) > 1 else ""
            raise ValueError(
                f"out of memory with batches of {max(sizes)}, which cannot be made smaller{reason}"
                ". Use a machine or device with more memory, or a smaller network."
            ) from failed
        del failed
        warnings.warn(
            f"out of memory with batches of {max(sizes)}; going on with batches of {size}.",
            RuntimeWarning,
            stacklevel=4,
        )
        afterwards()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch or Python could not get the memory it asked for."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)
    )
