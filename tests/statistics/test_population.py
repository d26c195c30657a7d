"""From a sample of examples to their set: against dense matrices, and by simulation."""

import numpy as np
import pytest

from landscape.statistics.population import (
    NO_GAP,
    NOISE,
    NUM_BEYOND,
    NUM_GROUPS,
    ONE_GROUP,
    Shares,
    largest_bounds,
    mean_bounds,
    norm_bounds,
    num_summed,
)
from landscape.values import LARGEST


def shares_of(parts, k, along):
    """From the matrices of the groups, shape (K, n, n)."""
    values, vectors = np.linalg.eigh(parts.mean(0))
    values, vectors = values[::-1][:along], vectors[:, ::-1][:, :along]
    products = np.einsum("gab,bi->gai", parts, vectors[:, :k])
    return Shares(
        values,
        np.einsum("aj,gai->gij", vectors, products),
        (products**2).sum(1),
        (products.mean(0) ** 2).sum(0),
    )


class Spiked:
    """Examples h = w g gᵀ of ten kinds, w log-normal: the mean over all of them is known."""

    def __init__(self, dim=60, noise=1.0, norms=(2.2, 1.6, 1.3, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5)):
        self.norms, self.noise = np.array(norms), noise
        basis = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0]
        self.means = basis[: len(norms)] * self.norms[:, None]
        bulk = noise**2 / dim * np.eye(dim)
        self.matrix = self.means.T @ self.means / len(norms) + bulk
        self.dim = dim

    def draw(self, n, rng):
        """The groups' matrices."""
        kind = rng.integers(len(self.means), size=n)
        noise = self.noise * rng.standard_normal((n, self.dim)) / np.sqrt(self.dim)
        g = (self.means[kind] + noise) * np.exp(0.25 * rng.standard_normal(n) - 0.0625)[:, None]
        g = g.reshape(NUM_GROUPS, -1, self.dim)
        return np.einsum("gma,gmb->gab", g, g) / g.shape[1]


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(3)
    return Spiked().draw(160, rng)


@pytest.mark.parametrize("k", [1, 5])
def test_the_bias_is_that_of_perturbing_all_of_the_spectrum(groups, k):
    """With all n eigenvectors known, b is the textbook's sum over every other one."""
    dim = groups.shape[1]
    values, vectors = np.linalg.eigh(groups.mean(0))
    values, vectors = values[::-1], vectors[:, ::-1]
    elements = np.einsum("aj,gab,bi->gij", vectors, groups, vectors[:, :k])
    variance = elements.var(0, ddof=1) / NUM_GROUPS
    b = sum(variance[i, j] / (values[i] - values[j]) for i in range(k) for j in range(k, dim))
    found = largest_bounds(shares_of(groups, k, dim))
    assert found.estimate == pytest.approx(values[:k].sum() - b, rel=1e-9)


@pytest.mark.parametrize("k", [1, 5])
def test_what_is_not_known_beyond_counts_as_zero(groups, k):
    """So b is at most that of the whole spectrum of a definite matrix, and near it here."""
    few, whole = (
        largest_bounds(shares_of(groups, k, along)) for along in (k + NUM_BEYOND, groups.shape[1])
    )
    value = np.linalg.eigvalsh(groups.mean(0))[-k:].sum()
    assert 0.8 * (value - whole.estimate) < value - few.estimate <= value - whole.estimate
    assert few.high == whole.high
    assert few.low >= whole.low


def test_fewer_pairs_beyond_make_the_interval_longer(groups):
    lows = [largest_bounds(shares_of(groups, 1, along)).low for along in (6, 4, 3, 2)]
    assert lows == sorted(lows, reverse=True)
    with pytest.raises(ValueError, match="beyond the largest"):
        largest_bounds(shares_of(groups, 1, 1))


def test_groups_that_agree_leave_no_error():
    matrix = np.diag([5.0, 3.0, 1.0, 0.5, 0.2, 0.1, 0.05])
    found = largest_bounds(shares_of(np.stack([matrix] * NUM_GROUPS), 1, 6))
    assert found == (5.0, 0.0, 5.0, 5.0, ())


def test_all_examples_of_a_set_leave_no_error_and_half_of_them_less(groups):
    shares = shares_of(groups, 1, 6)
    value = shares.values[0]
    whole, half, few = (largest_bounds(shares, fraction=f) for f in (1.0, 0.5, 0.0))
    assert (whole.estimate, whole.low, whole.high) == (value, value, value)
    assert half.stderr == pytest.approx(few.stderr * 0.5**0.5)
    assert value - half.estimate == pytest.approx((value - few.estimate) / 2)


