"""Residuals by fresh products: true ones, or bounds of them."""

import pytest
import torch
from diagonal import network_spectrum
from memory import Memory
from torch.testing import assert_close

from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.operator import DenseOperator

EPS = torch.finfo(torch.float64).eps


def run(A, rng, **settings):
    defaults = {"num_largest": 10, "num_smallest": 10, "max_matvecs": 400, "rng": rng}
    return extreme_eigenpairs(A, **{**defaults, **settings})


def true_residuals(A, pairs):
    V = pairs.vectors.double()
    return torch.linalg.vector_norm(V @ A.matrix.double() - pairs.values[:, None] * V, dim=1)


def test_residuals_are_those_of_the_matrix(operator_with, rng):
    A = operator_with(network_spectrum(200), rng)
    pairs = run(A, rng, num_largest=3, num_smallest=3, tol=1e-3)
    theta = pairs.values
    assert_close(pairs.residuals, true_residuals(A, pairs), atol=100 * EPS * pairs.norm, rtol=0)
    exact = torch.linalg.eigvalsh(A.matrix)
    distance = (theta[:, None] - exact).abs().min(1).values
    assert bool((distance <= pairs.residuals + 100 * EPS * pairs.norm).all())


def test_sketched_residuals_bound_the_true_ones(operator_with, rng):
    exact = operator_with(network_spectrum(300), rng)
    for A in (exact, DenseOperator(exact.matrix.float())):
        pairs = run(A, rng, tol=1e-4, verify_matvecs=6)
        assert pairs.num_verification == 6
        assert bool((true_residuals(A, pairs) <= pairs.residuals + 1e-14 * pairs.norm).all())
        assert bool(pairs.converged.all())


# Rounding alone differs from what the search knows, what the look has left of it included: ‖E‖_F is
# about 20^½ eps ‖A‖ of 20 pairs, which is raised by 2,900 after one product, and 12 after three.
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 3), (torch.float64, 1)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_few_products_show_the_residuals_of_many_pairs(dtype, most, seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    A = DenseOperator(operator_with(network_spectrum(300), rng).matrix.to(dtype))
    pairs = run(A, rng, tol=1e-4)
    assert pairs.num_check >= 20
    assert pairs.num_verification <= most
    assert bool(pairs.converged.all())
    assert bool((true_residuals(A, pairs) <= pairs.residuals).all())


def test_where_a_few_products_do_not_show_a_residual_the_pair_has_its_own(operator_with, rng):
    A = DenseOperator(operator_with(network_spectrum(300), rng).matrix.float())
    pairs = run(A, rng, tol=4e-7)  # little above rounding
    assert pairs.num_verification <= 8 + 20
    # A product in float32, and the orthogonality of float32 rows: 300 terms each.
    rounding = 300**0.5 * torch.finfo(torch.float32).eps * pairs.norm
    is_true = (pairs.residuals - true_residuals(A, pairs)).abs() <= rounding
    assert int(is_true.sum()) >= pairs.num_verification - 8 > 0
    assert A.num_matvecs == pairs.num_matvecs


@pytest.mark.parametrize("tol", [1e-4, 4e-7])
def test_continues_in_the_midst_of_look_and_verification(tol, operator_with):
    A = DenseOperator(operator_with(network_spectrum(300), torch.Generator()).matrix.float())
    memory = Memory()
    whole = run(A, torch.Generator().manual_seed(5), keep=memory, tol=tol)
    for left in range(1, whole.num_verification + 12, 3):
        rest = run(A, torch.Generator(), keep=Memory(memory.states[-left]), tol=tol)
        assert torch.equal(rest.residuals, whole.residuals)
        assert rest.num_matvecs == whole.num_matvecs
