"""Square linear maps on R^n that need not be symmetric: known by S v and Sᵀ v."""

import abc

from torch import Tensor


class LinearMap(abc.ABC):
    """S on R^n. Subclasses are final and implement ``__matmul__`` and ``T``."""

    dim: int

    @abc.abstractmethod
    def __matmul__(self, v: Tensor) -> Tensor: ...

    @property
    @abc.abstractmethod
    def T(self) -> "LinearMap":
        """Sᵀ."""


class DiagonalMap(LinearMap):
    """S = diag(entries), entries of shape (n,)."""

    def __init__(self, entries: Tensor) -> None:
        if entries.ndim != 1:
            raise ValueError(
                f"the entries of a diagonal must have shape (n,); got {tuple(entries.shape)}."
            )
        self.entries, self.dim = entries, len(entries)

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.entries * v

    @property
    def T(self) -> "DiagonalMap":
        return self