def test_where_noise_is_all_there_is_no_lower_end_or_zero_for_definite_operators():
    rng = np.random.default_rng(0)
    g = rng.standard_normal((NUM_GROUPS, 2, 60))
    shares = shares_of(np.einsum("gma,gmb->gab", g, g) / 2, 1, 6)
    found = largest_bounds(shares)
    assert found.low == -np.inf
    assert {NO_GAP, NOISE} <= set(found.warnings)
    assert largest_bounds(shares, is_definite=True).low == 0.0


def test_a_group_that_makes_the_variance_is_told(groups):
    one = groups.copy()
    top = np.linalg.eigh(groups.mean(0))[1][:, -1]
    one[3] += 30 * np.outer(top, top)
    assert ONE_GROUP in largest_bounds(shares_of(one, 1, 6)).warnings
    assert ONE_GROUP not in largest_bounds(shares_of(groups, 1, 6)).warnings


@pytest.mark.parametrize("size", [1e-40, 1.0, 1e40])
def test_groups_that_scatter_far_beyond_their_mean_leave_a_finite_interval(groups, size):
    top = np.linalg.eigh(groups.mean(0))[1][:, -1]
    signs = np.where(np.arange(NUM_GROUPS) % 2, 1e4, -1e4)[:, None, None]
    scattered = size * (groups + signs * np.outer(top, top))
    gram = np.einsum("gab,hab->gh", scattered, scattered)
    with_others = (gram.sum(1) - gram.diagonal()) / (NUM_GROUPS - 1)
    squared = gram.mean()
    for found in (
        largest_bounds(shares_of(scattered, 1, 6), is_definite=True),
        norm_bounds(squared, squared - with_others.mean(), with_others),
    ):
        assert 0 <= found.low <= found.high <= LARGEST


def test_an_eigenvalue_that_is_not_positive_is_refused(groups):
    with pytest.raises(ValueError, match="must be positive"):
        largest_bounds(shares_of(-groups - np.eye(groups.shape[1]), 1, 6))


def test_as_many_are_summed_as_leave_five_beyond():
    assert [num_summed(n) for n in (1, 5, 6, 7, 10, 50)] == [1, 1, 1, 2, 5, 5]


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("n", [112, 256])
def test_intervals_hold_the_set_s_value_as_often_as_they_say(n, k):
    """In 200 draws at least 95 % less two simulation errors, 3.1 points."""
    bed, rng, draws = Spiked(), np.random.default_rng(n), 200
    truth = np.linalg.eigvalsh(bed.matrix)[-k:].sum()
    found = [largest_bounds(shares_of(bed.draw(n, rng), k, k + NUM_BEYOND)) for _ in range(draws)]
    covered = np.mean([bounds.low <= truth <= bounds.high for bounds in found])
    assert covered >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / draws)


def test_traces_and_norms_hold_as_often_as_they_say_and_norms_are_unbiased():
    bed, rng, draws, n = Spiked(), np.random.default_rng(1), 200, 112
    trace, norm = np.trace(bed.matrix), np.linalg.norm(bed.matrix)
    held, squares, plain = [], [], []
    for _ in range(draws):
        parts = bed.draw(n, rng)
        gram = np.einsum("gab,hab->gh", parts, parts)
        between = (gram.sum() - gram.trace()) / (NUM_GROUPS * (NUM_GROUPS - 1))
        with_others = (gram.sum(1) - gram.diagonal()) / (NUM_GROUPS - 1)
        whole = parts.mean(0)
        of_trace = mean_bounds(whole.trace(), np.einsum("gaa->g", parts))
        excess = (whole**2).sum() - between
        of_norm = norm_bounds((whole**2).sum(), excess, with_others)
        held.append((of_trace.low <= trace <= of_trace.high, of_norm.low <= norm <= of_norm.high))
        squares.append(between)
        plain.append((whole**2).sum())
    assert (np.mean(held, 0) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / draws)).all()
    stderr = np.std(squares, ddof=1) / np.sqrt(draws)
    assert np.mean(squares) == pytest.approx(norm**2, abs=4 * stderr)
    assert np.mean(plain) > norm**2 + 4 * stderr
