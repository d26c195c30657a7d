"""The largest rise within a ball around θ, and the step that SAM takes towards it."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation import (
    PairedRise,
    check_radii,
    mean_over_examples,
    noise_like,
)
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, afresh, unit, within
from landscape.objective.risk import EmpiricalRisk
from landscape.values import Estimate


class SamRise(NamedTuple):
    """SAM's ascent step from θ, both as predicted and as measured."""

    first_order: float  # max of ∇L·e over the ball: ρ √P ‖S'∇L‖
    rise: Estimate  # L(θ + e) - L(θ) at that e, on the forward as it is; stderr over examples


class WorstCase(NamedTuple):
    """The largest rise that ascent found: a lower bound of the maximum over the ball."""

    rise: Estimate  # stderr over examples, at the point found
    restarts: tuple[float, ...]  # the best of each start: how far they agree
    by_half: float  # the best after half of each start's steps: how far the search has settled
    num_evaluations: int  # passes over the examples; half of them with a backward


def sam_rise(
    risk: EmpiricalRisk, scale: LinearMap, radius: float, *, keep: Keep = afresh
) -> SamRise:
    """The rise at e = ρ √P S S'g / ‖S'g‖, g = ∇L(θ), which maximises g·e on ‖S⁻¹ e‖ <= ρ √P.

    Parameters
    ----------
    scale
        S, as ``relative_scale`` gives it.
    radius
        ρ, relative: with ``relative_scale("none", …)``, ‖e‖ = ρ ‖θ‖.

    References
    ----------
    .. [1] Foret et al. (2021), arXiv 2010.01412, equation 2; Kwon et al. (2021), arXiv 2102.11600.
    """
    check_radii("radius", (radius,))

    def measure() -> Tensor:
        paired = PairedRise(risk)
        gradient = risk.gradient()
        ascent = scale.T @ gradient
        length = radius * risk.num_params**0.5
        norm = float(ascent.norm())
        step = torch.zeros_like(ascent) if norm == 0 else (length / norm) * (scale @ ascent)
        rise = paired.at(step)
        return torch.tensor([length * norm, rise.mean, rise.error], dtype=torch.float64)

    first_order, mean, stderr = unit(keep, "step", measure).tolist()
    return SamRise(first_order, Estimate.of(mean, stderr, risk.num_examples))


def worst_rise(
    risk: EmpiricalRisk,
    scale: LinearMap,
    radius: float,
    *,
    num_restarts: int,
    num_steps: int,
    rng: Generator,
    keep: Keep = afresh,
) -> WorstCase:
    """Maximise L(θ + e) - L(θ) over ‖S⁻¹ e‖₂ <= ρ √P by projected gradient ascent.

    Works on z = S⁻¹ e, so entries with s_i = 0 stay put. Each step goes to the point of the ball
    that is furthest along the (on spiking networks: the surrogate's) gradient, z = ρ √P S∇L / ‖S∇L‖
    [1]: no step size, a rise in each step where the loss is convex, power iteration where it is
    quadratic. Every iterate is judged by the loss of the forward as it is, and the best one kept;
    the centre counts, hence the value is never negative. The first start is θ itself, the second
    the opposite of what it found, since the sharpest direction has two ends; the others are random
    points of the sphere. Costs num_restarts (num_steps + 1) + 2 evaluations.

    References
    ----------
    .. [1] Journée, Nesterov, Richtárik & Sepulchre (2010), JMLR 11:517, algorithm 1 (maximising a
       convex function on a ball); Frank & Wolfe (1956).
    """
    check_radii("radius", (radius,))
    if num_restarts < 1 or num_steps < 1:
        raise ValueError(
            f"num_restarts and num_steps must be at least 1; got {num_restarts} and {num_steps}."
        )

    def search() -> Tensor:
        limit = radius * risk.num_params**0.5
        paired = PairedRise(risk)
        base = mean_over_examples(paired.base).mean
        best, best_z, by_half, restarts = 0.0, torch.zeros_like(risk.theta), 0.0, []
        for restart in range(num_restarts):
            z = -best_z
            if restart > 1 or (restart == 1 and not bool(z.any())):
                z = noise_like(risk, rng)
                z *= limit / z.norm()
            ascend = partial(_ascend, risk, scale, z, limit, num_steps)
            half, whole, found_z = unit(
                within(keep, "worst"), f"start {restart}", ascend
            ).tensor_split([1, 2])
            restarts.append(float(whole) - base)
            by_half = max(by_half, float(half) - base)
            if restarts[-1] > best:
                best, best_z = restarts[-1], found_z.to(risk.theta)
        rise = paired.at(scale @ best_z)
        return torch.tensor([rise.mean, rise.error, by_half, *restarts], dtype=torch.float64)

    mean, stderr, by_half, *restarts = unit(keep, "worst", search).tolist()
    return WorstCase(
        Estimate.of(mean, stderr, risk.num_examples),
        tuple(restarts),
        by_half,
        num_restarts * (num_steps + 1) + 2,
    )


def _ascend(
    risk: EmpiricalRisk, scale: LinearMap, z: Tensor, limit: float, num_steps: int
) -> Tensor:
    """The largest loss met in half the steps, in all, and where, z: shape (2 + P,), float64."""
    half, best, best_z = -float("inf"), -float("inf"), z
    for k in range(num_steps + 1):
        loss, gradient = risk.loss_and_gradient(risk.theta + scale @ z)
        if loss > best:
            best, best_z = loss, z
        if k <= num_steps // 2:
            half = best
        ascent = scale.T @ gradient
        norm = float(ascent.norm())
        if norm == 0:
            break
        z = (limit / norm) * ascent
    return torch.cat([best_z.new_tensor([half, best], dtype=torch.float64), best_z.double()])
