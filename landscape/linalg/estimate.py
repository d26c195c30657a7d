"""A number estimated from independent samples, with its error."""

import math
from typing import NamedTuple

from scipy.special import stdtrit
from torch import Tensor


class Estimate(NamedTuple):
    """A mean over probes and the standard error of that mean."""

    mean: float
    stderr: float  # NaN with a single probe; 0 where the value is exact
    num_probes: int  # independent samples behind the mean; 0 where the value is exact

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided Student t interval with ``num_probes - 1`` degrees of freedom."""
        if not 0 < level < 1:
            raise ValueError(f"level must lie in (0, 1); got {level}.")
        if self.num_probes == 0:
            return self.mean, self.mean
        if self.num_probes == 1:
            return -math.inf, math.inf
        half = float(stdtrit(self.num_probes - 1, (1 + level) / 2)) * self.stderr
        return self.mean - half, self.mean + half


def estimate_mean(samples: Tensor, offset: float = 0.0) -> Estimate:
    """Mean of ``samples``, shape (m,), plus the exactly known ``offset``, with its stderr."""
    num = len(samples)
    if num == 0:
        raise ValueError("samples must hold at least one value; got none.")
    stderr = float(samples.std()) / math.sqrt(num) if num > 1 else math.nan
    return Estimate(offset + float(samples.mean()), stderr, num)
