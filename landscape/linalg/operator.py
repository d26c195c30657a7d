"""Self-adjoint linear maps on R^n, known only by their action on vectors."""

import abc

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator
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
    parts
        Operators that this one is made of.
    """

    dim: int
    dtype: torch.dtype
    device: torch.device
    num_matvecs: int = 0
    parts: "tuple[SelfAdjointOperator, ...]" = ()

    @abc.abstractmethod
    def _matvec(self, v: Tensor) -> Tensor: ...

    def __matmul__(self, v: Tensor) -> Tensor:
        if v.shape != (self.dim,):
            name, got = type(self).__name__, tuple(v.shape)
            raise ValueError(f"{name} acts on vectors of shape ({self.dim},); got shape {got}.")
        self.num_matvecs += 1
        return self._matvec(v.to(dtype=self.dtype, device=self.device))

    def __add__(self, other: "SelfAdjointOperator") -> "SelfAdjointOperator":
        return Sum(self, other) if isinstance(other, SelfAdjointOperator) else NotImplemented

    def __mul__(self, factor: float) -> "SelfAdjointOperator":
        return Multiple(factor, self) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__

    def to_scipy(self) -> LinearOperator:
        """This operator as SciPy's solvers take it, on float64 NumPy vectors."""

        def matvec(v: NDArray[np.float64]) -> NDArray[np.float64]:
            product = self @ torch.from_numpy(np.array(v, dtype=np.float64).reshape(-1))
            return np.asarray(product.detach().double().cpu())

        shape = (self.dim, self.dim)
        return LinearOperator(shape, matvec=matvec, rmatvec=matvec, dtype=np.float64)


class Identity(SelfAdjointOperator):
    """I on the space of another operator."""

    def __init__(self, like: SelfAdjointOperator) -> None:
        self.dim, self.dtype, self.device = like.dim, like.dtype, like.device

    def _matvec(self, v: Tensor) -> Tensor:
        return v


class Sum(SelfAdjointOperator):
    """A + B."""

    def __init__(self, A: SelfAdjointOperator, B: SelfAdjointOperator) -> None:
        if A.dim != B.dim:
            raise ValueError(f"operators must have one size to be added; got {A.dim} and {B.dim}.")
        self.parts = (A, B)
        self.dim, self.dtype, self.device = A.dim, A.dtype, A.device

    def _matvec(self, v: Tensor) -> Tensor:
        A, B = self.parts
        return A @ v + (B @ v).to(dtype=self.dtype, device=self.device)


class Multiple(SelfAdjointOperator):
    """c A, with c a number."""

    def __init__(self, factor: float, A: SelfAdjointOperator) -> None:
        self.factor, self.parts = float(factor), (A,)
        self.dim, self.dtype, self.device = A.dim, A.dtype, A.device

    def _matvec(self, v: Tensor) -> Tensor:
        return self.factor * (self.parts[0] @ v)


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
