"""What the moments of probes' spectral measures say of the variance of traces over probes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.linalg.probe_record import ProbeRecord
from landscape.linalg.quadrature import gauss_rule


def form_covariance(samples: Sequence[ProbeRecord], dim: int) -> Tensor:
    """Covariance of the mean trace and the mean squared Frobenius norm over probes, shape (2, 2).

    For z uniform on the sphere in R^d and samples d zᵀBz and d zᵀCz,
    Cov = 2d/(d + 2) (tr BC - tr B tr C / d). With the probe's own samples in the place of the
    traces, their products are too large by the covariance itself; a factor of 2 in the place of
    2d/(d + 2) makes up for that, so that each probe gives the covariance without bias. The spread
    of two or three probes, which could stand here, is now and then close to nothing.
    """
    total = torch.zeros(2, 2, dtype=torch.float64)
    for record in samples:
        d = dim - len(record.locked)
        traces = d * _first_moments(record)
        for i in (1, 2):
            for j in (1, 2):
                total[i - 1, j - 1] += 2 * (traces[i + j] - traces[i] * traces[j] / d)
    return total / max(len(samples), 1) ** 2


def degrees_of_freedom(samples: Sequence[ProbeRecord], dim: int, degree: int) -> float:
    """Degrees of freedom of a probe's 2 d zᵀB^degree z as an estimate of 2 tr B^degree.

    p (tr B^degree)² / tr B^(2 degree) of p probes: that many eigenvalues weigh alike, and each adds
    a χ² of one degree. With one eigenvalue alone, p: the estimate is then as skewed as can be.
    """
    found = []
    for record in samples:
        rule = gauss_rule(record.tridiagonal())
        once, twice = (float(rule.weights @ rule.nodes**k) for k in (degree, 2 * degree))
        found.append((dim - len(record.locked)) * once**2 / twice if twice else 1.0)
    return len(found) * max(1.0, sum(found) / max(len(found), 1))


def _first_moments(record: ProbeRecord) -> Tensor:
    """zᵀ(P A P)^k z of the unit vector z for k from 0 to 4, shape (5,), by two steps or more.

    A rule of m nodes is exact below degree 2m. Of degree 2m it lacks the product of all squared
    off-diagonal elements, that of the last residual included: Golub & Meurant (2010), chapter 6.
    """
    rule = gauss_rule(record.tridiagonal())
    moments = torch.stack([rule.weights @ rule.nodes**degree for degree in range(5)])
    if len(rule.nodes) == 2:
        moments[4] += record.tridiagonal().betas.square().prod()
    return moments
