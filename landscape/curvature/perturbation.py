"""Moving θ and measuring what the loss does: relative radii, and paired rises with their error.

One convention of radius for every measure. S is a linear map, diagonal but for ``symmetry``, whose
noise S ε, ε ~ N(0, I), is as long as θ: E‖S ε‖² = ‖θ‖². Noise of radius ρ is ρ S ε; the ball of
radius ρ is ‖S⁻¹ e‖₂ <= ρ √P, which is where that noise lies when P is large. So ρ = 0.01 means a
perturbation of one per cent of the weights, whatever the scale:

- ``none``: the same noise everywhere, s_i = ‖θ‖ / √P.
- ``filter``: each filter moves by ρ times its own norm, s_i = ‖w_f‖ / √n_f.
- ``weight``: each weight by ρ times its own size, s_i = |θ_i| (Kwon et al. 2021, ASAM).
- ``symmetry``: the same, and each product of weights by ρ times its own size; its noise is not
  as long as θ, whose length a symmetry may change.

Where S is zero (zero weights, dead filters) nothing moves; no formula divides by it.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.distributed import all_reduce_sum
from landscape.linalg.probes import normal
from landscape.objective.halving import with_smaller_batches
from landscape.objective.risk import EmpiricalRisk
from landscape.values import Estimate


class _Space(NamedTuple):
    dim: int
    dtype: torch.dtype
    device: torch.device


def noise_like(risk: EmpiricalRisk, rng: Generator) -> Tensor:
    """ε ~ N(0, I), shape (P,); one seed gives one draw, so that checkpoints are paired."""
    return normal(_Space(risk.num_params, risk.dtype, risk.device), rng)


def check_radii(name: str, radii: tuple[float, ...]) -> None:
    """Refuse radii that are not positive, ascending numbers."""
    ascending = all(a < b for a, b in pairwise(radii))
    if not radii or not ascending or not radii[0] > 0 or not radii[-1] < float("inf"):
        raise ValueError(
            f"{name} must be positive, finite and ascending, as fractions of the weights, such as "
            f"0.01,0.03,0.1; got {radii}."
        )


class ExampleLosses(NamedTuple):
    """This process's losses in their smallest units, float64; L = Σ totals / Σ weights.

    Right answers out of those asked for are kept alike.
    """

    totals: Tensor  # shape (n,)
    weights: Tensor  # shape (n,); those of examples are 1 where nothing else is said


def example_losses(risk: EmpiricalRisk, theta: Tensor) -> ExampleLosses:
    """The loss of each of this process's examples at ``theta``; of whole batches without these."""
    tensors = risk.layout.split(theta.detach())
    none = torch.zeros(0, dtype=torch.float64, device=theta.device)  # a process may have no batch

    def losses() -> ExampleLosses:
        with risk.swapped(tensors):
            found = [risk.terms(index) for index in range(len(risk.batches))]
        totals = torch.cat([none, *(terms.totals.detach().double() for terms in found)])
        return ExampleLosses(totals, torch.cat([none, *(t.weights.double() for t in found)]))

    return with_smaller_batches(risk, losses)


def mean_over_examples(values: ExampleLosses) -> Estimate:
    """Mean over all processes' examples, and its standard error: that of a ratio of two sums."""
    count = values.totals.new_tensor(len(values.totals))
    total, weight, units = all_reduce_sum(
        torch.stack([values.totals.sum(), values.weights.sum(), count])
    ).tolist()
    mean = total / weight
    # Centred before squaring: differences of nearly equal losses leave no digits to spare.
    residuals = values.totals - mean * values.weights
    squares = float(all_reduce_sum(residuals.square().sum().reshape(1)))
    if units < 2:
        return Estimate(mean, None, int(units))  # one example shows no spread
    return Estimate(mean, (squares * units / (units - 1)) ** 0.5 / weight, int(units))


class PairedRise:
    """L(θ + e) - L(θ) with the error that the choice of examples leaves in it.

    Losses are compared example by example, so the spread between examples, which is far larger
    than the rise, drops out.
    """

    def __init__(self, risk: EmpiricalRisk) -> None:
        self.risk = risk
        self.base = example_losses(risk, risk.theta)
        self.num_evaluations = 1

    def differences(self, step: Tensor) -> ExampleLosses:
        """ℓ_i(θ + step) - ℓ_i(θ) of this process's examples."""
        self.num_evaluations += 1
        moved = example_losses(self.risk, self.risk.theta + step)
        return moved._replace(totals=moved.totals - self.base.totals)

    def at(self, step: Tensor) -> Estimate:
        """The rise at θ + ``step``; standard error over examples."""
        return mean_over_examples(self.differences(step))
