"""The search for the critical learning rate on curves whose rate is known."""

import math

import pytest

from landscape.probe.critical import WIDTH, critical_step

CURVES = {  # L(θ - η u) - L(θ), its fall per rate at 0, and where it ends
    "parabola": (lambda r: r * r - r, 1.0, 1.0),
    "quartic": (lambda r: r**4 - r, 1.0, 1.0),
    "steep at first": (lambda r: r - math.sqrt(r) - 1e-3 * r, 50.0, 1 / 0.999**2),
    "wall": (lambda r: -r if r < 1 else math.inf, 1.0, 1.0),
    "overflow": (lambda r: r * r - r if r < 3 else math.nan, 1.0, 1.0),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("guess", [1e-3, 0.3, 0.99, 1.01, 5.0, 300.0])
def test_the_bracket_holds_it(curve, guess):
    rise, slope, end = curve
    asked = []

    def counted(rate):
        asked.append(rate)
        return rise(rate)

    found = critical_step(counted, slope, guess, rounding=0.0)
    assert found.low <= end <= found.high <= WIDTH * found.low
    assert len(asked) <= 24


@pytest.mark.parametrize("off", [0.9, 0.98, 1.0, 1.02, 1.1])
def test_near_the_rate_of_the_call_before_few_passes_do(off):
    asked = []
    critical_step(lambda r: asked.append(r) or r * r - r, 1.0, off, rounding=0.0)
    assert len(asked) <= 3


def test_what_cannot_be_told_is_not():
    assert critical_step(lambda r: -r, 1.0, 1.0, rounding=0.0) is None  # it falls for ever
    assert critical_step(lambda r: 1e-9 * (r * r - r), 1e-9, 1.0, rounding=1e-6) is None
    uphill = critical_step(lambda r: r, -1.0, 1.0, rounding=0.0)
    assert (uphill.rate, uphill.sharpness) == (0.0, None)
