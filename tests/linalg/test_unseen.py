"""What a few Lanczos steps from a random start exclude."""

import itertools
import math

import pytest
import torch
from diagonal import Diagonal
from scipy.stats import chi2

from landscape.linalg.lanczos import Tridiagonal, lanczos
from landscape.linalg.probes import sphere
from landscape.linalg.unseen import least_weight, outermost

N = 60
SPECTRA = {
    "flat": torch.linspace(-1, 1, N, dtype=torch.float64),
    "isolated": torch.cat([torch.tensor([3.0, -2.0]).double(), torch.linspace(-0.5, 0.5, N - 2)]),
    "geometric": torch.logspace(1, -8, N, dtype=torch.float64),
}


@pytest.mark.parametrize("failure", [1e-6, 0.01, 0.3])
def test_weight_has_the_law_of_a_coordinate_on_the_sphere(failure):
    # One coordinate of a uniform point: cos of a uniform angle; uniform in [-1, 1] (Archimedes);
    # and N(0, 1/n), to a relative error of order 1/n.
    assert least_weight(1, failure) == 1
    assert least_weight(2, failure) == pytest.approx(math.sin(math.pi * failure / 2) ** 2)
    assert least_weight(3, failure) == pytest.approx(failure**2)
    assert least_weight(10**6, failure) == pytest.approx(chi2.ppf(failure, 1) / 10**6, rel=1e-5)


def first(T, m):
    return Tridiagonal(T.basis[:m], T.alphas[:m], T.betas[:m])


@pytest.mark.parametrize("name", SPECTRA)
def test_no_eigenvalue_of_that_weight_lies_beyond_the_bounds(name, rng):
    values = SPECTRA[name]
    for _ in range(20):
        start = sphere(Diagonal(values), rng)
        start /= start.norm()
        T = lanczos(Diagonal(values), start, 25)
        bounds = []
        for m in range(1, 26):
            low, _ = outermost(first(T, m), float(start[values.argmin()]) ** 2)
            _, high = outermost(first(T, m), float(start[values.argmax()]) ** 2)
            assert low <= float(values.min()) + 1e-12
            assert high >= float(values.max()) - 1e-12
            bounds.append(high)
        # More steps exclude more: what some of them have excluded stays so.
        assert all(b <= a + 1e-12 for a, b in itertools.pairwise(bounds))


def test_bounds_are_the_best_that_the_steps_allow():
    # A start with weight w on λ = 5 and 1 - w on 0: one step leaves p_1(x) = (x - 5 w) / β with
    # β = 5 √(w (1 - w)), and 1 + p_1(5)² = 1 / w exactly.
    w = 0.01
    start = torch.tensor([w**0.5, (1 - w) ** 0.5], dtype=torch.float64)
    T = Tridiagonal(
        start[None],
        torch.tensor([5 * w], dtype=torch.float64),
        torch.tensor([5 * (w * (1 - w)) ** 0.5], dtype=torch.float64),
    )
    assert outermost(T, w)[1] == pytest.approx(5)


def test_bounds_fail_no_more_often_than_they_say(rng):
    values, failure, draws = SPECTRA["isolated"], 0.2, 400
    weight, missed = least_weight(N, failure), 0
    for _ in range(draws):
        T = lanczos(Diagonal(values), sphere(Diagonal(values), rng), 12)
        # At the step that says most: all of them hold at once.
        missed += min(outermost(first(T, m), weight)[1] for m in (2, 5, 12)) < 3 - 1e-12
    assert missed <= draws * failure + 3 * (draws * failure * (1 - failure)) ** 0.5
