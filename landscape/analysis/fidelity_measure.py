"""The loss along a direction, on both sides of θ, as it is on the forward of the network."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.curvature.perturbation import PairedRise, mean_over_examples
from landscape.distributed import all_reduce_sum, rank, world_size
from landscape.linalg.estimate import Estimate

_NUM_GROUPS = 10  # of examples, for the jackknife


class Walk(NamedTuple):
    """Rises along ±t v, one a distance."""

    plus: list[Estimate]  # L(θ + t v) - L(θ), errors over examples
    minus: list[Estimate]  # L(θ - t v) - L(θ)
    symmetric: list[Estimate]  # the mean of both
    without: NDArray[np.float64]  # symmetric, without one group of examples each: (K, R)


def walk(paired: PairedRise, direction: Tensor, distances: tuple[float, ...]) -> Walk:
    """Measure both sides of θ along ``direction``, shape (P,), at each distance.

    Costs 2 len(distances) evaluations.
    """
    n = paired.risk.num_examples
    plus, minus, symmetric, sums = [], [], [], []
    for t in distances:
        forth, back = paired.differences(t * direction), paired.differences(-t * direction)
        plus.append(mean_over_examples(forth, n))
        minus.append(mean_over_examples(back, n))
        both = (forth + back) / 2
        symmetric.append(mean_over_examples(both, n))
        sums.append(_group_sums(both))
    counts = _group_sums(torch.ones_like(paired.base))
    totals, filled = torch.stack(sums, dim=1), counts > 0  # (K, R)
    rest = (n - counts[filled]).clamp(min=1)[:, None]
    without = (totals.sum(0) - totals[filled]) / rest
    return Walk(plus, minus, symmetric, without.cpu().numpy())


def _group_sums(values: Tensor) -> Tensor:
    """Sums over every tenth example, over all processes, shape (K,)."""
    places = rank() + world_size() * torch.arange(len(values), device=values.device)
    groups = places % _NUM_GROUPS
    sums = torch.zeros(_NUM_GROUPS, dtype=values.dtype, device=values.device)
    return all_reduce_sum(sums.index_add(0, groups, values))
