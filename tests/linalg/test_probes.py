import pytest
import torch
from torch.testing import assert_close

from landscape.linalg.operator import DeflatedOperator, DenseOperator
from landscape.linalg.probes import normal, rademacher, sphere


@pytest.mark.parametrize("draw", [rademacher, normal, sphere])
def test_covariance_is_the_identity(draw, rng):
    A = DenseOperator(torch.eye(5, dtype=torch.float64))
    Z = torch.stack([draw(A, rng) for _ in range(20_000)])
    # Entries of the sample covariance have a standard deviation of at most √2 / √20,000 = 0.01.
    assert_close(Z.T @ Z / 20_000, torch.eye(5, dtype=torch.float64), atol=0.05, rtol=0)
    assert float(Z.mean(0).abs().max()) < 0.03


def test_lengths(rng):
    A = DenseOperator(torch.eye(50, dtype=torch.float64))
    assert float(sphere(A, rng).norm()) == pytest.approx(50**0.5)
    assert set(rademacher(A, rng).tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("draw", [rademacher, normal, sphere])
def test_one_seed_gives_one_probe_in_every_dtype(draw):
    def probe(dtype):
        A = DenseOperator(torch.eye(9, dtype=dtype))
        return draw(A, torch.Generator().manual_seed(3))

    assert probe(torch.float32).dtype == torch.float32
    assert_close(probe(torch.float32).double(), probe(torch.float64), atol=1e-6, rtol=1e-6)
    assert torch.equal(probe(torch.float64), probe(torch.float64))


def test_operators_check_shapes_and_count_products(rng):
    A = DenseOperator(torch.eye(4))
    A @ torch.ones(4)
    A @ torch.ones(4, dtype=torch.float64)
    assert A.num_matvecs == 2
    with pytest.raises(ValueError, match=r"DenseOperator acts on vectors of shape \(4,\)"):
        A @ torch.ones(3)
    with pytest.raises(ValueError, match="matrix must be square"):
        DenseOperator(torch.ones(2, 3))
    with pytest.raises(ValueError, match="vectors must be rows of length 4"):
        DeflatedOperator(A, torch.ones(2, 3))
