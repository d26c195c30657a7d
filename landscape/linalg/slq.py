"""Stochastic Lanczos quadrature: one Gauss rule a probe, resumable probe by probe.

References
----------
.. [1] Ubaru, Chen & Saad (2017), SIAM J. Matrix Anal. Appl. 38(4):1075-1099.
"""

from collections.abc import Callable, Sequence

from torch import Generator

from landscape.linalg.lanczos import lanczos, lanczos_two_vectors
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.quadrature import GaussRule, gauss_rule


def spectral_quadrature(
    A: SelfAdjointOperator,
    *,
    num_probes: int,
    num_steps: int,
    rng: Generator,
    low_memory: bool = False,
    finished: Sequence[GaussRule] = (),
    callback: Callable[[GaussRule], None] | None = None,
) -> list[GaussRule]:
    """Gauss rules of ``num_probes`` sphere probes, ``num_steps`` matvecs each [1]_.

    ``low_memory`` keeps two vectors instead of ``num_steps``; see ``lanczos_two_vectors`` for what
    that costs. The first ``len(finished)`` rules are taken from there, their probes drawn and
    passed over, so that a run that was cut off goes on to what it would have given; ``callback``
    is handed each new rule.
    """
    if num_probes < 1:
        raise ValueError(f"num_probes must be at least 1; got {num_probes}.")
    tridiagonalise = lanczos_two_vectors if low_memory else lanczos
    rules = list(finished[:num_probes])
    for i in range(num_probes):
        z = sphere(A, rng)
        if i < len(rules):
            continue
        rules.append(gauss_rule(tridiagonalise(A, z, min(num_steps, A.dim))))
        if callback is not None:
            callback(rules[-1])
    return rules
