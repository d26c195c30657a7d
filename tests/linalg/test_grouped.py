"""Products made group by group: against dense matrices, and within a Krylov run."""

import pytest
import torch
from memory import Memory
from torch.testing import assert_close

from landscape.linalg.grouped import INNER, GroupedOperator, GroupSums, Split, TopShares
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.operator import DenseOperator
from landscape.linalg.trace import frobenius_squared

K, N = 16, 80


@pytest.fixture
def matrices(rng):
    """Of 16 groups, and of examples left over: noise around a spectrum with a few large values."""
    frame = torch.linalg.qr(torch.randn(N, N, generator=rng, dtype=torch.float64))[0]
    values = torch.cat([torch.arange(12.0, 0, -1), torch.linspace(-0.2, 0.3, N - 12)]).double()
    noise = torch.randn(K + 1, N, N, generator=rng, dtype=torch.float64)
    return (frame * values) @ frame.T + 0.1 * (noise + noise.mT)


@pytest.fixture
def grouped(matrices):
    *groups, rest = map(DenseOperator, matrices)
    return GroupedOperator(groups, 3 / 50, rest)  # groups of 3 of 50 examples; 2 left over


@pytest.fixture
def dense(matrices):
    return (3 * matrices[:-1].sum(0) + 2 * matrices[-1]) / 50


def test_a_product_is_that_of_the_whole_and_costs_one(grouped, dense, rng):
    x = torch.randn(N, generator=rng, dtype=torch.float64)
    assert_close(grouped @ x, dense @ x)
    product, _ = grouped.product(x)
    assert_close(product, dense @ x)
    assert grouped.num_matvecs == 2
    assert all(A.num_matvecs == 2 for A in grouped.parts)


def test_a_basis_gives_traces_and_products_of_the_groups(grouped, matrices):
    tables = [grouped.product(e)[1] for e in torch.eye(N, dtype=torch.float64)]
    sums = GroupSums.of(torch.stack(tables).sum(0))
    parts = matrices[:-1]
    inner = torch.einsum("gab,hab->gh", parts, parts)
    others = inner.sum(1) - inner.diagonal()
    assert_close(sums.traces, torch.einsum("gaa->g", parts))
    assert_close(sums.with_others, others / (K - 1))
    between = float(others.mean()) / (K - 1)
    assert sums.excess == pytest.approx(float(parts.mean(0).square().sum()) - between)


def test_shares_along_vectors_are_those_of_the_matrices(grouped, matrices, rng):
    V = torch.linalg.qr(torch.randn(N, 5, generator=rng, dtype=torch.float64))[0].T
    tables = [grouped.product(v, [lambda j=j: V[j] for j in range(5)])[1] for v in V[:2]]
    top = TopShares.of(tables)
    products = torch.einsum("gab,ib->gia", matrices[:-1], V[:2])
    assert_close(top.forms, torch.einsum("gia,ja->gij", products, V))
    assert_close(top.squares, products.square().sum(2))
    assert_close(top.mean_squares, products.mean(0).square().sum(1))


def test_long_vectors_have_inner_products_with_others_to_a_few_per_cent(rng):
    n = 50_001
    diagonals = 1 + 0.3 * torch.randn(4, n, generator=rng, dtype=torch.float64)

    class Diagonal(DenseOperator):
        def __init__(self, diagonal):
            self.diagonal, self.dim = diagonal, n
            self.dtype, self.device = diagonal.dtype, diagonal.device

        def _matvec(self, v):
            return self.diagonal * v

    x = torch.randn(n, generator=rng, dtype=torch.float64)
    A = GroupedOperator([Diagonal(d) for d in diagonals], 1 / 4)
    sums = GroupSums.of(A.product(x)[1])
    inner = (diagonals * x) @ (diagonals * x).T
    others = (inner.sum(1) - inner.diagonal()) / 3
    excess = float((diagonals.mean(0) * x).square().sum()) - float(others.mean())
    assert sums.excess == pytest.approx(excess, rel=1e-9)
    # The sketch of 4,096 numbers has a standard error of 1/64 of the lengths; four of them.
    assert float((sums.with_others / others - 1).abs().max()) < 4 / 64


def run(dense, split, rng, **settings):
    defaults = {
        "num_largest": 10,
        "num_smallest": 2,
        "tol": 1e-6,
        "num_probes": 3,
        "num_steps": 5,
        "max_matvecs": 300,
        "split": split,
        "rng": rng,
    }
    return analyse_spectrum(DenseOperator(dense), **{**defaults, **settings})


