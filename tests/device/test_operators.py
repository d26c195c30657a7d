"""Operators, their spectra and traces, on a device beside the CPU: the CPU's numbers."""

import pytest
import torch
from memory import Memory
from torch.testing import assert_close

from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.density import low_memory_density
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings, TraceSettings
from landscape.analysis.spectrum.trace import trace_of
from landscape.curvature.operators import make_operator
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.krylov import analyse_spectrum, subspace_overlap
from landscape.linalg.restart import Basis

OPERATORS = [
    *((kind, name) for kind in ("dense", "convolutional") for name in ("hessian", "ggn", "fisher")),
    *(("spiking", name) for name in ("hessian", "ggn", "smooth-hessian")),
    ("csnn", "hessian"),
]  # fmt: skip
SETTINGS = SpectrumSettings(
    operator="hessian", num_largest=2, num_smallest=1, tol=1e-6, num_probes=2, num_steps=3,
    max_matvecs=60,
)  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), OPERATORS)
def test_products_and_gradients(kind, name, on_both, device):
    here, there = on_both(kind)
    assert there.risk.theta.device == device
    assert there.subject.loss == pytest.approx(here.subject.loss, rel=1e-13)
    assert_close(there.risk.gradient().cpu(), here.risk.gradient())
    for scale in ("none", "filter"):
        A, B = (
            make_operator(t.risk, name, scale=scale, weight_decay=0.1, graph_budget=1 << 20)
            for t in (here, there)
        )
        v = torch.ones(A.dim, dtype=torch.float64)
        for _ in range(2):  # by graphs that are built, and by those kept
            assert_close((B @ v).cpu(), A @ v)


def _pairs(target, **settings):
    return extreme_eigenpairs(
        make_operator(target.risk, "hessian"), num_largest=2, num_smallest=1, max_matvecs=200,
        rng=torch.Generator().manual_seed(0), **{"tol": 1e-9} | settings,
    )  # fmt: skip


def test_eigenpairs(on_both, device):
    here, there = (_pairs(target, verify_matvecs=2) for target in on_both("dense"))
    assert there.vectors.device == device
    assert_close(there.values, here.values)
    assert subspace_overlap(there.vectors.cpu(), here.vectors) == pytest.approx(1)
    assert there.orthogonality_loss < 1e-12


def test_a_bfloat16_basis(on_both):
    here, there = (_pairs(t, tol=0.01, basis=Basis(dtype=torch.bfloat16)) for t in on_both("dense"))
    assert_close(there.values, here.values, rtol=0, atol=0.01 * here.norm)


def _spectral(target, allocate=None, **settings):
    A = make_operator(target.risk, "ggn")
    return analyse_spectrum(
        A, num_largest=2, num_smallest=0, tol=1e-6, num_probes=2, num_steps=3, max_matvecs=80,
        rng=torch.Generator().manual_seed(0), basis=Basis(max_rows=6, allocate=allocate),
        **settings,
    )  # fmt: skip


def test_a_basis_on_the_host_and_a_state_that_went_through_it(on_both):
    def on_host(rows, dim, dtype):
        return torch.empty(rows, dim, dtype=dtype)

    memory, (here, there) = Memory(), on_both("dense")
    expected = _spectral(here)
    found = _spectral(there, allocate=on_host, keep=memory)
    resumed = _spectral(there, keep=Memory(memory.states[len(memory.states) // 2]))
    for run in (found, resumed):
        assert_close(run.eigenpairs.values, expected.eigenpairs.values)
        assert run.trace.mean == pytest.approx(expected.trace.mean)


def test_the_whole_spectral_run_with_shards(on_both):
    here, there = (
        spectrum(
            target,
            settings=SpectrumSettings(**vars(SETTINGS) | {"num_shards": 2, "tol": 1e-3}),
            progress=quiet,
        )
        for target in on_both("convolutional")
    )
    for a, b in zip(here.eigenvalues.largest, there.eigenvalues.largest, strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-6)
    assert there.trace.trace.mean == pytest.approx(here.trace.trace.mean)
    assert_close(there.density.density, here.density.density, rtol=1e-4, atol=1e-6)


def _killed_after(units):
    def progress(done, total):
        if done == units:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("method", ["exact", "hutchinson", "hutch++", "xtrace", "xnystrace"])
def test_traces_also_cut_off_and_gone_on_with(method, on_both, tmp_path):
    here, there = on_both("dense")
    # What is exact is chosen where there are products enough.
    asked, budget = ("auto", 2 * here.risk.num_params) if method == "exact" else (method, 18)
    settings = TraceSettings(operator="ggn", method=asked, num_matvecs=budget, rel_error=None)
    expected = trace_of(here, settings=settings, progress=quiet)
    path = tmp_path / "trace.state"
    with pytest.raises(KeyboardInterrupt):
        trace_of(there, settings=settings, state=path, progress=_killed_after(7))
    assert path.exists()
    found = trace_of(there, settings=settings, state=path, progress=quiet)
    assert found.method == expected.method == method
    assert found.trace.mean == pytest.approx(expected.trace.mean)
    assert found.frobenius_norm.mean == pytest.approx(expected.frobenius_norm.mean)
    assert found.num_matvecs == expected.num_matvecs


def test_the_density_in_little_memory(on_both):
    here, there = (
        low_memory_density(target, settings=SETTINGS, progress=quiet) for target in on_both("dense")
    )
    assert_close(there.density, here.density, rtol=1e-6, atol=1e-9)
