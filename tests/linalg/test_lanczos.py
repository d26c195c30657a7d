import pytest
import torch
from torch.testing import assert_close

from landscape.linalg.lanczos import Tridiagonal, lanczos, lanczos_two_vectors
from landscape.linalg.operator import DenseOperator
from landscape.linalg.probes import sphere

EPS = torch.finfo(torch.float64).eps


def dense(T: Tridiagonal):
    return torch.diag(T.alphas) + torch.diag(T.betas[:-1], 1) + torch.diag(T.betas[:-1], -1)


@pytest.mark.parametrize("num_matvecs", [1, 5, 12])
def test_recurrence_and_orthonormality(spectrum, num_matvecs, operator_with, rng):
    A = operator_with(spectrum, rng)
    T = lanczos(A, sphere(A, rng), num_matvecs)

    m, atol = len(T.alphas), 100 * EPS * float(spectrum.abs().max())
    residual = A.matrix @ T.basis.T - T.basis.T @ dense(T)
    assert_close(T.basis @ T.basis.T, torch.eye(m, dtype=torch.float64), atol=100 * EPS, rtol=0)
    assert_close(residual[:, :-1], torch.zeros_like(residual[:, :-1]), atol=atol, rtol=0)
    assert_close(residual[:, -1].norm(), T.betas[-1], atol=atol, rtol=0)
    assert A.num_matvecs == m


@pytest.mark.parametrize(
    ("eigenvalues", "num_distinct"),
    [
        ([0.0] * 12, 1),
        ([1e-12] * 12, 1),
        ([-2.0] * 3 + [0.0] * 4 + [3.0] * 3 + [8.0] * 2, 4),
        ([0.0] * 9 + [1.0, 2.0, 5.0], 4),
    ],
)
def test_stops_at_the_number_of_distinct_eigenvalues(eigenvalues, num_distinct, operator_with, rng):
    A = operator_with(eigenvalues, rng)
    T = lanczos(A, sphere(A, rng), A.dim)
    assert len(T.alphas) == num_distinct
    exact = torch.tensor(sorted(set(eigenvalues)), dtype=torch.float64)
    atol = 1000 * EPS * float(exact.abs().max())
    assert_close(torch.linalg.eigvalsh(dense(T)), exact, atol=atol, rtol=0)


def test_ritz_residual_is_beta_times_last_component(operator_with, rng):
    A = operator_with(torch.linspace(-1, 3, 40), rng)
    T = lanczos(A, sphere(A, rng), 11)
    theta, S = torch.linalg.eigh(dense(T))
    Y = T.basis.T @ S
    residuals = torch.linalg.vector_norm(A.matrix @ Y - Y * theta, dim=0)
    assert_close(residuals, T.betas[-1] * S[-1].abs(), atol=1000 * EPS, rtol=0)
    exact = torch.linspace(-1, 3, 40, dtype=torch.float64)
    assert (abs(theta[:, None] - exact).min(1).values <= residuals + 1000 * EPS).all()


@pytest.mark.parametrize("num_matvecs", [2, 5, 9])
def test_ritz_values_of_successive_depths_interlace(num_matvecs, operator_with, rng):
    A = operator_with(torch.linspace(-1, 3, 40), rng)
    start = sphere(A, rng)
    inner = torch.linalg.eigvalsh(dense(lanczos(A, start, num_matvecs)))
    outer = torch.linalg.eigvalsh(dense(lanczos(A, start, num_matvecs + 1)))
    assert (outer[:-1] < inner).all()
    assert (inner < outer[1:]).all()


def test_complement_gives_the_projected_operator(operator_with, rng):
    A = operator_with(torch.linspace(-1, 3, 20), rng)
    V = torch.linalg.eigh(A.matrix)[1].T[-3:]
    start = sphere(A, rng)
    P = torch.eye(20, dtype=torch.float64) - V.T @ V
    inside = lanczos(A, start, 8, orthogonal_to=V)
    explicit = lanczos(DenseOperator(P @ A.matrix @ P), P @ start, 8)
    assert_close(inside.alphas, explicit.alphas, atol=1000 * EPS, rtol=0)
    assert_close(inside.betas, explicit.betas, atol=1000 * EPS, rtol=0)
    assert float((inside.basis @ V.T).abs().max()) < 100 * EPS


def test_two_vectors_agree_until_a_ritz_value_converges(operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 60), rng)
    start = sphere(A, rng)
    full, lean = lanczos(A, start, 12), lanczos_two_vectors(A, start, 12)
    assert lean.basis.shape == (0, 60)
    assert_close(lean.alphas, full.alphas, atol=1e-12, rtol=0)
    assert_close(lean.betas, full.betas, atol=1e-12, rtol=0)


def test_basis_dtype_is_the_operators_unless_given(operator_with, rng):
    A = DenseOperator(operator_with(torch.linspace(0, 1, 30), rng).matrix.float())
    start = sphere(A, rng)
    assert lanczos(A, start, 5).basis.dtype == torch.float32
    T = lanczos(A, start, 20, basis_dtype=torch.float64)
    assert T.alphas.dtype == torch.float64
    gram = T.basis @ T.basis.T
    assert_close(gram, torch.eye(20, dtype=torch.float64), atol=100 * EPS, rtol=0)


@pytest.mark.parametrize(
    ("start", "num_matvecs", "message"),
    [
        (torch.ones(4), 0, r"num_matvecs must lie in \[1, 4\]"),
        (torch.ones(4), 5, r"num_matvecs must lie in \[1, 4\]"),
        (torch.zeros(4), 2, "start must be finite"),
        (torch.full((4,), float("nan")), 2, "start must be finite"),
        (torch.ones(3), 2, r"start must have shape \(4,\)"),
    ],
)
def test_refuses_what_it_cannot_start_from(start, num_matvecs, message):
    with pytest.raises(ValueError, match=message):
        lanczos(DenseOperator(torch.eye(4)), start, num_matvecs)


def test_refuses_an_operator_that_overflows():
    with pytest.raises(ValueError, match="not finite"):
        lanczos(DenseOperator(torch.full((3, 3), float("inf"))), torch.ones(3), 2)
