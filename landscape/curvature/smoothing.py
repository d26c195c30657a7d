"""The loss smoothed by Gaussian noise, L_s(θ) = E L(θ + s S ε): no derivative is taken of it.

It is genuinely smooth even where the loss is a staircase, as that of a spiking network is. With
F(s) = L_s(θ) - L(θ), the heat equation gives

    dF / d(s²) = ½ tr(S' ∇²L_s S),

so the trace of the smoothed Hessian, averaged over a window of s², is a difference of two rises
under the same noise. Its error is that of Hutchinson's estimator; the textbook form,
E[(L(θ + s u) - L(θ)) (‖u‖² - P)] / s², has the same mean and, for large P, about √(P / 2) times
the error, since it must find the dependence on ‖u‖ from chance differences in length.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation import check_radii, noise_like
from landscape.linalg.estimate import estimate_mean
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, afresh, number
from landscape.objective.risk import EmpiricalRisk
from landscape.values import Estimate

# Half-width of the window in s², relative to s²: wide enough that the rise changes by more than
# the steps of a spiking network, narrow enough that the smoothed curvature hardly does.
TRACE_WINDOW = 0.5

# Spiking networks trained again with other rounding end 0.01 to 0.05 of their filters' norms apart.
# Rises at 0.03 and 0.1 from a base at 0.01 scatter between them by 0.6 to 1.2 of their printed
# errors (benchmarks/retraining.py), from one at 0.003 by 0.8 to 1.7, at 0.001 by 0.9 to 2.3, and
# over L(θ) by up to 4: what is rough at the distance of such networks has to be smoothed away.
_BASE_RADIUS = 0.01


class ExpectedRise(NamedTuple):
    """The expected rise at a radius, and how rough the loss is that it was read off."""

    rise: Estimate  # in units of the loss; the standard error is over pairs
    base_radius: float  # ρ₀ of the smoothed loss that it is taken from
    roughness: float  # standard deviation of L(θ) as one draw of a rough function


def expected_rise(
    risk: EmpiricalRisk,
    scale: LinearMap,
    radii: tuple[float, ...],
    *,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> tuple[ExpectedRise, ...]:
    """E L(θ + ρ S ε) over its base for each radius ρ, ε ~ N(0, I) in antithetic pairs ±ε.

    The base is not L(θ): where the loss is a staircase of many small steps, L(θ) is one draw of a
    rough function, and an error over noise would leave that out. It is the smoothed loss, followed
    from ρ₀ = :func:`base_radius` to radius zero as a quadratic in ρ goes:

        rise(ρ) = [E L(θ + ρ S ε) - E L(θ + ρ₀ S ε)] ρ² / (ρ² - ρ₀²).

    On a quadratic that is E L(θ + ρ S ε) - L(θ) = ½ ρ² tr(S ∇²L S), pair by pair, with no more
    scatter than that; on other smooth losses to fourth order in the radii; on a cusp, a rise of
    c ρ, it is c ρ² / (ρ + ρ₀).

    Parameters
    ----------
    scale
        S, as ``relative_scale`` gives it.
    radii
        ρ, ascending; every radius and its base see the same noise, and so does every checkpoint
        for which ``rng`` is in the same state.

    Returns
    -------
    tuple of ExpectedRise
        One a radius. Odd terms (the gradient) cancel within a pair. The roughness is the scatter
        of the pairs' bases, times √2 since each is a mean of two: zero on a quadratic. Costs 2
        ``num_pairs`` evaluations for each radius and for each base, of which there is one for all
        radii from 0.03 on.

    Raises
    ------
    ValueError
        If there are less than two pairs, or the radii do not ascend.

    References
    ----------
    .. [1] Andriushchenko et al. (2023), arXiv 2302.07011, section 2 (average-case, adaptive).
    """
    check_radii("radii", radii)
    check_pairs(num_pairs)
    tried = radii_tried(radii)
    units = (
        (f"pair {pair}", partial(_mean_losses, risk, scale @ noise_like(risk, rng), tried))
        for pair in range(num_pairs)
    )
    losses = dict(zip(tried, torch.stack(list(keep.each(units)), dim=1), strict=True))
    found = []
    for radius in radii:
        base = base_radius(radius)
        rises = over_base(losses[base], losses[radius], radius)
        roughness = 2**0.5 * float((losses[radius] - rises).std())
        found.append(ExpectedRise(estimate_mean(rises), base, roughness))
    return tuple(found)


def base_radius(radius: float) -> float:
    """ρ₀ for a rise at ρ = ``radius``: 0.01, or a third of a radius below 0.03."""
    return min(_BASE_RADIUS, radius / 3)


def radii_tried(radii: tuple[float, ...]) -> tuple[float, ...]:
    """Radii of noise for the rises at ``radii``: with those of their bases, ascending."""
    return tuple(sorted({*radii, *map(base_radius, radii)}))


def over_base(base: Tensor, losses: Tensor, radius: float) -> Tensor:
    """Rise of ``losses`` at ``radius``, given those at its base radius under the same noise."""
    return (losses - base) * (radius**2 / (radius**2 - base_radius(radius) ** 2))


def _mean_losses(risk: EmpiricalRisk, step: Tensor, radii: tuple[float, ...]) -> Tensor:
    """½ [L(θ + ρ ``step``) + L(θ - ρ ``step``)] for each radius ρ, shape (R,), float64."""
    means = torch.zeros(len(radii), dtype=torch.float64)
    for k, radius in enumerate(radii):
        plus, minus = (risk.evaluate(risk.theta + s * radius * step).loss for s in (1, -1))
        means[k] = (plus + minus) / 2
    return means


def smoothed_trace(
    risk: EmpiricalRisk,
    scale: LinearMap,
    radius: float,
    *,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> Estimate:
    """tr(S' ∇²L_s(θ) S), its mean over s² within ±50 % of ``radius``²; S ``scale``.

    With S a multiple c of the identity, divide by c² for the trace of ∇²L_s. Exact in
    expectation whatever the loss, and on a quadratic equal to the trace for every radius. The
    standard error is over the antithetic pairs. Costs 4 num_pairs evaluations.
    """
    check_radii("radius", (radius,))
    check_pairs(num_pairs)
    inner, outer = radius * (1 - TRACE_WINDOW) ** 0.5, radius * (1 + TRACE_WINDOW) ** 0.5

    def trace(step: Tensor) -> float:
        rise: float = sum(
            risk.evaluate(risk.theta + sign * outer * step).loss
            - risk.evaluate(risk.theta + sign * inner * step).loss
            for sign in (1, -1)
        )
        span: float = outer**2 - inner**2
        return rise / span  # twice the mean of two signs: factors cancel

    traces = [
        number(keep, f"pair {pair}", partial(trace, scale @ noise_like(risk, rng)))
        for pair in range(num_pairs)
    ]
    return estimate_mean(torch.tensor(traces, dtype=torch.float64))


def smoothed_curvature(
    risk: EmpiricalRisk,
    direction: Tensor,
    *,
    scale: LinearMap,
    radius: float,
    step: float,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> Estimate:
    """vᵀ ∇²L_s v for v = ``direction``, shape (P,), by differences of the smoothed loss.

    [L_s(θ + t v) + L_s(θ - t v) - 2 L_s(θ)] / t² at t = ``step``, under common noise
    ρ S ε, ρ = ``radius``; the standard error is over the antithetic pairs ±ε. In loss per unit of
    θ² if v has norm 1. Costs 6 num_pairs evaluations.
    """
    check_pairs(num_pairs)
    if not step > 0:
        raise ValueError(f"step must be positive, in units of θ along the direction; got {step}.")

    def curvature(noise: Tensor) -> float:
        value = 0.0
        for sign in (1, -1):
            centre = risk.theta + sign * noise
            plus = risk.evaluate(centre + step * direction).loss
            minus = risk.evaluate(centre - step * direction).loss
            value += (plus + minus - 2 * risk.evaluate(centre).loss) / (2 * step**2)
        return value

    values = [
        number(keep, f"pair {pair}", partial(curvature, radius * (scale @ noise_like(risk, rng))))
        for pair in range(num_pairs)
    ]
    return estimate_mean(torch.tensor(values, dtype=torch.float64))


def check_pairs(num_pairs: int) -> None:
    if num_pairs < 2:
        raise ValueError(f"num_pairs must be at least 2 to give a stderr; got {num_pairs}.")
