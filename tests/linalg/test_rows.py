"""Rows in few bits: what they cost in orthogonality, and what they leave alone."""

import math

import pytest
import torch
from memory import Memory
from torch.testing import assert_close

import landscape.linalg.rows as rows_module
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.operator import DenseOperator
from landscape.linalg.restart import Basis
from landscape.linalg.rows import combine, orthogonality_loss, project_out

ROUNDING = 2.0**-8  # of an entry in bfloat16, relative, at most


def orthonormal(m, n, rng):
    return torch.linalg.qr(torch.randn(n, m, generator=rng, dtype=torch.float64)).Q.T


@pytest.mark.parametrize("block", [1, 60, 10**6])
def test_rows_in_blocks_do_what_whole_rows_do(block, rng, monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK", block)
    Q = orthonormal(7, 20, rng).bfloat16()
    wide = Q.double()
    r = torch.randn(20, generator=rng, dtype=torch.float64)
    c = torch.randn(7, generator=rng, dtype=torch.float64)
    assert_close(combine(Q, c, torch.float64, r.device), wide.T @ c)

    left = r.clone()
    h = project_out(left, Q)
    assert_close(left, r - wide.T @ h)
    # Blocks after the first see what those before have left: QQᵀ - I times r, at most.
    assert_close(h, wide @ r, atol=7 * 3 * ROUNDING * float(r.norm()), rtol=0)


@pytest.mark.parametrize("m", [1, 4, 30, 150])
@pytest.mark.parametrize("kind", ["one pair", "everywhere", "none"])
def test_the_loss_of_orthogonality_is_that_of_the_gram_matrix(m, kind, rng):
    Q = orthonormal(m, 400, rng)
    if kind == "one pair":
        Q[-1] = (Q[-1] + 1e-3 * Q[0]) / (1 + 1e-6) ** 0.5
    if kind == "everywhere":
        Q += 1e-4 * torch.randn(m, 400, generator=rng, dtype=torch.float64)
    exact = float(torch.linalg.matrix_norm(Q @ Q.T - torch.eye(m).double(), 2))
    found = orthogonality_loss(Q)
    assert 0.5 * exact - 1e-15 <= found <= exact + 1e-14
    if m <= 4:
        assert found == pytest.approx(exact, abs=1e-14)


def spectrum(n):
    """Outliers of both signs over a bulk that straddles zero."""
    bulk = torch.linspace(-0.1, 0.3, n - 8, dtype=torch.float64)
    return torch.cat([torch.tensor([9.0, 7.0, 5.0, 4.0, 3.0, -2.0, -1.5, -1.0]), bulk]).double()


@pytest.fixture
def matrix(operator_with, rng):
    return operator_with(spectrum(600), rng).matrix


def run(A, dtype, **settings):
    defaults = {"num_largest": 5, "num_smallest": 3, "tol": ROUNDING, "num_probes": 4,
                "num_steps": 20, "max_matvecs": 400}  # fmt: skip
    rng = torch.Generator().manual_seed(5)
    basis = Basis(max_rows=30, dtype=dtype)
    return analyse_spectrum(A, basis=basis, rng=rng, **{**defaults, **settings})


def test_coarse_rows_round_the_eigenvectors_and_nothing_else(matrix):
    A = DenseOperator(matrix.float())
    fine, coarse = run(A, None), run(A, torch.bfloat16)
    pairs, exact = coarse.eigenpairs, spectrum(600)[[0, 1, 2, 3, 4, 7, 6, 5]]
    assert pairs.vectors.dtype == torch.bfloat16
    assert bool(pairs.converged.all())
    assert pairs.num_matvecs == fine.num_matvecs
    V, theta = pairs.vectors.double(), pairs.values
    true = torch.linalg.vector_norm(V @ matrix - theta[:, None] * V, dim=1)
    assert_close(pairs.residuals, true, atol=1e-5 * pairs.norm, rtol=0)
    # Values are Rayleigh quotients made before the rounding: second order in the residuals.
    assert_close(theta, exact, atol=10 * ROUNDING**2 * pairs.norm, rtol=0)
    assert abs(coarse.trace.mean - fine.trace.mean) < 0.05 * fine.trace.stderr
    for a, b in zip(coarse.rules, fine.rules, strict=True):
        assert_close(a.weights @ a.nodes**3, b.weights @ b.nodes**3, rtol=1e-3, atol=0)


def test_what_rounding_costs_in_orthogonality_is_measured_and_bounded(matrix):
    A = DenseOperator(matrix.float())
    fine, coarse = (run(A, dtype).eigenpairs for dtype in (None, torch.bfloat16))
    # ‖E‖ ≤ ‖E‖_F ≤ 2⁻⁸ √m for the rounding E of m unit rows, so ‖QQᵀ - I‖ moves by 2 ‖E‖ + ‖E‖².
    rounded = ROUNDING * 30**0.5
    assert fine.orthogonality_loss < 100 * torch.finfo(torch.float32).eps
    assert ROUNDING / 100 < coarse.orthogonality_loss < 1.1 * (2 * rounded + rounded**2)


@pytest.mark.parametrize("stop_at", [0, 12, 40, 70])
def test_coarse_rows_go_on_from_a_state_to_the_same_bits(stop_at, matrix):
    A = DenseOperator(matrix.float())
    memory = Memory()
    whole = run(A, torch.bfloat16, keep=memory)
    rest = run(A, torch.bfloat16, keep=Memory(memory.states[stop_at]))
    assert torch.equal(rest.eigenpairs.vectors, whole.eigenpairs.vectors)
    assert torch.equal(rest.eigenpairs.residuals, whole.eigenpairs.residuals)
    assert (rest.trace, rest.num_matvecs) == (whole.trace, whole.num_matvecs)


@pytest.mark.parametrize("max_rows", [14, 20, 60])
def test_every_restart_adds_one_rounding_to_the_residuals(max_rows, operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 400), rng)
    fine, coarse = (
        extreme_eigenpairs(
            A,
            num_largest=4,
            num_smallest=2,
            tol=1e-2,
            max_matvecs=500,
            basis=Basis(max_rows=max_rows, dtype=dtype),
            rng=torch.Generator().manual_seed(1),
        )
        for dtype in (None, torch.bfloat16)
    )
    assert abs(coarse.num_matvecs - fine.num_matvecs) <= 0.05 * fine.num_matvecs
    assert_close(coarse.values, fine.values, atol=1e-3, rtol=0)
    # An entry m 2^k with m in [1, 2) is rounded to 2^(k-7); log-uniform m have E m² = 3 / ln 4. The
    # search writes its rows once more at the end of each of two probes: the search and the check.
    one = 2.0**-7 / (12 * 3 / math.log(4)) ** 0.5
    expected = one * (coarse.num_restarts + 2) ** 0.5
    extra = (coarse.residuals**2 - fine.residuals**2).clamp(min=0).mean() ** 0.5
    assert 0.8 * expected < float(extra) < 1.3 * expected


def test_bounds_of_residuals_hold_for_coarse_rows(matrix):
    A = DenseOperator(matrix.float())
    pairs = run(A, torch.bfloat16, verify_matvecs=5, tol=2e-2).eigenpairs
    V = pairs.vectors.double()
    true = torch.linalg.vector_norm(V @ matrix - pairs.values[:, None] * V, dim=1)
    assert bool((true <= pairs.residuals).all())


def test_a_tolerance_below_the_rounding_of_the_rows_is_refused(matrix, rng):
    settings = {"num_largest": 1, "num_smallest": 0, "max_matvecs": 100, "rng": rng}
    basis = Basis(dtype=torch.bfloat16)
    with pytest.raises(ValueError, match=r"tol must be at least 0\.0039 .* got 0\.001"):
        extreme_eigenpairs(DenseOperator(matrix), tol=1e-3, basis=basis, **settings)
