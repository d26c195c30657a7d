"""The estimator that is chosen, at a budget and to a relative error."""

import math

import pytest
import torch
from memory import Memory
from traces import SPECTRA, N

from landscape.linalg.estimate_trace import estimate_trace
from landscape.linalg.operator import DenseOperator

METHODS = ["hutchinson", "hutch++", "xtrace", "xnystrace", "auto"]
CASES = [(s, m) for s in SPECTRA for m in METHODS if (s, m) != ("indefinite", "xnystrace")]


@pytest.mark.parametrize(("name", "method"), CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lies_within_four_stderr_at_a_fixed_budget(name, method, seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    A = operator_with(SPECTRA[name], rng)
    estimate, _ = estimate_trace(A, num_matvecs=36, rng=rng, method=method)
    assert abs(estimate.mean - float(SPECTRA[name].sum())) <= 4 * estimate.stderr
    assert A.num_matvecs <= 36


@pytest.mark.parametrize(
    ("name", "method"), [c for c in CASES if c[1] not in ("auto", "hutchinson")]
)
def test_the_other_intervals_cover_at_least_as_they_say(name, method, operator_with):
    """Hutch++ has independent samples; a jackknife's variance is at least the true one on average.

    At most 2.5 times as long as needed: a jackknife's error is that of an estimate from one probe
    fewer, and more.
    """
    A = operator_with(SPECTRA[name], torch.Generator().manual_seed(0))
    rng, true, num_draws = torch.Generator().manual_seed(1), float(SPECTRA[name].sum()), 300
    hits, squares = 0, torch.zeros(2)
    for _ in range(num_draws):
        estimate, _ = estimate_trace(A, num_matvecs=36, rng=rng, method=method)
        low, high = estimate.interval(0.95)
        hits += low <= true <= high
        squares += torch.tensor([estimate.stderr**2, (estimate.mean - true) ** 2])
    assert hits / num_draws >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / num_draws)
    # The mean of 300 squared errors is known to about 10 %.
    assert 0.9 <= math.sqrt(squares[0] / squares[1]) <= 2.5


@pytest.mark.parametrize("method", ["hutch++", "xtrace", "xnystrace", "auto"])
@pytest.mark.parametrize("rank", [0, 1, 5])
@pytest.mark.parametrize("scale", [1.0, 1e-12])
def test_exact_once_the_rank_is_reached(method, rank, scale, operator_with, rng):
    values = torch.zeros(60, dtype=torch.float64)
    values[:rank] = scale * torch.arange(1.0, rank + 1)
    A = operator_with(values, rng)
    estimate, _ = estimate_trace(A, num_matvecs=30, rng=rng, method=method)
    assert estimate.mean == pytest.approx(float(values.sum()), rel=1e-10, abs=1e-25)
    assert estimate.stderr <= 1e-10 * float(values.sum())


EXACT = {
    **{f"rank {r}": [float(i) for i in range(1, r + 1)] + [0.0] * (60 - r) for r in (1, 13, 14)},
    "indefinite": [float(i) for i in range(-7, 7)] + [0.0] * 46,
    "identity": [1.0] * 60,
    "minus two identities": [-2.0] * 60,
    "as many probes as dimensions": [float(i) for i in range(-4, 11)],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("method", "name"),
    [("xtrace", n) for n in EXACT] + [("xnystrace", n) for n in EXACT if min(EXACT[n]) >= 0],
)
def test_an_exact_estimate_says_so(method, name, dtype, operator_with):
    """15 probes of two products, 30 of one: also where one probe fewer would not be exact."""
    values = torch.tensor(EXACT[name], dtype=torch.float64)
    size = 100 * torch.finfo(dtype).eps * float(values.norm()) * len(values)
    for seed in range(10):
        rng = torch.Generator().manual_seed(seed)
        A = DenseOperator(operator_with(values, rng).matrix.to(dtype))
        estimate, _ = estimate_trace(A, num_matvecs=30, rng=rng, method=method)
        assert estimate.stderr <= size
        assert abs(estimate.mean - float(values.sum())) <= 4 * estimate.stderr


def test_single_precision(operator_with, rng):
    A = DenseOperator(operator_with(SPECTRA["outliers"], rng).matrix.float())
    true = float(SPECTRA["outliers"].sum())
    for method in METHODS:
        estimate, _ = estimate_trace(A, num_matvecs=60, rng=rng, method=method)
        assert abs(estimate.mean - true) <= 4 * estimate.stderr + 1e-5 * true


def test_auto_is_exact_where_that_is_cheaper(operator_with, rng):
    A = operator_with(SPECTRA["indefinite"], rng)
    estimate, method = estimate_trace(A, num_matvecs=N, rng=rng)
    assert (method, estimate.stderr, A.num_matvecs) == ("exact", 0.0, N)
    assert estimate.mean == pytest.approx(float(SPECTRA["indefinite"].sum()))
    assert estimate.interval() == (estimate.mean, estimate.mean)


def test_auto_to_a_relative_error_stops_before_it_has_seen_all_columns(operator_with, rng):
    A = operator_with(SPECTRA["outliers"], rng)
    options = {"num_matvecs": 3 * N, "rel_error": 0.05, "rng": rng}
    estimate, method = estimate_trace(A, **options)
    assert method == "xtrace"
    assert estimate.stderr <= 0.05 * estimate.mean
    assert A.num_matvecs < N // 2
    small = operator_with(SPECTRA["outliers"][:16], rng)
    assert estimate_trace(small, **options)[1] == "exact"


def test_auto_chooses_by_sign_and_memory(operator_with, rng):
    A = operator_with(SPECTRA["outliers"], rng)
    assert estimate_trace(A, num_matvecs=60, rng=rng)[1] == "xtrace"
    assert estimate_trace(A, num_matvecs=60, rng=rng, psd=True)[1] == "xnystrace"
    assert estimate_trace(A, num_matvecs=60, rng=rng, memory=1000)[1] == "hutchinson"


def test_auto_beats_hutchinson_where_a_few_eigenvalues_dominate(operator_with, rng):
    A, true = operator_with(SPECTRA["indefinite"], rng), float(SPECTRA["indefinite"].sum())
    draws = [
        [estimate_trace(A, num_matvecs=36, rng=rng, method=m)[0].mean - true for _ in range(30)]
        for m in ("auto", "hutchinson")
    ]
    auto, hutchinson = (torch.tensor(d).square().mean().sqrt() for d in draws)
    assert float(auto) < 0.1 * float(hutchinson)


@pytest.mark.parametrize("method", ["auto", "hutchinson", "xtrace", "xnystrace"])
def test_stops_at_the_relative_error_asked_for(method, operator_with, rng):
    values = torch.cat([SPECTRA["outliers"], torch.full((300,), 0.1, dtype=torch.float64)])
    A = operator_with(values, rng)
    estimate, _ = estimate_trace(A, num_matvecs=350, rng=rng, rel_error=0.05, method=method)
    assert estimate.stderr <= 0.05 * estimate.mean
    assert A.num_matvecs < 350
    assert abs(estimate.mean - float(values.sum())) <= 4 * estimate.stderr


@pytest.mark.parametrize(
    ("method", "rel_error"),
    [
        *((m, None) for m in ("exact", "hutchinson", "hutch++", "xtrace", "xnystrace")),
        *((m, 0.3) for m in ("hutchinson", "xtrace", "xnystrace")),
    ],
)
def test_a_run_cut_off_after_any_product_goes_on_to_the_same_trace(
    method, rel_error, operator_with
):
    values = torch.cat([SPECTRA["outliers"][:8], torch.full((32,), 0.5, dtype=torch.float64)])
    A = operator_with(values, torch.Generator().manual_seed(0))

    def estimate(units):
        rng = torch.Generator().manual_seed(3)
        return estimate_trace(
            A, num_matvecs=40, rng=rng, rel_error=rel_error, method=method, keep=units
        )[0]

    units = Memory()
    whole, total = estimate(units), A.num_matvecs
    known = units.known
    for cut in range(0, total, 5):
        units.known, before = dict(list(known.items())[:cut]), A.num_matvecs
        assert estimate(units) == whole
        assert A.num_matvecs - before == total - cut


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hutch"}, "method must be one of auto, exact"),
        ({"num_matvecs": 1}, "num_matvecs must be at least 4 for auto; got 1"),
        ({"num_matvecs": 5, "method": "hutch++"}, "at least 6 for hutch"),
        ({"method": "hutch++", "rel_error": 0.1}, "rel_error needs a method that grows"),
        ({"rel_error": 0.0}, "rel_error must be positive"),
        ({"method": "exact"}, "num_matvecs must be at least 100 for exact"),
        ({"method": "xnystrace"}, "not positive semidefinite"),
    ],
)
def test_refusals(options, message, operator_with, rng):
    A = operator_with(SPECTRA["indefinite"], rng)
    with pytest.raises(ValueError, match=message):
        estimate_trace(A, **{"num_matvecs": 30, "rng": rng, **options})
