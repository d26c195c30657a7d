"""Traces of diagonal blocks from the probes of the whole: unbiased, within their bound, free."""

import pytest
import torch
from memory import Memory

from landscape.linalg.blocks import sample_blocks
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.operator import DenseOperator
from landscape.linalg.probes import sphere
from landscape.linalg.restart import KrylovSpace

SIZES = (5, 1, 0, 14, 20)


def analysed(A, seed=0, **settings):
    defaults = {
        "num_largest": 3,
        "num_smallest": 1,
        "tol": 1e-9,
        "num_probes": 3,
        "num_steps": 6,
        "max_matvecs": 500,
    }
    rng = torch.Generator().manual_seed(seed)
    return analyse_spectrum(A, rng=rng, block_sizes=SIZES, **(defaults | settings))


def exact(A):
    return [float(part.sum()) for part in A.matrix.diagonal().split(SIZES)]


def values():
    return torch.cat([torch.linspace(-0.2, 1, 37), torch.tensor([6.0, 8.0, 20.0])]).double()


def test_blocks_add_up_to_the_trace_of_the_same_probes_at_no_further_product(operator_with, rng):
    A = operator_with(values(), rng)
    found = analysed(A)
    total = sum(block.mean for block in found.block_traces)
    assert total == pytest.approx(found.trace.mean, rel=1e-8)
    alone = analyse_spectrum(
        A,
        num_largest=3,
        num_smallest=1,
        tol=1e-9,
        num_probes=3,
        num_steps=6,
        max_matvecs=500,
        rng=torch.Generator().manual_seed(0),
    )
    assert alone.num_matvecs == found.num_matvecs
    assert alone.block_traces == ()


def test_they_are_exact_where_the_krylov_space_is_the_whole(operator_with, rng):
    A = operator_with(values(), rng)
    found = analysed(A, num_probes=4, num_steps=20).block_traces
    assert [block.mean for block in found] == pytest.approx(exact(A), abs=1e-10)
    assert {block.stderr for block in found} == {0.0}


@pytest.mark.parametrize("num_locked", [0, 3])
def test_samples_are_unbiased_and_their_variance_is_at_most_the_bound(num_locked):
    """Blocks of different size, curvature and coupling; the top pairs may be taken out."""
    rng = torch.Generator().manual_seed(1)
    root = torch.randn(40, 60, generator=rng, dtype=torch.float64)
    root[:5] *= 3
    A = DenseOperator(root @ root.T / 60)
    vectors = torch.linalg.eigh(A.matrix).eigenvectors.T.flip(0)[:num_locked]
    samples = []
    for _ in range(2000):
        space = KrylovSpace(A, num_locked + 2, torch.float64)
        space.basis[:num_locked] = vectors
        space.T[:num_locked, :num_locked] = torch.diag(((vectors @ A.matrix) * vectors).sum(1))
        space.size = num_locked
        assert space.begin(sphere(A, rng))
        alpha, beta = space.step(A)
        samples.append(sample_blocks(space, num_locked, alpha, beta, SIZES))
    means, bounds = torch.stack(samples).unbind(1)
    variance, bound = means.var(0), bounds.mean(0)
    error = (variance / len(samples)).sqrt()
    assert ((means.mean(0) - torch.tensor(exact(A))).abs() <= 4 * error + 1e-9).all()
    # A variance of n samples is known to √(κ / n), with a kurtosis κ of about 15 for chi-squared.
    slack = 1 + 4 * (15 / len(samples)) ** 0.5
    assert (variance <= slack * bound).all()
    assert (bound[[0, 1, 3, 4]] <= 2 * slack * variance[[0, 1, 3, 4]]).all()


def test_a_killed_run_gives_the_same_ones(operator_with, rng):
    A = operator_with(values(), rng)
    memory = Memory()
    whole = analysed(A, keep=memory).block_traces
    for begun in memory.states[:: len(memory.states) // 5]:
        rest = analysed(A, keep=Memory(begun)).block_traces
        assert [b.mean for b in rest] == pytest.approx([b.mean for b in whole], rel=1e-12)
        assert [b.stderr for b in rest] == pytest.approx([b.stderr for b in whole], rel=1e-12)
