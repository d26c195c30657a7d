"""The loss along a direction, on both sides of θ, as it is on the forward of the network."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.curvature.perturbation import PairedRise, mean_over_examples
from landscape.distributed import all_reduce_sum, rank, world_size
from landscape.linalg.units import Keep, afresh, unit
from landscape.values import Estimate

_NUM_GROUPS = 10  # of examples, for the jackknife


class Walk(NamedTuple):
    """Rises along ±t v, one a distance."""

    plus: list[Estimate]  # L(θ + t v) - L(θ), errors over examples
    minus: list[Estimate]  # L(θ - t v) - L(θ)
    symmetric: list[Estimate]  # the mean of both
    without: NDArray[np.float64]  # symmetric, without one group of examples each: (K, R)


def walk(
    paired: PairedRise, direction: Tensor, distances: tuple[float, ...], keep: Keep = afresh
) -> Walk:
    """Measure both sides of θ along ``direction``, shape (P,), at each distance.

    Costs 2 len(distances) evaluations.
    """
    n = paired.risk.num_examples
    weight = paired.risk.total_weight

    def both_sides(t: float) -> Tensor:
        """Mean and error forth, back and on average, then the sums of the groups of the last."""
        forth, back = paired.differences(t * direction), paired.differences(-t * direction)
        both = forth._replace(totals=(forth.totals + back.totals) / 2)
        estimates = [mean_over_examples(values) for values in (forth, back, both)]
        numbers = [number for e in estimates for number in (e.mean, e.error)]
        return torch.cat([both.totals.new_tensor(numbers), _group_sums(both.totals)]).cpu()

    found = torch.stack([unit(keep, f"distance {t!r}", partial(both_sides, t)) for t in distances])
    plus, minus, symmetric = (
        [Estimate.of(mean, stderr, n) for mean, stderr in found[:, 2 * k : 2 * k + 2].tolist()]
        for k in range(3)
    )
    weights = _group_sums(paired.base.weights).cpu()
    totals, filled = found[:, 6:].T, weights > 0  # (K, R)
    rest = (weight - weights[filled]).clamp(min=1)[:, None]
    without = (totals.sum(0) - totals[filled]) / rest
    return Walk(plus, minus, symmetric, without.numpy())


def _group_sums(values: Tensor) -> Tensor:
    """Sums over every tenth example, over all processes, shape (K,)."""
    places = rank() + world_size() * torch.arange(len(values), device=values.device)
    groups = places % _NUM_GROUPS
    sums = torch.zeros(_NUM_GROUPS, dtype=values.dtype, device=values.device)
    return all_reduce_sum(sums.index_add(0, groups, values))
