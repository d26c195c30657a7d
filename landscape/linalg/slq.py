"""Stochastic Lanczos quadrature: one Gauss rule a probe.

References
----------
.. [1] Ubaru, Chen & Saad (2017), SIAM J. Matrix Anal. Appl. 38(4):1075-1099.
"""

from functools import partial

import torch
from torch import Generator, Tensor

from landscape.linalg.lanczos import lanczos, lanczos_two_vectors
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.quadrature import GaussRule, gauss_rule
from landscape.linalg.units import Keep, afresh


def spectral_quadrature(
    A: SelfAdjointOperator,
    *,
    num_probes: int,
    num_steps: int,
    rng: Generator,
    low_memory: bool = False,
    keep: Keep = afresh,
) -> list[GaussRule]:
    """Gauss rules of ``num_probes`` sphere probes, ``num_steps`` matvecs each [1]_.

    ``low_memory`` keeps two vectors instead of ``num_steps``; see ``lanczos_two_vectors`` for what
    that costs. Each rule is a unit of ``keep``.
    """
    if num_probes < 1:
        raise ValueError(f"num_probes must be at least 1; got {num_probes}.")
    tridiagonalise = lanczos_two_vectors if low_memory else lanczos

    def rule(z: Tensor) -> Tensor:
        return torch.stack(gauss_rule(tridiagonalise(A, z, min(num_steps, A.dim))))

    units = keep.each((f"probe {i}", partial(rule, sphere(A, rng))) for i in range(num_probes))
    return [GaussRule(*unit) for unit in units]
