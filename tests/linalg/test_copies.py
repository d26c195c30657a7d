"""Multiple eigenvalues: every copy is found, or the ranks that are in doubt are marked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.operator import DenseOperator

N = 120
BULK = torch.linspace(-1, 1, N, dtype=torch.float64)


def with_copies(num_top, num_bottom=0, *, spread=0.0):
    """A bulk in [-1, 1] with ``num_top`` copies of 3 and ``num_bottom`` of -2, or clusters."""
    values = BULK.clone()
    values[:num_top] = 3 + spread * torch.arange(num_top)
    values[num_top : num_top + num_bottom] = -2 - spread * torch.arange(num_bottom)
    return values


SPECTRA = {
    **{f"{m} copies": with_copies(m) for m in (2, 5, 10, 15)},
    "copies at both ends": with_copies(6, 8),
    "clusters": with_copies(7, 4, spread=1e-9),
    "identity": torch.ones(N, dtype=torch.float64),
    "minus the identity": -torch.ones(N, dtype=torch.float64),
    "few distinct": torch.tensor([8.0, 6.0, 4.0, 2.0], dtype=torch.float64).repeat(N // 4),
    "low rank": torch.cat([torch.full((4,), 5.0), torch.full((3,), -1.0), torch.zeros(N - 7)]),
}


def by_checks(A, rng, **wanted):
    return extreme_eigenpairs(A, max_matvecs=2000, rng=rng, **wanted)


def by_probes(A, rng, **wanted):
    run = analyse_spectrum(A, max_matvecs=2000, num_probes=2, num_steps=15, rng=rng, **wanted)
    return run.eigenpairs


@pytest.mark.parametrize("find", [by_checks, by_probes])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_copy_is_found(name, dtype, find, seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    A = DenseOperator(operator_with(SPECTRA[name], rng).matrix.to(dtype))
    pairs = find(A, rng, num_largest=12, num_smallest=10, tol=1e-4)
    exact = torch.linalg.eigvalsh(A.matrix.double())
    assert bool(pairs.converged.all())
    assert_close(pairs.largest, exact.flip(0)[:12], atol=1e-4 * pairs.norm, rtol=0)
    assert_close(pairs.smallest, exact[:10], atol=1e-4 * pairs.norm, rtol=0)


@pytest.mark.parametrize("num_copies", [3, 7])
def test_ranks_in_doubt_are_marked_where_the_budget_ends_the_look(num_copies, operator_with, rng):
    A = operator_with(with_copies(num_copies), rng)
    wanted = {"num_largest": 8, "num_smallest": 1, "tol": 1e-3, "rng": rng}
    for max_matvecs in range(60, 220, 8):
        pairs = extreme_eigenpairs(A, max_matvecs=max_matvecs, **wanted)
        wrong = (pairs.largest - with_copies(num_copies).sort(descending=True).values[:8]).abs()
        wrong = wrong > 1e-3 * pairs.norm
        assert not bool((wrong & pairs.converged[:8]).any())
    assert bool(pairs.converged.all())


def test_where_all_products_cost_no_more_than_the_probes_everything_is_known(operator_with, rng):
    values = with_copies(10)
    A = operator_with(values, rng)
    run = analyse_spectrum(
        A, num_largest=3, num_smallest=2, tol=1e-6, max_matvecs=500, num_probes=6, num_steps=20,
        rng=rng,
    )  # fmt: skip
    assert A.num_matvecs == N + 5  # each dimension once, and each pair for its residual
    assert (run.trace.stderr, run.trace.num_probes) == (0.0, 0)
    assert run.trace.mean == pytest.approx(float(values.sum()))
    assert run.frobenius_squared.mean == pytest.approx(float((values**2).sum()))
    assert bool(run.eigenpairs.rank_shown.all())


def test_a_rank_is_shown_only_where_the_look_could_have_seen_more(operator_with, rng):
    values = with_copies(4)  # four far above the rest, the others at the edge of the bulk
    A = operator_with(values, rng)
    wanted = {"num_largest": 8, "num_smallest": 2, "tol": 1e-5, "max_matvecs": 2000, "rng": rng}
    pairs = extreme_eigenpairs(A, check_matvecs=12, **wanted)
    assert pairs.rank_shown[:4].all()
    assert not pairs.rank_shown[7]  # the bulk goes on, nearer than 12 steps resolve
    assert pairs.converged.all()
    assert extreme_eigenpairs(A, check_matvecs=50, **wanted).rank_shown.all()
    unchecked = extreme_eigenpairs(A, check_matvecs=0, **wanted)
    assert not unchecked.rank_shown.any()


distinct = st.lists(st.floats(-10, 10, width=16), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(distinct, st.lists(st.integers(0, 11), max_size=28), st.integers(0, 2**31), st.booleans())
def test_what_is_marked_converged_has_its_rank(values, repeated, seed, single):
    values = torch.tensor(values + [values[i % len(values)] for i in repeated]).double()
    n = len(values)
    rng = torch.Generator().manual_seed(seed)
    frame = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0]
    matrix = (frame * values) @ frame.T
    A = DenseOperator((matrix + matrix.T).to(torch.float32 if single else torch.float64) / 2)
    exact = np.linalg.eigvalsh(A.matrix.double().numpy())
    for max_matvecs in (24, 40, 400):
        pairs = extreme_eigenpairs(
            A, num_largest=6, num_smallest=4, tol=1e-4, max_matvecs=max_matvecs, rng=rng
        )
        run = analyse_spectrum(
            A, num_largest=6, num_smallest=4, tol=1e-4, max_matvecs=max_matvecs + 10,
            num_probes=2, num_steps=6, rng=rng,
        )  # fmt: skip
        for found in (pairs, run.eigenpairs):
            atol = 1e-4 * abs(exact).max()
            for end, right, converged in (
                (found.largest, exact[::-1], found.converged),
                (found.smallest, exact, found.converged.flip(0)),
            ):
                is_right = np.isclose(end, right[: len(end)], atol=atol, rtol=0)
                assert is_right[converged[: len(end)].numpy()].all()
