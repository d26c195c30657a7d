"""An operator with any spectrum, at the cost of a vector; and a network's spectrum."""

import numpy as np
import torch

from landscape.linalg.operator import SelfAdjointOperator


class Diagonal(SelfAdjointOperator):
    """Lanczos and probes that no rotation changes see the spectrum, not the frame."""

    def __init__(self, values):
        self.values, self.dim = values, len(values)
        self.dtype, self.device = values.dtype, values.device

    def _matvec(self, v):
        return self.values * v


def network_spectrum(n):
    """A few outliers, both signs, over a bulk at zero: what the Hessian of a trained net has."""
    g = np.random.default_rng(0)
    outliers = [np.geomspace(20, 1, 10), -np.geomspace(0.3, 0.1, 5)]
    small = [g.exponential(0.02, n // 4), 0.003 * g.standard_normal(n - 15 - n // 4)]
    return torch.from_numpy(np.concatenate(outliers + small))
