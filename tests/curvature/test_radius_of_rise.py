"""The radius of a rise is the expected rise inverted, with the error that its noise leaves."""

import math

import pytest
import torch
from torch import Tensor

from landscape.curvature.perturbation_rise import radius_of_rise
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import base_radius, expected_rise
from landscape.objective.risk import Evaluation


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _losses(risk, monkeypatch, loss) -> Tensor:
    """Have the risk be ``loss`` of the distance from θ, and 1 at zero; returns S."""
    start = risk.theta.clone()

    def evaluate(theta=None):
        away = torch.zeros_like(start) if theta is None else theta - start
        at_zero = theta is not None and not bool(theta.any())
        return Evaluation(1.0 if at_zero else loss(float(away.norm())), None)

    monkeypatch.setattr(risk, "evaluate", evaluate)
    return relative_scale("none", risk)


@pytest.mark.parametrize("kind", ["smooth", "spiking"])
def test_at_that_radius_the_loss_has_risen_by_the_share(kind, make_risk):
    risk = make_risk(kind)
    S = relative_scale("filter", risk)
    found = radius_of_rise(risk, S, share=0.05, num_pairs=20, rng=seeded(3))
    assert found.bound is None
    assert found.rise == 0.05 * risk.evaluate(torch.zeros_like(risk.theta)).loss
    around = (found.radius / 1.1, found.radius, found.radius * 1.1)
    found_there = expected_rise(risk, S, around, num_pairs=20, rng=seeded(3))
    rises = [at.rise.mean for at in found_there]
    if kind == "smooth":
        assert rises[1] == pytest.approx(found.rise, rel=4e-3)
    # Ten examples are a staircase of few steps: it is crossed between the neighbours.
    assert rises[0] < found.rise < rises[2]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_its_error_covers_the_radius_that_is_known(power, make_risk, monkeypatch):
    """Of a cusp and a bowl: the mean distance under noise ρ S ε is that of chi, of its square P."""
    risk = make_risk()
    S, P = _losses(risk, monkeypatch, lambda r: 0.1 + r**power), risk.num_params
    size = float(S.entries[0])
    if power == 2:
        exact = (0.1 / (P * size**2)) ** 0.5
    else:  # its rise over the smoothed base is c ρ² / (ρ + ρ₀)
        c = size * 2**0.5 * math.exp(math.lgamma((P + 1) / 2) - math.lgamma(P / 2))
        exact = (0.1 + (0.1**2 + 0.4 * c * base_radius(1)) ** 0.5) / (2 * c)
    found = [radius_of_rise(risk, S, share=0.1, num_pairs=20, rng=seeded(k)) for k in range(20)]
    z = torch.tensor([(f.radius - exact) / f.stderr for f in found], dtype=torch.float64)
    # Of t with 19 degrees of freedom; the mean of 20 is off by 4 of its errors once in 10,000.
    assert abs(float(z.mean())) < 4 / 20**0.5
    assert 0.5 < float(z.std()) < 1.6  # chi with 19 degrees: 0.46 to 1.6 but once in 1,000


def test_twice_as_wide_a_valley_has_twice_the_radius(make_risk, monkeypatch):
    narrow, wide = make_risk(), make_risk()
    S = _losses(narrow, monkeypatch, lambda r: r**2)
    _losses(wide, monkeypatch, lambda r: (r / 2) ** 2)
    found = [
        radius_of_rise(risk, S, share=0.001, num_pairs=3, rng=seeded(0)).radius
        for risk in (narrow, wide)
    ]
    assert found[1] == pytest.approx(2 * found[0], rel=4e-3)


@pytest.mark.parametrize(("loss", "bound"), [(lambda r: 0.1, "lower"), (lambda r: r, "upper")])
def test_beyond_the_radii_tried_it_is_a_bound(loss, bound, make_risk, monkeypatch):
    risk = make_risk()
    S = _losses(risk, monkeypatch, lambda r: 1e4 * loss(r))
    found = radius_of_rise(risk, S, share=0.1, num_pairs=2, rng=seeded(0))
    assert (found.bound, found.stderr) == (bound, None)


def test_a_loss_that_overflows_leaves_the_radius_without_an_error(make_risk, monkeypatch):
    risk = make_risk()
    S = _losses(risk, monkeypatch, lambda r: 0.1 if r < 0.5 else math.inf)
    found = radius_of_rise(risk, S, share=0.1, num_pairs=2, rng=seeded(0))
    assert found.stderr is None
    assert math.isfinite(found.radius)


def test_a_loss_that_is_not_positive_at_zero_has_no_share(make_risk, monkeypatch):
    risk = make_risk()
    S = relative_scale("none", risk)
    monkeypatch.setattr(risk, "evaluate", lambda theta=None: Evaluation(-1.0, None))
    assert radius_of_rise(risk, S, share=0.1, num_pairs=2, rng=seeded(0)) is None


def test_shares_outside_of_zero_to_one_are_refused(make_risk):
    risk = make_risk()
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\)"):
        radius_of_rise(risk, risk.theta, share=1.0, num_pairs=2, rng=seeded(0))
