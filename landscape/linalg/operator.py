"""Self-adjoint linear maps on R^n, known only by their action on vectors."""

import abc

import torch
from torch import Tensor


class SelfAdjointOperator(abc.ABC):
    """A = Aᵀ on R^n. Subclasses are final and implement ``_matvec`` only.

    Attributes
    ----------
    dim
        n, the length of the vectors that A acts on.
    dtype, device
        Of the vectors that A takes and returns.
    num_matvecs
        How many products ``A @ v`` have been computed: the unit in which every method's
        cost is stated.
    """

    dim: int
    dtype: torch.dtype
    device: torch.device
    num_matvecs: int = 0

    @abc.abstractmethod
    def _matvec(self, v: Tensor) -> Tensor: ...

    def __matmul__(self, v: Tensor) -> Tensor:
        if v.shape != (self.dim,):
            name, got = type(self).__name__, tuple(v.shape)
            raise ValueError(f"{name} acts on vectors of shape ({self.dim},); got shape {got}.")
        self.num_matvecs += 1
        return self._matvec(v.to(dtype=self.dtype, device=self.device))


class DeflatedOperator(SelfAdjointOperator):
    """P A P with P = I - VᵀV: what is left of A once the rows of ``vectors`` are projected out.

    For eigenvectors V with eigenvalues λ_i, tr A = Σ λ_i + tr P A P.

    Parameters
    ----------
    vectors
        Orthonormal rows, shape (k, n).
    """

    def __init__(self, A: SelfAdjointOperator, vectors: Tensor) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != A.dim:
            got = tuple(vectors.shape)
            raise ValueError(f"vectors must be rows of length {A.dim}; got shape {got}.")
        self.inner = A
        self.vectors = vectors.to(dtype=A.dtype, device=A.device)
        self.dim, self.dtype, self.device = A.dim, A.dtype, A.device

    def _matvec(self, v: Tensor) -> Tensor:
        return self._project(self.inner @ self._project(v))

    def _project(self, v: Tensor) -> Tensor:
        return v - self.vectors.T @ (self.vectors @ v)


class DenseOperator(SelfAdjointOperator):
    """A symmetric matrix held in memory, shape (n, n): the reference in tests, and small blocks."""

    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square; got shape {tuple(matrix.shape)}.")
        self.matrix = matrix
        self.dim = matrix.shape[0]
        self.dtype = matrix.dtype
        self.device = matrix.device

    def _matvec(self, v: Tensor) -> Tensor:
        return self.matrix @ v