def test_a_run_takes_no_product_more_and_finds_the_same(grouped, dense):
    plain, split = (
        run(dense, how, torch.Generator().manual_seed(1)) for how in (None, Split(grouped, 5, 10))
    )
    assert plain.groups is None
    assert split.num_matvecs == plain.num_matvecs
    assert grouped.num_matvecs == 12 + 3  # the verification, and a probe's first product each
    assert_close(split.eigenpairs.values, plain.eigenpairs.values)
    assert_close(split.eigenpairs.residuals, plain.eigenpairs.residuals, atol=1e-12, rtol=0)
    assert split.trace.mean == pytest.approx(plain.trace.mean)


def test_a_run_s_shares_are_those_of_its_vectors(grouped, dense, matrices, rng):
    found = run(dense, Split(grouped, 5, 10), rng)
    V = found.eigenpairs.vectors[:10]
    products = torch.einsum("gab,ib->gia", matrices[:-1], V[:5])
    assert_close(found.groups.top.forms, torch.einsum("gia,ja->gij", products, V))


def test_sums_over_the_groups_are_unbiased_and_exact_where_all_pairs_are_wanted(
    grouped, dense, matrices
):
    parts = matrices[:-1]
    exact = torch.einsum("gaa->g", parts)
    inner = torch.einsum("gab,hab->gh", parts, parts)
    between = float(inner.sum() - inner.trace()) / (K * (K - 1))
    excess = float(parts.mean(0).square().sum()) - between
    rng = torch.Generator().manual_seed(0)
    whole = run(dense, Split(grouped, 5, 10), rng, num_largest=N, num_smallest=0)
    assert_close(whole.groups.sums.traces, exact)
    assert whole.groups.sums.excess == pytest.approx(excess)
    found = [
        run(dense, Split(grouped, 1, 6), torch.Generator().manual_seed(seed), num_largest=6).groups
        for seed in range(40)
    ]
    for name, value in (("traces", exact), ("excess", torch.tensor(excess).double())):
        samples = torch.stack([torch.as_tensor(getattr(g.sums, name)) for g in found])
        error = samples.mean(0) - value
        assert bool((error.abs() <= 5 * samples.std(0) / 40**0.5).all()), name


def test_of_many_pairs_the_largest_are_verified_one_by_one(grouped, dense, rng):
    """The others by random combinations, whose shares are without bias those of all pairs."""
    found = run(dense, Split(grouped, 5, 10), rng, num_smallest=8, verify_matvecs=12)
    pairs = found.eigenpairs
    assert pairs.num_verification == 5 + 12
    product = dense @ pairs.vectors[:5].T
    true = (product - pairs.vectors[:5].T * pairs.values[:5]).norm(dim=0)
    assert_close(pairs.residuals[:5], true, atol=1e-12, rtol=0)
    assert found.groups.top.forms.shape == (K, 5, 10)
    assert found.groups.sums.traces.shape == (K,)


def test_a_run_that_is_cut_off_goes_on_to_the_same_shares(grouped, dense):
    split, memory = Split(grouped, 2, 7), Memory()
    settings = {"num_largest": 7, "tol": 1e-3}
    whole = run(dense, split, torch.Generator().manual_seed(3), keep=memory, **settings)
    for begun in memory.states:
        rest = run(dense, split, torch.Generator(), keep=Memory(begun), **settings)
        for name in ("forms", "squares", "mean_squares"):
            assert torch.equal(getattr(rest.groups.top, name), getattr(whole.groups.top, name))
        assert torch.equal(rest.groups.sums.traces, whole.groups.sums.traces)
        assert rest.num_matvecs == whole.num_matvecs


def test_probes_of_the_norm_show_the_groups_too(grouped, dense, rng):
    squared, sums = frobenius_squared(grouped, num_matvecs=30, rng=rng)
    assert abs(squared.mean - float(dense.square().sum())) <= 4 * squared.stderr
    assert 0 < sums.excess < squared.mean
    assert frobenius_squared(DenseOperator(dense), num_matvecs=2, rng=rng)[1] is None


def test_a_table_holds_as_many_columns_as_rows_were_asked_for(grouped, rng):
    x = torch.randn(N, generator=rng, dtype=torch.float64)
    assert grouped.product(x)[1].shape == (K, INNER)
    assert grouped.product(x, [lambda: x])[1].shape == (K, INNER + 1)
