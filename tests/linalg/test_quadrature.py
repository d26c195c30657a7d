import math

import pytest
import torch
from memory import Memory
from torch.testing import assert_close

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.lanczos import Tridiagonal, lanczos
from landscape.linalg.operator import DenseOperator
from landscape.linalg.probes import sphere
from landscape.linalg.quadrature import (
    GaussRule,
    gauss_rule,
    negative_mass,
    spectral_density,
    wasserstein_bound,
)
from landscape.linalg.slq import spectral_quadrature

EPS = torch.finfo(torch.float64).eps


@pytest.mark.parametrize("degree", range(8))  # m = 4 nodes: exact for degree < 2m
def test_gauss_rule_is_exact_below_degree_2m(degree, operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 30), rng)
    q = sphere(A, rng) / 30**0.5
    nodes, weights = gauss_rule(lanczos(A, q, 4))
    exact = q @ torch.linalg.matrix_power(A.matrix, degree) @ q
    assert_close(weights @ nodes**degree, exact, atol=1000 * EPS, rtol=0)


def test_gauss_rule_misses_degree_2m(operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 30), rng)
    q = sphere(A, rng) / 30**0.5
    nodes, weights = gauss_rule(lanczos(A, q, 4))
    exact = q @ torch.linalg.matrix_power(A.matrix, 8) @ q
    assert abs(float(weights @ nodes**8 - exact)) > 1e-6


def test_weights_are_a_probability_and_nodes_lie_in_the_range(spectrum, operator_with, rng):
    A = operator_with(spectrum, rng)
    rule = gauss_rule(lanczos(A, sphere(A, rng), 8))
    assert_close(rule.weights.sum(), torch.tensor(1.0, dtype=torch.float64))
    slack = 100 * EPS * float(spectrum.abs().max())
    assert float(rule.nodes.min()) >= float(spectrum.min()) - slack
    assert float(rule.nodes.max()) <= float(spectrum.max()) + slack
    assert bool((rule.nodes.diff() >= 0).all())


