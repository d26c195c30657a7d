"""A number estimated from independent samples, with its error."""

import math

from torch import Tensor

from landscape.values import Estimate


def estimate_mean(samples: Tensor, offset: float = 0.0) -> Estimate:
    """Mean of ``samples``, shape (m,), plus the exactly known ``offset``, with their spread."""
    num = len(samples)
    if num == 0:
        raise ValueError("samples must hold at least one value; got none.")
    mean = offset + float(samples.mean())
    if num == 1:
        return Estimate(mean, None, num)
    return Estimate(mean, float(samples.std()) / math.sqrt(num), num, num - 1)
