"""Noise measures against closed forms: on a quadratic loss every one of them is known."""

import math

import pytest
import torch
from torch import Tensor, nn

from landscape.curvature.perturbation import PairedRise, example_losses, noise_like
from landscape.curvature.perturbation_accuracy import tolerated_noise
from landscape.curvature.perturbation_worst import sam_rise, worst_rise
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import (
    base_radius,
    expected_rise,
    smoothed_curvature,
    smoothed_trace,
)
from landscape.data.dataset import cut
from landscape.linalg.linear_map import DiagonalMap
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk, Evaluation

EPS = torch.finfo(torch.float64).eps


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class _Linear(nn.Module):
    """θ enters linearly, so that the squared error is exactly quadratic."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        w = torch.randn(6, generator=seeded(seed), dtype=torch.float64)
        self.weight = nn.Parameter(w.view(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.flatten()


@pytest.fixture
def quadratic():
    """L(θ) = mean of (x·θ - y)² over 7 ragged examples, and its Hessian, shape (6, 6)."""
    x = torch.randn(7, 6, generator=seeded(1), dtype=torch.float64)
    y = torch.randn(7, generator=seeded(2), dtype=torch.float64)
    loss = Loss("square", lambda outputs, targets: (outputs - targets).square())
    risk = EmpiricalRisk(_Linear(3), loss, cut(x, y, 4))
    return risk, 2 * x.T @ x / 7


@pytest.mark.parametrize("scale", ["none", "filter", "weight"])
def test_noise_of_every_scale_is_as_long_as_theta(scale, make_risk):
    risk = make_risk("smooth")
    S = relative_scale(scale, risk)
    assert float(S.entries.norm()) == pytest.approx(float(risk.theta.norm()), rel=64 * EPS)


@pytest.mark.parametrize("scale", ["filter", "weight"])
def test_zero_weights_and_dead_filters_do_not_move(scale, make_risk):
    risk = make_risk("smooth")
    with torch.no_grad():
        risk.theta[0] = 0.0
        risk.theta[4:8] = 0.0  # the second filter of the first layer
    S = relative_scale(scale, risk)
    assert bool((S.entries[4:8] == 0).all())
    assert bool(torch.isfinite(S.entries).all())
    if scale == "weight":
        assert S.entries[0] == 0
    rng = seeded(0)
    found = worst_rise(risk, S, 0.1, num_restarts=2, num_steps=3, rng=rng)
    assert math.isfinite(found.rise.mean)
    assert math.isfinite(sam_rise(risk, S, 0.1).rise.mean)
    assert math.isfinite(expected_rise(risk, S, (0.1,), num_pairs=2, rng=rng)[0].rise.mean)


def test_noise_depends_on_the_seed_alone(make_risk):
    one, other = make_risk("smooth", seed=0), make_risk("smooth", seed=9)
    assert torch.equal(noise_like(one, seeded(4)), noise_like(other, seeded(4)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_expected_rise_of_a_quadratic_is_half_the_scaled_trace(quadratic, seed):
    risk, H = quadratic
    S = relative_scale("weight", risk)
    trace = float((S.entries.square() * H.diagonal()).sum())
    found = expected_rise(risk, S, (0.05, 0.2), num_pairs=200, rng=seeded(seed))
    rises = [at.rise for at in found]
    for radius, estimate in zip((0.05, 0.2), rises, strict=True):
        assert abs(estimate.mean - radius**2 * trace / 2) < 4 * estimate.stderr
    # Common noise: on a quadratic the two radii then differ by exactly the square of their ratio.
    assert rises[1].mean == pytest.approx(16 * rises[0].mean, rel=1e-9)
    # Nor is it rough: what pairs leave of the base is L(θ) to rounding.
    assert max(at.roughness for at in found) < 1e-9 * rises[0].mean


def test_expected_rise_is_that_over_the_loss_itself_where_it_is_smooth(make_risk):
    """The plain mean over the same pairs differs by what is of fourth order in the radii."""
    risk, radius = make_risk("smooth"), 0.1
    S = relative_scale("filter", risk)
    found = expected_rise(risk, S, (radius,), num_pairs=8, rng=seeded(5))[0].rise
    base, rng, rises = risk.evaluate().loss, seeded(5), []
    for _ in range(8):
        e = radius * (S @ noise_like(risk, rng))
        rises.append(sum(risk.evaluate(risk.theta + s * e).loss for s in (1, -1)) / 2 - base)
    plain = torch.tensor(rises, dtype=torch.float64)
    assert found.mean == pytest.approx(float(plain.mean()), rel=100 * base_radius(radius) ** 2)
    assert found.stderr == pytest.approx(float(plain.std()) / 8**0.5, rel=1e-2)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("radius", [0.01, 1.0])
def test_smoothed_trace_of_a_quadratic_is_the_trace_at_every_radius(quadratic, seed, radius):
    risk, H = quadratic
    ones = DiagonalMap(torch.ones(6, dtype=torch.float64))
    found = smoothed_trace(risk, ones, radius, num_pairs=300, rng=seeded(seed))
    assert abs(found.mean - float(H.trace())) < 4 * found.stderr


@pytest.mark.parametrize("kind", ["smooth", "spiking"])
def test_smoothed_trace_agrees_with_steins_formula(kind, make_risk):
    """E[(L(θ + s u) - L(θ)) (‖u‖² - P)] / s², computed directly, at the same s."""
    risk, s, draws = make_risk(kind, batch_size=10), 0.3, 1000
    base, rng = risk.evaluate().loss, seeded(5)
    direct = torch.zeros(draws, dtype=torch.float64)
    for k in range(draws):
        u = noise_like(risk, rng)
        both = (risk.evaluate(risk.theta + sign * s * u).loss for sign in (1, -1))
        direct[k] = (sum(both) / 2 - base) * float(u @ u - risk.num_params) / s**2
    identity = DiagonalMap(torch.ones_like(risk.theta))
    found = smoothed_trace(risk, identity, s, num_pairs=300, rng=seeded(6))
    error = math.hypot(found.stderr, float(direct.std()) / draws**0.5)
    assert abs(found.mean - float(direct.mean())) < 4 * error
    # The point of the other form: far less noise from as many evaluations.
    assert found.stderr * 300**0.5 < 0.7 * float(direct.std())


def test_smoothed_curvature_of_a_quadratic_is_its_form(quadratic):
    risk, H = quadratic
    v = torch.randn(6, generator=seeded(8), dtype=torch.float64)
    found = smoothed_curvature(
        risk,
        v,
        scale=DiagonalMap(torch.ones_like(v)),
        radius=0.3,
        step=0.1,
        num_pairs=2,
        rng=seeded(0),
    )
    assert found.mean == pytest.approx(float(v @ H @ v), rel=1e-9)


def test_sam_first_order_is_the_largest_slope_of_the_ball(quadratic):
    risk, _ = quadratic
    S, radius = relative_scale("filter", risk), 1e-4
    _, gradient = risk.loss_and_gradient()
    found = sam_rise(risk, S, radius)
    slopes = []
    for seed in range(50):
        z = noise_like(risk, seeded(seed))
        z *= radius * 6**0.5 / z.norm()
        slopes.append(float(gradient @ (S @ z)))
    assert max(slopes) <= found.first_order
    assert found.rise.mean == pytest.approx(found.first_order, rel=1e-2)


def test_worst_rise_of_a_quadratic_at_its_minimum_is_half_the_top_eigenvalue(quadratic):
    """At the minimum, the maximum over ‖e‖ <= R is ½ λ_max R²."""
    risk, H = quadratic
    risk.theta -= torch.linalg.solve(H, risk.gradient())
    S, radius = relative_scale("none", risk), 0.1
    found = worst_rise(risk, S, radius, num_restarts=4, num_steps=200, rng=seeded(0))
    ball = radius * float(risk.theta.norm())
    top = float(torch.linalg.eigvalsh(H)[-1]) * ball**2 / 2
    assert found.rise.mean <= top * (1 + 1e-9)
    assert found.rise.mean == pytest.approx(top, rel=1e-3)


def test_worst_rise_is_never_below_sam_nor_below_zero(make_risk):
    risk = make_risk("spiking")
    S = relative_scale("none", risk)
    found = worst_rise(risk, S, 0.3, num_restarts=3, num_steps=8, rng=seeded(0))
    assert found.rise.mean >= max(0.0, sam_rise(risk, S, 0.3).rise.mean - 1e-12)
    assert found.rise.mean == pytest.approx(max(0.0, *found.restarts), abs=1e-12)


def test_paired_error_is_that_of_the_differences(make_risk, whole_batch):
    risk = make_risk("smooth")
    step = 0.01 * noise_like(risk, seeded(0))
    batch = whole_batch(risk)
    whole = risk.on([batch])
    per_example = [example_losses(whole, theta).totals for theta in (risk.theta + step, risk.theta)]
    d = per_example[0] - per_example[1]
    found = PairedRise(risk).at(step)
    assert found.mean == pytest.approx(float(d.mean()), rel=1e-9)
    assert found.stderr == pytest.approx(float(d.std()) / 10**0.5, rel=1e-6)


def test_tolerated_noise_brackets_the_drop(make_risk):
    risk = make_risk("smooth")
    with risk.swapped(risk.layout.split(risk.theta)):
        # Labels it gets right, so that there is accuracy to lose.
        right = [risk.outputs(index)[0].argmax(-1) for index in range(len(risk.batches))]
    pairs = zip(risk.batches, right, strict=True)
    risk = risk.on([batch._replace(targets=labels) for batch, labels in pairs])
    S = relative_scale("none", risk)

    def mean_accuracy(radius: float) -> float:
        rng, total = seeded(3), 0.0
        for _ in range(20):
            e = radius * (S @ noise_like(risk, rng))
            total += sum(risk.evaluate(risk.theta + sign * e).accuracy for sign in (1, -1))
        return total / 40

    found = tolerated_noise(risk, S, accuracy_drop=0.19, num_pairs=20, tol=0.01, rng=seeded(3))
    assert found.bound is None
    assert found.stderr is not None
    assert found.stderr > 0
    assert mean_accuracy(found.radius / 1.02) >= 0.81
    assert mean_accuracy(found.radius * 1.02) < 0.81


@pytest.mark.parametrize(("accuracy", "bound"), [(0.5, "lower"), (0.0, "upper")])
def test_tolerated_noise_beyond_the_radii_tried_is_a_bound(accuracy, bound, make_risk, monkeypatch):
    """An accuracy that never falls, and one that falls from 0.5 to 0 with any noise at all."""
    risk = make_risk("smooth")
    S = relative_scale("none", risk)

    def evaluate(theta=None):
        return Evaluation(1.0, 0.5 if theta is None else accuracy)

    monkeypatch.setattr(risk, "evaluate", evaluate)
    found = tolerated_noise(risk, S, accuracy_drop=0.1, num_pairs=2, tol=0.1, rng=seeded(0))
    assert (found.bound, found.stderr) == (bound, None)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda r, S: expected_rise(r, S, (0.1, 0.1), num_pairs=2, rng=seeded(0)), "ascending"),
        (lambda r, S: expected_rise(r, S, (0.1,), num_pairs=1, rng=seeded(0)), "at least 2"),
        (lambda r, S: sam_rise(r, S, -1.0), "positive"),
        (lambda r, S: relative_scale("layer", r), "none, filter, weight"),
    ],
)
def test_bad_settings_are_refused_in_words(call, words, make_risk):
    risk = make_risk("smooth")
    with pytest.raises(ValueError, match=words):
        call(risk, DiagonalMap(torch.ones_like(risk.theta)))