def test_two_vector_quadrature_keeps_the_moments_where_ghosts_appear(operator_with, rng):
    values = torch.cat([torch.tensor([50.0, 30.0]), torch.linspace(0, 1, 98)]).double()
    A = operator_with(values, rng)
    start = sphere(A, rng)
    (ghosts,) = spectral_quadrature(
        A, num_probes=1, num_steps=60, rng=torch.Generator().manual_seed(3), low_memory=True
    )
    (full,) = spectral_quadrature(
        A, num_probes=1, num_steps=60, rng=torch.Generator().manual_seed(3)
    )
    # The top eigenvalue comes back several times without reorthogonalisation, once with it ...
    assert int((abs(ghosts.nodes - 50) < 1e-6).sum()) > 1
    assert int((abs(full.nodes - 50) < 1e-6).sum()) == 1
    # ... and its copies share the one's weight.
    for lower in (40.0, 20.0, 0.5):
        shared = ghosts.weights[ghosts.nodes > lower].sum()
        assert_close(shared, full.weights[full.nodes > lower].sum(), atol=0.02, rtol=0)
    squares = [rule.weights @ rule.nodes**2 for rule in (ghosts, full)]
    assert_close(*squares, rtol=1e-9, atol=0)
    assert start.shape == (100,)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_moments_lie_within_four_stderr_of_the_dense_matrix(degree, seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    values = torch.linspace(-1, 2, 80, dtype=torch.float64)
    rules = spectral_quadrature(operator_with(values, rng), num_probes=20, num_steps=10, rng=rng)
    estimate = estimate_mean(torch.stack([r.weights @ r.nodes**degree for r in rules]))
    assert abs(estimate.mean - float((values**degree).mean())) <= 4 * estimate.stderr


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_density_integrates_to_one_whatever_the_units(scale, operator_with, rng):
    A = operator_with(scale * torch.linspace(-1, 2, 40), rng)
    rules = spectral_quadrature(A, num_probes=4, num_steps=12, rng=rng)
    curve = spectral_density(rules, dim=40, num_steps=12)
    assert_close(torch.trapezoid(curve.mean, curve.grid).item(), 1.0, atol=1e-4, rtol=0)
    assert curve.bandwidth == pytest.approx(
        0.01 * float(max(r.nodes.max() for r in rules) - min(r.nodes.min() for r in rules))
    )
    assert bool((curve.stderr >= 0).all())


def test_density_of_one_node_is_the_normal_law():
    rule = GaussRule(torch.tensor([2.0]).double(), torch.tensor([1.0]).double())
    curve = spectral_density([rule], dim=1, num_steps=1, bandwidth=0.5, num_points=11)
    normal = torch.distributions.Normal(2.0, 0.5).log_prob(curve.grid).exp()
    assert_close(curve.mean, normal)
    assert not curve.stderr.any()  # one number of one is all of them


def test_negative_mass_ignores_rounding():
    rule = GaussRule(
        torch.tensor([-1.0, -1e-9, 2.0]).double(), torch.tensor([0.1, 0.6, 0.3]).double()
    )
    found = [negative_mass([rule, rule], floor, dim=50, num_steps=4) for floor in (1e-6, 0.0)]
    assert [share.mean for share in found] == pytest.approx([0.1, 0.7])


def test_wasserstein_bound_is_the_published_one():
    for tolerance in (0.5, 0.1, 0.03):
        # ⌈12/t + 1/2⌉ steps and ⌈4 ln(2n/η) / ((n + 2) t²)⌉ probes, η = 0.01.
        steps = math.ceil(12 / tolerance + 0.5)
        probes = math.ceil(4 * math.log(2 * 500 / 0.01) / (502 * tolerance**2))
        assert wasserstein_bound(steps, probes, 500) <= tolerance
        assert wasserstein_bound(steps - 2, probes, 500) > tolerance
    assert wasserstein_bound(1, 1, 10) == 1.0


def test_wasserstein_bound_holds(operator_with, rng):
    values = torch.cat([torch.zeros(190), torch.linspace(0, 1, 10)]).double()
    rules = spectral_quadrature(operator_with(values, rng), num_probes=5, num_steps=40, rng=rng)
    grid = torch.linspace(-0.01, 1.01, 4001, dtype=torch.float64)
    share = torch.stack(
        [(r.weights[None] * (r.nodes[None] <= grid[:, None])).sum(1) for r in rules]
    ).mean(0)
    exact = (values[None] <= grid[:, None]).double().mean(1)
    distance = float(torch.trapezoid((share - exact).abs(), grid))
    assert distance <= wasserstein_bound(40, 5, 200)


def test_finished_probes_are_not_run_again(operator_with):
    A = operator_with(torch.linspace(-1, 1, 50), torch.Generator().manual_seed(0))

    def run(**settings):
        rng = torch.Generator().manual_seed(7)
        return spectral_quadrature(A, num_probes=5, num_steps=8, rng=rng, **settings)

    units = Memory()
    whole = run(keep=units)
    before, units.known = A.num_matvecs, dict(list(units.known.items())[:3])
    rest = run(keep=units)
    assert A.num_matvecs - before == 2 * 8
    for a, b in zip(rest, whole, strict=True):
        assert torch.equal(a.nodes, b.nodes)
        assert torch.equal(a.weights, b.weights)


def test_one_by_one_matrix():
    T = lanczos(DenseOperator(torch.tensor([[3.0]])), torch.ones(1), 1)
    assert isinstance(T, Tridiagonal)
    nodes, weights = gauss_rule(T)
    assert (nodes.tolist(), weights.tolist()) == ([3.0], [1.0])


def test_refuses_bad_settings(operator_with, rng):
    with pytest.raises(ValueError, match="bandwidth must be positive"):
        spectral_density(
            [GaussRule(torch.zeros(1).double(), torch.ones(1).double())],
            dim=1,
            num_steps=1,
            bandwidth=0.0,
        )
    with pytest.raises(ValueError, match="at least one probe"):
        spectral_density([], dim=1, num_steps=1)
    with pytest.raises(ValueError, match="at least 1; got 0, 3"):
        wasserstein_bound(0, 3, 10)
    with pytest.raises(ValueError, match="num_probes must be at least 1"):
        spectral_quadrature(operator_with(torch.ones(4), rng), num_probes=0, num_steps=3, rng=rng)
