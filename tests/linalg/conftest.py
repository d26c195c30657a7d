"""Spectra that have broken eigensolvers before, and matrices that have them."""

import pytest
import torch

from landscape.linalg.operator import DenseOperator

SPECTRA = {
    "separated": [-3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 11.0, 13.0, 17.0, 19.0],
    "clustered": [1.0 + 1e-6 * i for i in range(6)] + [5.0 + 1e-6 * i for i in range(6)],
    "multiple": [-2.0] * 3 + [0.0] * 4 + [3.0] * 3 + [8.0] * 2,
    "zero": [0.0] * 12,
    "negative": [-float(2**i) for i in range(12)],
    "rank-deficient": [0.0] * 9 + [1.0, 2.0, 5.0],
    "tiny": [1e-12 * i for i in range(1, 13)],
    "ill-conditioned": [10.0**-i for i in range(11)] + [1e-12],
    "identity": [1.0] * 12,
}


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=SPECTRA.values(), ids=SPECTRA)
def spectrum(request):
    return torch.tensor(request.param, dtype=torch.float64)


@pytest.fixture
def operator_with():
    """Build an operator with given eigenvalues in a random orthonormal frame."""

    def build(eigenvalues, rng):
        values = torch.as_tensor(eigenvalues, dtype=torch.float64)
        n = len(values)
        frame = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0]
        matrix = (frame * values) @ frame.T
        return DenseOperator((matrix + matrix.T) / 2)

    return build
