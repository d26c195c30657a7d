"""The share of eigenvalues below zero, and an error that holds what quadrature leaves open."""

import pytest
import torch
from diagonal import Diagonal

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.quadrature import (
    default_bandwidth,
    negative_mass,
)
from landscape.linalg.slq import spectral_quadrature

SIZE = 4000


def bulk(name):
    p = (torch.arange(SIZE - 10, dtype=torch.float64) + 0.5) / (SIZE - 10)
    if name == "laplace":
        return torch.sign(p - 0.5) * -0.02 * torch.log1p(-2 * (p - 0.5).abs())
    if name == "cauchy":
        return (0.002 * torch.tan(torch.pi * (p - 0.5))).clamp(-0.3, 0.3)
    return 0.1 * torch.sin(torch.pi * (p - 0.5))  # arcsine: most of it at the ends


@pytest.mark.parametrize("name", ["laplace", "cauchy", "arcsine"])
@pytest.mark.parametrize("num_steps", [20, 40])  # as a quick and a standard report take them
def test_error_of_the_negative_mass_holds_that_of_quadrature(name, num_steps):
    values = torch.cat([bulk(name), torch.linspace(0.3, 1, 10, dtype=torch.float64)])
    run = analyse_spectrum(
        Diagonal(values),
        num_largest=10,
        num_smallest=3,
        tol=1e-3,
        num_probes=5,
        num_steps=num_steps,
        max_matvecs=2000,
        rng=torch.Generator().manual_seed(0),
    )
    threshold = default_bandwidth(run.rules)
    exact = float((values < -threshold).double().mean())
    found = negative_mass(run.rules, threshold, dim=SIZE, num_steps=num_steps)
    assert abs(found.mean - exact) <= 2 * found.stderr
    assert found.stderr < 0.1


def test_spread_over_probes_alone_misses_by_many_standard_errors():
    values = bulk("laplace")
    rules = spectral_quadrature(
        Diagonal(values), num_probes=5, num_steps=30, rng=torch.Generator().manual_seed(0)
    )
    exact = float((values < -0.01).double().mean())
    counted = estimate_mean(torch.stack([r.weights[r.nodes < -0.01].sum() for r in rules]))
    assert abs(counted.mean - exact) > 5 * counted.stderr
    found = negative_mass(rules, 0.01, dim=len(values), num_steps=30)
    assert abs(found.mean - exact) <= 2 * found.stderr


def test_rules_that_met_an_invariant_space_leave_nothing_open():
    values = torch.tensor([-1.0, -0.5, 2.0]).double().repeat(20)
    rules = spectral_quadrature(
        Diagonal(values), num_probes=4, num_steps=10, rng=torch.Generator().manual_seed(0)
    )
    found = negative_mass(rules, 0.1, dim=60, num_steps=10)
    shares = torch.stack([r.weights[r.nodes < 0].sum() for r in rules])
    assert found.mean == pytest.approx(float(shares.mean()))
    # Of zᵀ f z with z on the sphere and f a projection of rank 40 in 60 dimensions.
    assert found.stderr == pytest.approx((2 / 60 * float((shares - shares**2).sum())) ** 0.5 / 4)
    with pytest.raises(ValueError, match="floor must be at least 0"):
        negative_mass(rules, -1.0, dim=60, num_steps=10)
