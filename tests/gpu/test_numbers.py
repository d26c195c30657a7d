"""On a CUDA device: the CPU's numbers, whatever memory holds the basis, and when memory ends."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.analysis.memory import PINNED, basis_rows
from landscape.curvature.operators import make_operator
from landscape.curvature.perturbation import example_losses
from landscape.data.dataset import cut
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.restart import Basis
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.model import CSNN

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8 * 9, 10),
    )  # fmt: skip


NETWORKS = {
    "convolutional": (convolutional, Loss("cross-entropy", cross_entropy)),
    "spiking": (lambda: CSNN(2, image_size=8), Loss("mse", mse)),
}


def make_risk(kind, device, dtype=torch.float64):
    make, loss = NETWORKS[kind]
    torch.manual_seed(0)
    model = make().to(device=device, dtype=dtype).eval()
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(24, 1, 8, 8, generator=rng, dtype=torch.float64)
    y = torch.randint(0, 10, (24,), generator=rng)
    return EmpiricalRisk(model, loss, cut(x.to(device, dtype), y.to(device), 10))


def spectral_run(risk, **settings):
    return analyse_spectrum(
        make_operator(risk, "hessian"), num_largest=4, num_smallest=2, num_probes=2, num_steps=10,
        max_matvecs=300, rng=torch.Generator().manual_seed(0), **{"tol": 1e-8} | settings,
    )  # fmt: skip


@pytest.mark.parametrize("kind", NETWORKS)
def test_eigenvalues_and_trace_are_those_of_the_cpu(kind):
    here, there = (spectral_run(make_risk(kind, device)) for device in ("cpu", CUDA))
    assert there.eigenpairs.vectors.device.type == "cuda"
    atol = 1e-10 * here.eigenpairs.norm
    assert_close(there.eigenpairs.values, here.eigenpairs.values, rtol=0, atol=atol)
    assert there.trace.mean == pytest.approx(here.trace.mean, rel=1e-8)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_basis_in_pinned_memory_changes_no_number(dtype, tmp_path):
    risk = make_risk("convolutional", CUDA)
    tol = 0.01 if dtype == torch.bfloat16 else 1e-8
    there, pinned = (
        spectral_run(risk, tol=tol, basis=Basis(dtype=dtype, allocate=allocate))
        for allocate in (None, basis_rows(CUDA, tmp_path, PINNED))
    )
    assert pinned.eigenpairs.vectors.is_pinned()
    atol = 2 * tol * there.eigenpairs.norm
    assert_close(pinned.eigenpairs.values, there.eigenpairs.values, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["hessian", "ggn"])
def test_products_in_float32_are_not_rounded_to_tf32(name):
    exact, found = (
        make_operator(make_risk("convolutional", CUDA, dtype), name)
        for dtype in (torch.float64, torch.float32)
    )
    v = torch.randn(exact.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = exact @ v
    error = float((found @ v).double().sub(expected).norm() / expected.norm())
    assert error < 1e-4  # TF32 has a rounding of 5e-4


def test_memory_that_really_ends_halves_the_batches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 4096), nn.Tanh(), nn.Linear(4096, 10)).to(CUDA)
    x, y = torch.randn(1 << 14, 16), torch.randint(0, 10, (1 << 14,))
    whole = [(x.to(CUDA), y.to(CUDA))]
    loss = Loss("cross-entropy", cross_entropy)
    risk, other = (EmpiricalRisk(model, loss, cut(*whole[0], size)) for size in (1 << 14, 1 << 10))
    expected = other.gradient(), example_losses(other, other.theta)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    room = torch.cuda.memory_reserved(CUDA) + (300 << 20)  # a layer's activations take 256 MiB
    torch.cuda.set_per_process_memory_fraction(room / total)
    try:
        with pytest.warns(RuntimeWarning, match="going on with batches of"):
            found = risk.gradient(), example_losses(risk, risk.theta)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert_close(found[0], expected[0], rtol=1e-4, atol=1e-6)
    assert_close(found[1], expected[1], rtol=1e-5, atol=1e-6)
