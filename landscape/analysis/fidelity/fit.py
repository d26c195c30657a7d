"""Numbers drawn from measured rises: intervals, exponents, rank correlations. NumPy only."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from landscape.results import Ratio
from landscape.values import Estimate, joint

Array = NDArray[np.float64]

_SIGNIFICANT = 2.0  # standard errors that a rise must stand above zero to enter a power law


def ratio_of(kappa: Estimate, curvature: Estimate) -> Ratio | None:
    """κ / vᵀAv, its 95 % interval from both errors to first order; None where one is unknown."""
    if curvature.mean == 0 or not math.isfinite(kappa.mean) or kappa.stderr is None:
        return None
    value = kappa.mean / curvature.mean
    error, dof = joint(
        (kappa.stderr, kappa.dof), (abs(value) * (curvature.stderr or 0.0), curvature.dof)
    )
    low, high = (Estimate(kappa.mean, error, dof=dof) / curvature.mean).interval()
    return Ratio(value=value, low=low, high=high)


def rank_correlation(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    """Spearman's correlation; None for fewer than 3 directions or where one side is constant."""
    if len(predicted) < 3:
        return None
    x, y = rankdata(predicted), rankdata(measured)
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else None


def exponent_of(rises: Array, distances: Array) -> float | None:
    """Slope of log rise over log t by least squares; None unless 3 rises are positive."""
    used = rises > 0
    if used.sum() < 3:
        return None
    return float(np.polyfit(np.log(distances[used]), np.log(rises[used]), 1)[0])


def fit_exponent(
    leave_one_out: Sequence[Array],
    rises: Sequence[Array],
    errors: Sequence[Array],
    distances: Array,
) -> Estimate | None:
    """Mean exponent of several directions' rises, with its jackknife error.

    Only distances at which a rise is at least 2 standard errors above zero count, and only
    directions with three of them.

    Parameters
    ----------
    leave_one_out
        For each direction the rises without one group of examples, shape (K, R).
    rises, errors
        For each direction the symmetric rise and its standard error, shape (R,).
    distances
        t, shape (R,).
    """
    fits, jackknifed = [], []
    for without, rise, error in zip(leave_one_out, rises, errors, strict=True):
        clear = rise > np.maximum(_SIGNIFICANT * error, 0)
        if clear.sum() < 3:
            continue
        exponents = [exponent_of(row[clear], distances[clear]) for row in without]
        fit = exponent_of(rise[clear], distances[clear])
        if fit is not None and None not in exponents:
            fits.append(fit)
            jackknifed.append(exponents)
    if not fits:
        return None
    return _jackknifed(
        float(np.mean(fits)), np.mean(np.array(jackknifed, dtype=np.float64), axis=0)
    )


def fit_cusp_slope(without: Array, rise: Array, distances: Array) -> Estimate:
    """Mean over t of rise / t, with its jackknife error; arguments as in ``fit_exponent``."""
    slope: Callable[[Array], Array] = lambda values: (values / distances).mean(-1)  # noqa: E731
    return _jackknifed(float(slope(rise)), slope(without))


def _jackknifed(value: float, without: Array) -> Estimate:
    return Estimate(value, jackknife_stderr(without), dof=max(1, len(without) - 1))


def jackknife_stderr(values: Array) -> float | None:
    """Standard error from K values, each without one of K groups of equal size; None for one."""
    K = len(values)
    if K < 2:
        return None
    return float(np.sqrt((K - 1) / K * ((values - values.mean()) ** 2).sum()))
