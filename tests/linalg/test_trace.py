"""Probes, sketches and exact sums that traces are made of."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import Memory
from torch.testing import assert_close
from traces import SPECTRA, N

import landscape.linalg.sketch
from landscape.linalg.estimate import estimate_mean
from landscape.linalg.estimate_trace import estimate_trace
from landscape.linalg.operator import DeflatedOperator, DenseOperator
from landscape.linalg.sketch import XNysTraceSketch, XTraceSketch, gram
from landscape.linalg.trace import (
    deflated_trace,
    exact_trace,
    frobenius_squared,
    probe_forms,
)
from landscape.values import Estimate


def hutchinson(A, num_matvecs, rng):
    return estimate_trace(A, num_matvecs=num_matvecs, rng=rng, method="hutchinson")[0]


def test_hutchinson_interval_covers_as_it_says(operator_with):
    """95 ± 3 % of 2,000 Student intervals from 10 probes hold the trace."""
    A = operator_with(SPECTRA["flat"], torch.Generator().manual_seed(0))
    rng, hits, num_draws = torch.Generator().manual_seed(1), 0, 2000
    for _ in range(num_draws):
        low, high = hutchinson(A, 10, rng).interval(0.95)
        hits += low <= float(SPECTRA["flat"].sum()) <= high
    assert abs(hits / num_draws - 0.95) <= 0.03


def xtrace(A, Omega):
    """XTrace from the probes in the rows of ``Omega``, as its paper defines it."""
    samples = []
    for i, omega in enumerate(Omega):
        Q = torch.linalg.qr(A.matrix @ torch.cat([Omega[:i], Omega[i + 1 :]]).T)[0]
        outside = omega - Q @ (Q.T @ omega)
        outside *= math.sqrt(N - len(Omega) + 1) / outside.norm()
        samples.append(torch.trace(Q.T @ A.matrix @ Q) + outside @ A.matrix @ outside)
    return float(torch.stack(samples).mean())


def xnystrace(A, Omega):
    """XNysTrace from the probes in the rows of ``Omega``, as its paper defines it."""
    samples = []
    for i, omega in enumerate(Omega):
        others = torch.cat([Omega[:i], Omega[i + 1 :]])
        Y = A.matrix @ others.T
        nystrom = Y @ torch.linalg.inv(others @ Y) @ Y.T
        Q = torch.linalg.qr(others.T)[0]
        outside = omega - Q @ (Q.T @ omega)
        outside *= math.sqrt(N - len(Omega) + 1) / outside.norm()
        samples.append(torch.trace(nystrom) + outside @ (A.matrix - nystrom) @ outside)
    return float(torch.stack(samples).mean())


SKETCHES = [
    *((XTraceSketch, xtrace, name) for name in SPECTRA),
    *((XNysTraceSketch, xnystrace, name) for name in ("flat", "algebraic", "outliers")),
]


@pytest.mark.parametrize(("sketched", "defined", "name"), SKETCHES)
def test_a_sketch_is_its_definition_and_its_error_the_jackknifes(
    sketched, defined, name, operator_with, rng
):
    A, k = operator_with(SPECTRA[name], rng), 6
    sketch = sketched(A, k)
    for count in (1, 3, 2):
        sketch.add(count, rng)
    Omega = sketch.probes
    without = [defined(A, torch.cat([Omega[:i], Omega[i + 1 :]])) for i in range(k)]
    spread = sum((x - sum(without) / k) ** 2 for x in without)
    estimate = sketch.estimate()
    assert estimate.mean == pytest.approx(defined(A, Omega), rel=1e-7)
    assert estimate.stderr == pytest.approx(math.sqrt((k - 1) / k * spread), rel=1e-6)
    assert estimate.num_probes == k


@pytest.mark.parametrize("sketched", [XTraceSketch, XNysTraceSketch])
def test_blocks_left_out_together_show_the_same_error(sketched, operator_with, monkeypatch):
    A = operator_with(SPECTRA["algebraic"], torch.Generator().manual_seed(0))
    squares = {10: 0.0, 60: 0.0}
    for seed in range(8):
        sketch = sketched(A, 40)
        sketch.add(40, torch.Generator().manual_seed(seed))
        for most in squares:
            monkeypatch.setattr(landscape.linalg.sketch, "_MOST_BLOCKS", most)
            squares[most] += sketch.estimate().stderr ** 2
    # Eight variances of nine degrees of freedom: √(2/72) of themselves at one sigma.
    assert squares[10] == pytest.approx(squares[60], rel=0.5)


@pytest.mark.parametrize("sketched", [XTraceSketch, XNysTraceSketch])
def test_a_single_probe_has_no_error(sketched, operator_with, rng):
    sketch = sketched(operator_with(SPECTRA["flat"], rng), 1)
    sketch.add(1, rng)
    assert sketch.estimate().stderr is None


def test_deflation_by_known_eigenpairs(operator_with, rng):
    A = operator_with(SPECTRA["outliers"], rng)
    values, vectors = torch.linalg.eigh(A.matrix)
    V, known = vectors.T[-8:], float(values[-8:].sum())
    plain = hutchinson(A, 20, rng)
    deflated = deflated_trace(A, V, known, num_matvecs=20, rng=rng)
    assert deflated.stderr < 0.05 * plain.stderr
    assert abs(deflated.mean - float(values.sum())) <= 4 * deflated.stderr
    P = torch.eye(N, dtype=torch.float64) - V.T @ V
    z = torch.randn(N, generator=rng, dtype=torch.float64)
    assert_close(DeflatedOperator(A, V) @ z, P @ A.matrix @ P @ z)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_frobenius_norm(seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    A = operator_with(SPECTRA["indefinite"], rng)
    estimate, _ = frobenius_squared(A, num_matvecs=40, rng=rng)
    assert abs(estimate.mean - float(A.matrix.square().sum())) <= 4 * estimate.stderr


def test_hutchinson_variance_is_that_of_the_off_diagonal(operator_with, rng):
    A = operator_with(SPECTRA["indefinite"], rng)
    forms = torch.tensor(probe_forms(A, num_probes=3000, rng=rng))
    expected = 2 * (A.matrix.square().sum() - A.matrix.diagonal().square().sum())
    assert float(forms.double().var() / expected) == pytest.approx(1.0, abs=0.15)
    diagonal = DenseOperator(torch.diag(SPECTRA["flat"]))
    assert hutchinson(diagonal, 3, rng).stderr < 1e-12


def test_finished_probes_are_not_run_again(operator_with):
    A = operator_with(SPECTRA["flat"], torch.Generator().manual_seed(0))
    units = Memory()
    whole = probe_forms(A, num_probes=6, rng=torch.Generator().manual_seed(2), keep=units)
    before, units.known = A.num_matvecs, dict(list(units.known.items())[:4])
    rest = probe_forms(A, num_probes=6, rng=torch.Generator().manual_seed(2), keep=units)
    assert rest == whole
    assert A.num_matvecs - before == 2


def dense(matrix):
    return DenseOperator((matrix + matrix.T) / 2)


matrices = st.integers(2, 8).flatmap(
    lambda n: st.lists(st.floats(-10, 10, width=32), min_size=n * n, max_size=n * n)
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(matrices)
def test_exact_trace_is_the_sum_of_the_diagonal(entries):
    n = math.isqrt(len(entries))
    A = dense(torch.tensor(entries, dtype=torch.float64).view(n, n))
    assert exact_trace(A).mean == pytest.approx(float(A.matrix.trace()), abs=1e-12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(matrices, st.integers(0, 2**31))
def test_mean_over_all_signs_is_the_trace(entries, seed):
    """E zᵀ A z over the 2^n sign vectors is the trace: what makes Rademacher probes unbiased."""
    n = math.isqrt(len(entries))
    A = dense(torch.tensor(entries, dtype=torch.float64).view(n, n))
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * n).view(-1, n).double()
    mean = ((signs @ A.matrix) * signs).sum(1).mean()
    assert float(mean) == pytest.approx(exact_trace(A).mean, abs=1e-10)
    X = torch.randn(3, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert_close(gram(X, X), X @ X.T)


def test_interval_is_students():
    samples = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    estimate = estimate_mean(samples, offset=10.0)
    assert (estimate.mean, estimate.num_probes) == (12.5, 4)
    assert estimate.stderr == pytest.approx(float(samples.std()) / 2)
    low, high = estimate.interval(0.95)
    assert (high - low) / 2 == pytest.approx(3.182446305 * estimate.stderr)
    single = estimate_mean(samples[:1])
    assert single.stderr is None
    assert single.interval() == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="level must lie strictly"):
        Estimate(0.0, 1.0, 3).interval(1.0)
