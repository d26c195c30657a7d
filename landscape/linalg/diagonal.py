"""The diagonal of an operator: exact for few dimensions, estimated otherwise.

References
----------
.. [1] Bekas, Kokiopoulou & Saad (2007), Applied Numerical Mathematics 57:1214-1229.
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import rademacher


class Diagonal(NamedTuple):
    """The entries A_ii and the standard error of each, over probes."""

    mean: Tensor  # shape (n,), float64
    stderr: Tensor  # shape (n,); 0 where the diagonal is exact
    num_probes: int  # 0 where it is exact


def estimate_diagonal(A: SelfAdjointOperator, *, num_matvecs: int, rng: Generator) -> Diagonal:
    """E z ⊙ A z over Rademacher probes z [1]_; column by column where ``num_matvecs`` allow that.

    An entry's variance is the squared norm of its row without the diagonal: small entries in rows
    of large ones are not resolved.
    """
    if num_matvecs < 2:
        raise ValueError(f"num_matvecs must be at least 2 to give a stderr; got {num_matvecs}.")
    if A.dim <= num_matvecs:
        exact = torch.zeros(A.dim, dtype=torch.float64)
        for i in range(A.dim):
            column = torch.zeros(A.dim, dtype=A.dtype, device=A.device)
            column[i] = 1
            exact[i] = float((A @ column)[i])
        return Diagonal(exact, torch.zeros_like(exact), 0)
    mean = torch.zeros(A.dim, dtype=torch.float64, device=A.device)
    squares = torch.zeros_like(mean)  # of deviations from the mean so far: Welford's update
    for k in range(1, num_matvecs + 1):
        z = rademacher(A, rng)
        sample = (z * (A @ z)).double()
        before = sample - mean
        mean += before / k
        squares += before * (sample - mean)
    stderr = (squares / (num_matvecs - 1) / num_matvecs).sqrt()
    return Diagonal(mean.cpu(), stderr.cpu(), num_matvecs)
