import math

import numpy as np
import pytest
import torch
from diagonal import Diagonal, network_spectrum
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import Memory
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.testing import assert_close

from landscape.linalg import eigen
from landscape.linalg.eigen import choose_max_basis, extreme_eigenpairs, krylov_memory
from landscape.linalg.operator import DenseOperator
from landscape.linalg.restart import Basis

EPS = torch.finfo(torch.float64).eps


def run(A, rng, **settings):
    defaults = {"num_largest": 3, "num_smallest": 3, "tol": 1e-8, "max_matvecs": 400, "rng": rng}
    return extreme_eigenpairs(A, **{**defaults, **settings})


@pytest.fixture
def start_from(monkeypatch):
    """Have a run's first Lanczos vector be this one; later ones are drawn."""

    def set_first(start):
        waiting, draw = [start], eigen.sphere
        monkeypatch.setattr(
            eigen, "sphere", lambda A, rng: waiting.pop() if waiting else draw(A, rng)
        )

    return set_first


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_both_ends_of_every_spectrum(spectrum, scale, operator_with, rng):
    values = (scale * spectrum).sort(descending=True).values
    A = operator_with(values, rng)
    pairs = run(A, rng)

    atol = 1e-8 * float(values.abs().max())
    assert bool(pairs.converged.all())
    assert_close(pairs.largest, values[:3], atol=atol, rtol=0)
    assert_close(pairs.smallest, values[-3:].flip(0), atol=atol, rtol=0)
    assert A.num_matvecs == pairs.num_matvecs
    V = pairs.vectors
    assert_close(V @ V.T, torch.eye(6, dtype=torch.float64), atol=100 * EPS, rtol=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_agrees_with_numpy_across_restarts(seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    A = operator_with(network_spectrum(300), rng)
    pairs = run(A, rng, num_largest=8, num_smallest=4, basis=Basis(max_rows=15), max_matvecs=2000)

    exact, vectors = np.linalg.eigh(A.matrix.numpy())
    assert pairs.num_restarts > 3
    assert bool(pairs.converged.all())
    np.testing.assert_allclose(pairs.largest, exact[::-1][:8], atol=1e-8 * pairs.norm)
    np.testing.assert_allclose(pairs.smallest, exact[:4], atol=1e-8 * pairs.norm)
    # Simple eigenvectors are unique up to sign; their error is residual / gap.
    overlap = abs(np.sum(pairs.vectors.numpy()[:8] * vectors.T[::-1][:8], axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-10)


def test_finds_every_copy_of_a_multiple_eigenvalue(operator_with, rng):
    values = network_spectrum(300)
    values[:4] = 20.0  # four copies on top, each invisible to the Krylov space of the others
    values[10:12] = -0.3
    pairs = run(operator_with(values, rng), rng, num_largest=6, num_smallest=3)
    exact = values.sort(descending=True).values
    assert_close(pairs.largest, exact[:6], atol=1e-7, rtol=0)
    assert_close(pairs.smallest, exact[-3:].flip(0), atol=1e-7, rtol=0)


def test_unseen_bounds_hold_and_say_when_they_cannot(operator_with, rng):
    values = network_spectrum(400).sort(descending=True).values
    for _ in range(5):
        pairs = run(operator_with(values, rng), rng, num_largest=4, num_smallest=2, tol=1e-5)
        assert pairs.unseen_above is not None
        assert pairs.unseen_above >= float(values[4])
        assert pairs.unseen_below <= float(values[-3])
    unchecked = run(operator_with(values, rng), rng, check_matvecs=0)
    assert (unchecked.unseen_above, unchecked.num_check) == (None, 0)


COUNTED = {
    "network": network_spectrum(2000),
    "geometric": torch.logspace(0, -6, 500, dtype=torch.float64),
    "flat": torch.linspace(-1, 1, 300, dtype=torch.float64),
}


@pytest.mark.parametrize(
    ("name", "k", "which", "tol"),
    [
        ("network", 10, "LA", 1e-6),
        ("network", 20, "BE", 1e-6),
        ("network", 20, "BE", 1e-3),
        ("network", 5, "SA", 1e-6),
        ("geometric", 10, "LA", 1e-6),
        ("geometric", 30, "LA", 1e-9),
        ("flat", 10, "LA", 1e-3),
        ("flat", 20, "BE", 1e-3),
    ],
)
def test_takes_no_more_matvecs_than_arpack_to_its_residual(name, k, which, tol, rng, start_from):
    A, calls = Diagonal(COUNTED[name]), []
    values = COUNTED[name].numpy()

    def product(v):
        calls.append(1)
        return values * v

    start = torch.randn(A.dim, generator=rng, dtype=torch.float64)
    op = LinearOperator((A.dim, A.dim), product, dtype=float)
    theta, V = eigsh(op, k=k, which=which, tol=tol, v0=start.numpy())
    arpack_residual = np.linalg.norm(values[:, None] * V - V * theta, axis=0).max()

    num_largest = {"LA": k, "BE": k // 2, "SA": 0}[which]
    start_from(start)
    pairs = run(
        A,
        rng,
        num_largest=num_largest,
        num_smallest=k - num_largest,
        max_matvecs=20_000,
        # The search drives residuals to half of the tolerance: to ARPACK's own.
        tol=2 * arpack_residual / abs(values).max(),
    )
    V = pairs.vectors.numpy()
    true = np.linalg.norm(values * V - pairs.values.numpy()[:, None] * V, axis=1)
    assert true.max() <= arpack_residual + 100 * EPS * pairs.norm
    # ARPACK neither verifies its pairs nor looks for further copies: those products come on top.
    assert pairs.num_matvecs - pairs.num_verification - pairs.num_check <= len(calls)


def test_marks_pairs_that_have_not_converged_and_keeps_the_limit(operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 300), rng)
    pairs = run(A, rng, num_largest=5, num_smallest=0, max_matvecs=40)
    assert A.num_matvecs <= 40
    assert not bool(pairs.converged.all())
    assert bool((pairs.residuals[~pairs.converged] > 1e-8 * pairs.norm).all())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_more_pairs_asked_for_than_there_are(n, operator_with, rng):
    values = torch.arange(1.0, n + 1, dtype=torch.float64)
    pairs = run(operator_with(values, rng), rng, num_largest=4, num_smallest=3)
    assert_close(pairs.values, values.flip(0), atol=1e-12, rtol=0)
    assert_close(pairs.largest, values.flip(0)[:4], atol=1e-12, rtol=0)
    assert_close(pairs.smallest, values[:3], atol=1e-12, rtol=0)
    assert (pairs.unseen_below, pairs.unseen_above) == pytest.approx((1.0, n))


def test_single_precision_reaches_its_own_floor_and_says_so(operator_with, rng):
    A = DenseOperator(operator_with(network_spectrum(300), rng).matrix.float())
    good = run(A, rng, tol=1e-5)
    assert bool(good.converged.all())
    assert good.vectors.dtype == torch.float32
    exact = torch.linalg.eigvalsh(A.matrix.double())
    assert_close(good.largest, exact.flip(0)[:3], atol=1e-5 * good.norm, rtol=0)
    too_much = run(A, rng, tol=1e-9, max_matvecs=200)
    assert not bool(too_much.converged.all())


@pytest.mark.parametrize("stop_at", [1, 7, 20, 35, 50])
def test_continues_from_a_state_to_the_same_result(stop_at, operator_with):
    def fresh():
        return torch.Generator().manual_seed(5)

    A = operator_with(network_spectrum(200), fresh())
    settings = {"num_largest": 4, "num_smallest": 4, "basis": Basis(max_rows=16), "tol": 1e-6}
    memory = Memory()
    whole = run(A, fresh(), keep=memory, **settings)
    before, begun = A.num_matvecs, memory.states[stop_at]
    rest = run(A, torch.Generator(), keep=Memory(begun), **settings)
    assert torch.equal(rest.values, whole.values)
    assert torch.equal(rest.vectors, whole.vectors)
    assert torch.equal(rest.residuals, whole.residuals)
    assert rest.num_matvecs == whole.num_matvecs
    assert A.num_matvecs - before == whole.num_matvecs - int(begun["num_matvecs"])


def test_refuses_a_state_of_other_settings(operator_with, rng):
    A = operator_with(network_spectrum(100), rng)
    memory = Memory()
    run(A, rng, basis=Basis(max_rows=20), keep=memory)
    with pytest.raises(ValueError, match="begun with num_largest = 3, this run has 2"):
        run(A, rng, num_largest=2, basis=Basis(max_rows=20), keep=Memory(memory.states[0]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_largest": 0, "num_smallest": 0}, "not both 0"),
        ({"tol": 0.0}, r"tol must lie in \(0, 1\)"),
        ({"basis": Basis(max_rows=7)}, "max_rows must be at least 8"),
        ({"max_matvecs": 11}, "max_matvecs must be at least 12"),
    ],
)
def test_refuses_settings_that_cannot_work(settings, message, operator_with, rng):
    with pytest.raises(ValueError, match=message):
        run(operator_with(torch.arange(20.0), rng), rng, **settings)


def test_memory_is_stated_and_obeyed():
    assert krylov_memory(1000, 50, torch.float32) == 54 * 4000 + 16 * 2500
    rows = choose_max_basis(13_000_000, 50, torch.float32)
    assert krylov_memory(13_000_000, rows, torch.float32) < 1.01 * (8 << 30)
    assert choose_max_basis(10**5, 10, torch.float32) == 130
    with pytest.raises(ValueError, match=r"more than the 0\.00 GB given"):
        choose_max_basis(10**6, 10, torch.float32, memory=10**6)


def test_start_vector_with_no_part_in_the_wanted_vectors_is_caught(rng, start_from):
    A = DenseOperator(torch.diag(torch.arange(40, dtype=torch.float64)))
    start = torch.ones(40, dtype=torch.float64)
    start[-1] = 0  # the Krylov space of this start never contains the top eigenvector
    start_from(start)
    pairs = run(A, rng, num_largest=2, num_smallest=0)
    assert_close(pairs.largest, torch.tensor([39.0, 38.0], dtype=torch.float64))
    assert math.isfinite(pairs.norm)


symmetric = st.integers(1, 9).flatmap(
    lambda n: st.lists(st.floats(-100, 100, width=32), min_size=n * n, max_size=n * n)
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(symmetric, st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**31))
def test_any_small_matrix_agrees_with_numpy(entries, num_largest, num_smallest, seed):
    n = math.isqrt(len(entries))
    M = torch.tensor(entries, dtype=torch.float64).view(n, n)
    A = DenseOperator(M + M.T)
    rng = torch.Generator().manual_seed(seed)
    pairs = run(A, rng, num_largest=num_largest, num_smallest=num_smallest)
    exact = np.linalg.eigvalsh(A.matrix.numpy())
    atol = 1e-8 * max(1e-300, abs(exact).max())
    np.testing.assert_allclose(pairs.largest, exact[::-1][:num_largest], atol=atol, rtol=0)
    np.testing.assert_allclose(pairs.smallest, exact[:num_smallest], atol=atol, rtol=0)
    assert bool(pairs.converged.all())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.floats(1e-10, 1e10), st.floats(-5, 5), st.integers(0, 2**31))
def test_eigenvalues_follow_scale_and_shift(scale, shift, seed):
    rng = torch.Generator().manual_seed(seed)
    M = torch.randn(30, 30, generator=rng, dtype=torch.float64)
    M = M + M.T
    moved = scale * (M + shift * torch.eye(30, dtype=torch.float64))
    base = run(DenseOperator(M), torch.Generator().manual_seed(1))
    other = run(DenseOperator(moved), torch.Generator().manual_seed(1))
    expected = scale * (base.values + shift)
    assert_close(other.values, expected, atol=2e-8 * scale * (base.norm + 5), rtol=0)
