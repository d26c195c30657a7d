"""The recurrence A Qᵀ = Qᵀ T + q cᵀ + d lᵀ + E across restarts and new starts."""

import pytest
import torch
from torch import randn
from torch.linalg import matrix_norm, vector_norm
from torch.testing import assert_close

from landscape.linalg.restart import KrylovSpace

N = 60


@pytest.fixture
def A(operator_with, rng):
    return operator_with(torch.linspace(-1, 3, N), rng)


@pytest.fixture
def grow(A, rng):
    """Begin at a random vector, take steps, and keep the outer Ritz vectors."""

    def grow(space, num_steps):
        assert space.begin(randn(N, generator=rng, dtype=torch.float64))
        for _ in range(num_steps):
            space.step(A)
        ritz = space.ritz()
        space.compress(ritz, torch.tensor([space.size - 1, space.size - 2, 0]))

    return grow


def unexplained(A, space):
    """E, shape (m, N): rows of A Qᵀ - Qᵀ T - q cᵀ - d lᵀ."""
    m = space.size
    Q = space.basis[:m]
    known = torch.stack([space.residual(e) for e in torch.eye(m, dtype=torch.float64)])
    assert_close(space.row_residuals(), vector_norm(known, dim=1), atol=1e-13, rtol=0)
    return Q @ A.matrix - space.T[:m, :m] @ Q - known


def test_a_new_start_leaves_what_the_rows_couple_to(A, grow, rng):
    space = KrylovSpace(A, 30, torch.float64)
    grow(space, 12)
    residual = matrix_norm(space.coupling[: space.size, None])
    assert residual > 0.01  # far from converged
    space.begin(randn(N, generator=rng, dtype=torch.float64))
    for _ in range(6):
        space.step(A)
        assert matrix_norm(unexplained(A, space)) < 1e-13
    space.compress(space.ritz(), torch.arange(4))
    assert matrix_norm(unexplained(A, space)) < 1e-13


def test_of_what_two_starts_leave_the_larger_is_kept(A, grow):
    space = KrylovSpace(A, 30, torch.float64)
    for num_steps in (12, 5):
        grow(space, num_steps)
    before, now = space.row_residuals(), space.coupling[: space.size].abs()
    smaller = min(float(vector_norm(now)), float(vector_norm(before)))
    assert smaller > 0.001
    assert space.begin(torch.ones(N, dtype=torch.float64))
    assert float(matrix_norm(unexplained(A, space))) <= smaller + 1e-13


def test_goes_on_from_a_state_with_both_vectors(A, grow):
    space, other = (KrylovSpace(A, 30, torch.float64) for _ in range(2))
    for num_steps in (12, 5):
        grow(space, num_steps)
    other.load(space.state())
    assert torch.equal(other.row_residuals(), space.row_residuals())
    assert matrix_norm(unexplained(A, other)) < 1e-13
