"""On a rough function the error of a rise covers where in the roughness θ happens to lie."""

from itertools import combinations

import pytest
import torch
from scipy.stats import t as student
from torch import Tensor, nn

from landscape.curvature.perturbation import noise_like
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import expected_rise
from landscape.data.dataset import cut
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk

P, WAVES, PAIRS, PLACES = 40, 300, 6, 40
ROUGH = 0.02  # standard deviation over θ
LENGTH = 1e-3  # along which it changes, in ‖θ‖: far below the base's radius


class _Rough(nn.Module):
    """½ ‖θ‖² / P and waves of random direction and phase, whose wavelength is short."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.theta = nn.Parameter(torch.randn(P, generator=rng, dtype=torch.float64))
        size = float(self.theta.detach().norm())
        waves = torch.randn(WAVES, P, generator=rng, dtype=torch.float64) / (LENGTH * size)
        self.register_buffer("waves", waves)
        self.register_buffer("phases", 7 * torch.rand(WAVES, generator=rng, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        rough = ROUGH * (2 / WAVES) ** 0.5 * torch.cos(self.waves @ self.theta + self.phases).sum()
        return (self.theta.square().mean() / 2 + rough).expand(len(x), 1)


@pytest.fixture(scope="module")
def retrained():
    """Rises at 0.1 from places 0.001 of ‖θ‖ apart, and those over L(θ) itself: (value, error)."""
    zeros = torch.zeros(1, 1, dtype=torch.float64)
    risk = EmpiricalRisk(_Rough(), Loss("value", lambda out, _: out[:, 0]), cut(zeros, zeros, 1))
    start, rng = risk.theta.clone(), torch.Generator().manual_seed(1)
    smoothed, plain = [], []
    for _ in range(PLACES):
        risk.theta = start + 3 * LENGTH * float(start.norm()) / P**0.5 * noise_like(risk, rng)
        S = relative_scale("none", risk)
        (found,) = expected_rise(risk, S, (0.1,), num_pairs=PAIRS, rng=rng)
        smoothed.append((found.rise.mean, found.rise.stderr, found.roughness))
        base, rises = risk.evaluate().loss, []
        for _ in range(PAIRS):
            e = 0.1 * (S @ noise_like(risk, rng))
            rises.append(sum(risk.evaluate(risk.theta + s * e).loss for s in (1, -1)) / 2 - base)
        of_pairs = torch.tensor(rises, dtype=torch.float64)
        plain.append((float(of_pairs.mean()), float(of_pairs.std()) / PAIRS**0.5, 0.0))
    return smoothed, plain


def _coverage(found: list[tuple[float, float, float]]) -> float:
    """Of zero, by the 95 % intervals of differences between disjoint pairs of places."""
    quantile = float(student.ppf(0.975, PAIRS - 1))
    pairs = list(combinations(found, 2))
    held = [abs(a[0] - b[0]) <= quantile * (a[1] ** 2 + b[1] ** 2) ** 0.5 for a, b in pairs]
    return sum(held) / len(held)


def test_the_error_holds_between_places_of_one_valley(retrained):
    smoothed, plain = retrained
    # 780 differences of 40 independent values: as uncertain as 20 disjoint ones at the most.
    assert _coverage(smoothed) >= 0.95 - 2 * (0.95 * 0.05 / (PLACES / 2)) ** 0.5
    assert _coverage(plain) < 0.8  # what the smoothed base is for: L(θ) is one draw


def test_the_mean_over_places_is_that_of_the_valley(retrained):
    smoothed, _ = retrained
    values = torch.tensor([value for value, *_ in smoothed], dtype=torch.float64)
    risen = 0.1**2 * (float(_Rough().theta.detach().square().mean()) / 2)  # E ½ ‖ρ S ε‖² / P
    assert abs(float(values.mean()) - risen) < 4 * float(values.std()) / PLACES**0.5


def test_the_roughness_is_the_standard_deviation_of_the_waves(retrained):
    smoothed, _ = retrained
    squares = torch.tensor([rough**2 for *_, rough in smoothed], dtype=torch.float64)
    # Each with 5 degrees of freedom: 40 of them leave 10 % of the variance, one standard error.
    assert float(squares.mean()) ** 0.5 == pytest.approx(ROUGH, rel=0.25)
