"""Random vectors z with E z zᵀ = I: what the trace and density estimators are fed with.

Drawn on the CPU in float64 and moved afterwards, so that one seed gives the same probes on every
device and dtype, and on every process of a distributed run.
"""

from typing import Protocol

import torch
from torch import Generator, Tensor


class VectorSpace(Protocol):
    """R^n with a dtype and a device: every operator is one, in this sense."""

    @property
    def dim(self) -> int: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def device(self) -> torch.device: ...


def rademacher(space: VectorSpace, rng: Generator) -> Tensor:
    """Independent signs ±1, shape (n,): the diagonal of A adds nothing to the variance."""
    bits = torch.randint(0, 2, (space.dim,), generator=rng, dtype=torch.int8)
    return (2 * bits - 1).to(dtype=space.dtype, device=space.device)


def normal(space: VectorSpace, rng: Generator) -> Tensor:
    """Independent N(0, 1), shape (n,): the law that no rotation changes."""
    z = torch.randn(space.dim, generator=rng, dtype=torch.float64)
    return z.to(dtype=space.dtype, device=space.device)


def sphere(space: VectorSpace, rng: Generator) -> Tensor:
    """Uniform on the sphere of radius √n, shape (n,): normal without the noise of its length."""
    z = torch.randn(space.dim, generator=rng, dtype=torch.float64)
    z *= space.dim**0.5 / torch.linalg.vector_norm(z)
    return z.to(dtype=space.dtype, device=space.device)
