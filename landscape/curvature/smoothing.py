"""The loss smoothed by Gaussian noise, L_s(θ) = E L(θ + s S ε): no derivative is taken of it.

It is genuinely smooth even where the loss is a staircase, as that of a spiking network is. With
F(s) = L_s(θ) - L(θ), the heat equation gives

    dF / d(s²) = ½ tr(S ∇²L_s S),

so the trace of the smoothed Hessian, averaged over a window of s², is a difference of two rises
under the same noise. Its error is that of Hutchinson's estimator; the textbook form,
E[(L(θ + s u) - L(θ)) (‖u‖² - P)] / s², has the same mean and, for large P, about √(P / 2) times
the error, since it must find the dependence on ‖u‖ from chance differences in length.
"""

from functools import partial

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation import check_radii, noise_like
from landscape.linalg.estimate import estimate_mean
from landscape.linalg.units import Keep, afresh, number
from landscape.objective.risk import EmpiricalRisk
from landscape.values import Estimate

# Half-width of the window in s², relative to s²: wide enough that the rise changes by more than
# the steps of a spiking network, narrow enough that the smoothed curvature hardly does.
TRACE_WINDOW = 0.5


def expected_rise(
    risk: EmpiricalRisk,
    scale: Tensor,
    radii: tuple[float, ...],
    *,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> tuple[Estimate, ...]:
    """E L(θ + ρ S ε) - L(θ) for each radius ρ, ε ~ N(0, I) in antithetic pairs ±ε.

    Parameters
    ----------
    scale
        Diagonal of S, shape (P,), as ``relative_scale`` gives it.
    radii
        ρ, ascending; every radius sees the same noise, and so does every checkpoint for which
        ``rng`` is in the same state.

    Returns
    -------
    tuple of Estimate
        In units of the loss; the standard error is over pairs. Odd terms (the gradient) cancel
        within a pair. Costs 2 num_pairs len(radii) + 1 evaluations.

    References
    ----------
    .. [1] Andriushchenko et al. (2023), arXiv 2302.07011, section 2 (average-case, adaptive).
    """
    check_radii("radii", radii)
    _check_pairs(num_pairs)
    base = number(keep, "base", lambda: risk.evaluate().loss)

    def rise_at_radii(step: Tensor) -> Tensor:
        rises = torch.zeros(len(radii), dtype=torch.float64)
        for k, radius in enumerate(radii):
            plus = risk.evaluate(risk.theta + radius * step).loss
            minus = risk.evaluate(risk.theta - radius * step).loss
            rises[k] = (plus - base + minus - base) / 2
        return rises

    pairs = [
        keep(f"pair {pair}", partial(rise_at_radii, scale * noise_like(risk, rng)))
        for pair in range(num_pairs)
    ]
    return tuple(estimate_mean(rises) for rises in torch.stack(pairs, dim=1))


def smoothed_trace(
    risk: EmpiricalRisk,
    scale: Tensor,
    radius: float,
    *,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> Estimate:
    """tr(S ∇²L_s(θ) S), its mean over s² within ±50 % of ``radius``²; S ``scale``, shape (P,).

    With S a multiple c of the identity, divide by c² for the trace of ∇²L_s. Exact in
    expectation whatever the loss, and on a quadratic equal to the trace for every radius. The
    standard error is over the antithetic pairs. Costs 4 num_pairs evaluations.
    """
    check_radii("radius", (radius,))
    _check_pairs(num_pairs)
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
        number(keep, f"pair {pair}", partial(trace, scale * noise_like(risk, rng)))
        for pair in range(num_pairs)
    ]
    return estimate_mean(torch.tensor(traces, dtype=torch.float64))


def smoothed_curvature(
    risk: EmpiricalRisk,
    direction: Tensor,
    *,
    scale: Tensor,
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
    _check_pairs(num_pairs)
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
        number(keep, f"pair {pair}", partial(curvature, radius * scale * noise_like(risk, rng)))
        for pair in range(num_pairs)
    ]
    return estimate_mean(torch.tensor(values, dtype=torch.float64))


def _check_pairs(num_pairs: int) -> None:
    if num_pairs < 2:
        raise ValueError(f"num_pairs must be at least 2 to give a stderr; got {num_pairs}.")
