"""Power-law tails: the exponent of a density that falls like x^-α from some point on.

References
----------
.. [1] Clauset, Shalizi & Newman (2009), SIAM Review 51(4):661-703, equations 3.1, 3.2 and 3.9.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_VALUES = 50  # fewer cannot tell a power law from anything else [1]_, section 3.5


@dataclass(frozen=True, kw_only=True)
class TailFit:
    """A power law fitted to the largest values of a sample."""

    alpha: float  # > 1: the density falls like x^-α
    stderr: float  # (α - 1) / √n of the n values in the tail, which ``start`` is taken as given for
    start: float  # x_min, where the tail begins
    num_tail: int  # values at or above it
    distance: float  # Kolmogorov-Smirnov, between the tail and the law


def fit_tail(values: npt.ArrayLike) -> TailFit | None:
    """Fit a power law to the tail of ``values`` by maximum likelihood [1]_.

    For each start x_min among the values the exponent is Hill's estimate,
    α = 1 + n / Σ ln(x_i / x_min); the start is the one whose law is nearest to the tail by
    D = max |F(x_i) - i/n|, i = 0 … n-1, as in the authors' own code and the ``powerlaw`` package.

    Parameters
    ----------
    values
        Positive numbers, shape (n,), in any unit and order.

    Returns
    -------
    TailFit or None
        None below ``LEAST_VALUES`` values, or where all are equal.

    Raises
    ------
    ValueError
        If a value is not positive or not finite.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    if x.ndim != 1 or not np.all(np.isfinite(x) & (x > 0)):
        raise ValueError(
            "values must be positive, finite numbers in one row: leave zeros out; got shape "
            f"{x.shape}."
        )
    if len(x) < LEAST_VALUES:
        return None
    logs = np.log(x)
    fits = (_fit_from(logs, i) for i in range(len(x) - 1) if i == 0 or x[i] > x[i - 1])
    return min((fit for fit in fits if fit), key=lambda fit: fit.distance, default=None)


def _fit_from(logs: npt.NDArray[np.float64], first: int) -> TailFit | None:
    above = logs[first:] - logs[first]
    n, total = len(above), float(above.sum())
    if total == 0:
        return None
    slope = n / total  # α - 1
    law = -np.expm1(-slope * above)
    return TailFit(
        alpha=1 + slope,
        stderr=slope / n**0.5,
        start=float(np.exp(logs[first])),
        num_tail=n,
        distance=float(np.abs(law - np.arange(n) / n).max()),
    )
