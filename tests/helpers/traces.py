"""Spectra whose traces are estimated, and a ``Keep`` that remembers."""

import torch

from landscape.linalg.units import Keep

N = 100
INDEX = torch.arange(N, dtype=torch.float64)
SPECTRA = {
    "flat": 3 - 2 * INDEX / (N - 1),
    "algebraic": 1 / (INDEX + 1) ** 2,
    "outliers": torch.cat([torch.linspace(20, 1, 8), torch.linspace(0, 0.1, N - 8)]).double(),
    "plateau": torch.cat([torch.full((14,), 5.0), torch.linspace(1, 0, N - 14)]).double(),
    "indefinite": torch.cat([torch.linspace(20, -9, 8), torch.linspace(-0.1, 0.1, N - 8)]).double(),
}


class Memory:
    """What has been computed, by its name; ``keep`` computes the rest."""

    def __init__(self):
        self.known = {}
        self.keep = Keep(self.each)

    def each(self, units):
        for name, compute in units:
            if name not in self.known:
                self.known[name] = compute()
            yield self.known[name]
