"""Warm starts against dense eigenvalues, through crossings between blocks that do not touch."""

import pytest
import torch

from landscape.linalg.operator import DenseOperator
from landscape.linalg.warm import largest_from

FEW = {"tol": 1e-2, "least": 4, "most": 12}


def block(largest, n, rng):
    """A dense block with ``largest`` on top of a spectrum in [-1, 1]."""
    values = torch.linspace(-1, 1, n, dtype=torch.float64)
    values[-1] = largest
    frame = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0]
    return (frame * values) @ frame.T


def test_the_whole_space_gives_the_eigenvalue_and_its_residual(spectrum, rng, operator_with):
    A = operator_with(spectrum, rng)
    scale = float(spectrum.abs().max())
    pair = largest_from(A, None, rng=rng, tol=0.0, least=1, most=A.dim)
    again = largest_from(A, pair.rows, rng=rng, tol=0.0, least=1, most=A.dim)
    for found in (pair, again):
        x = found.rows[0]
        assert found.value == pytest.approx(float(spectrum.max()), abs=1e-12 * scale)
        gap = float((A.matrix @ x - found.value * x).norm())
        assert gap == pytest.approx(found.residual, abs=1e-12 * scale)
        assert torch.allclose(found.rows @ found.rows.T, torch.eye(len(found.rows)).double())


@pytest.mark.parametrize("num_matvecs", [3, 5, 8])
@pytest.mark.parametrize("is_warm", [False, True])
def test_the_residual_is_that_of_the_pair(num_matvecs, is_warm, rng):
    n = 40
    A = DenseOperator(block(5.0, n, rng))
    warm = torch.linalg.qr(torch.randn(n, 2, generator=rng).double())[0].T if is_warm else None
    found = largest_from(A, warm, rng=rng, tol=0.0, least=1, most=num_matvecs)
    x = found.rows[0]
    assert A.num_matvecs == num_matvecs
    assert float(x @ A.matrix @ x) == pytest.approx(found.value, rel=1e-12)
    assert float((A.matrix @ x - found.value * x).norm()) == pytest.approx(found.residual)
    assert found.value <= 5.0 + 1e-12
    if is_warm:
        assert found.overlap == pytest.approx(float((x @ warm[0]).abs()))


def test_a_vector_that_stayed_takes_the_least_and_one_that_turned_more(rng):
    n = 60
    matrix = block(1.5, n, rng)
    A = DenseOperator(matrix)
    pair = largest_from(A, None, rng=rng, tol=1e-3, least=4, most=60)
    before = A.num_matvecs
    largest_from(A, pair.rows, rng=rng, **FEW)
    assert A.num_matvecs - before == len(pair.rows) + FEW["least"]
    frame = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0]
    turned = DenseOperator(frame @ matrix @ frame.T)
    found = largest_from(turned, pair.rows, rng=rng, **FEW)
    assert turned.num_matvecs > len(pair.rows) + FEW["least"]
    assert found.value == pytest.approx(1.5, abs=found.residual)


@pytest.mark.parametrize("seed", range(20))
def test_a_crossing_between_decoupled_blocks_is_found_within_three_calls(seed):
    """Another block overtakes, while the warm vector is exact in its own and shows no residual."""
    rng = torch.Generator().manual_seed(seed)
    ours, theirs = block(5.0, 60, rng), 4 * block(2.0, 60, rng)  # 8 on a spectrum in [-4, 4]
    A = DenseOperator(torch.block_diag(ours, theirs))
    rows = torch.zeros(1, 120, dtype=torch.float64)
    rows[0, :60] = torch.linalg.eigh(ours)[1][:, -1]  # all that is known lies in the first block
    alone = A.matrix @ rows[0]
    assert float((alone - 5.0 * rows[0]).norm()) < 1e-12  # what a warm vector by itself would show
    for _ in range(3):
        found = largest_from(A, rows, rng=rng, **FEW)
        rows = found.rows
    assert found.value == pytest.approx(8.0, rel=1e-2)


def test_float32_and_small_spaces(rng):
    A = DenseOperator(torch.diag(torch.tensor([3.0, 1.0])))
    found = largest_from(A, None, rng=rng, **FEW)
    again = largest_from(A, found.rows, rng=rng, **FEW)
    assert again.rows.dtype == torch.float32
    assert again.value == pytest.approx(3.0, rel=1e-5)
    one = DenseOperator(torch.tensor([[2.0]]))
    assert largest_from(one, torch.ones(1, 1), rng=rng, **FEW).value == pytest.approx(2.0)
    large = DenseOperator(torch.diag(torch.tensor([3e9, 2e9, 1e9, 1.0])))  # 1 is no rounding of it
    found = largest_from(large, torch.eye(4)[:2].flip(0), rng=rng, **FEW)
    assert found.value == pytest.approx(3e9, rel=1e-5)
    none = DenseOperator(torch.zeros(5, 5))
    assert largest_from(none, None, rng=rng, **FEW).value == 0.0
