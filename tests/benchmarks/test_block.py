"""Blocks of vectors: the same products, and the count that theory gives."""

import pytest
import torch
from torch.testing import assert_close

pytest.importorskip("spikingjelly")
pytest.importorskip("curvlinops")
pytest.importorskip("hessian_eigenthings")

from benchmarks.block import _block_lanczos, _KeptProduct, _matrix, _tabular_risk


def test_products_at_once_are_those_one_at_a_time():
    risk = _tabular_risk(16)
    product = _KeptProduct(risk)
    rng = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, risk.num_params, generator=rng)
    assert_close(product.block(vectors), torch.stack([product(v) for v in vectors]))


def test_a_block_finds_as_many_copies_as_it_has_vectors():
    spectrum = 0.6 ** torch.arange(100, dtype=torch.float64)
    spectrum[-4:] = 2.0
    values = _block_lanczos(_matrix(spectrum), 4, 2.0).values
    assert_close(values, spectrum.sort(descending=True).values[:10], atol=2e-6, rtol=0)
