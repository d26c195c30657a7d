"""From a sample of examples to the set they stand for: eigenvalues, traces and Frobenius norms.

The matrix is a mean over examples, A = (1/n) Σ h, and the n examples are a random sample. K groups
of equally many of them, dealt at random, have means A_g.

The largest eigenvalue of A is too large, since λ_max is convex: by b/n on average, to second order,
b = Σ_{j > 1} E (v_jᵀ h v)² / (λ - λ_j). On examples that had no part in it, vᵀA'v for its
eigenvector v is too small by as much. So λ - 2b/n reads what fresh examples would, and λ - b/n
estimates λ_max of the set. The same holds for sums of the k largest, by Ky Fan's theorem, and for
no other eigenvalue. The groups' products A_g v_i, shares of A v_i, give b and its variance [1]_.

References
----------
.. [1] Perturbation of eigenvalues to second order: Kato (1995), Perturbation Theory for Linear
   Operators, section II.2. Ky Fan (1949), PNAS 35(11):652-655. Groups as a sample: Student's t.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from landscape.values import capped_exp, joint, quantile

Array = npt.NDArray[np.float64]

NUM_GROUPS = 16  # K: coverage was measured with so many
LEAST_EXAMPLES = 100  # n: of fewer, coverage was not measured
NUM_BEYOND = 5  # pairs beyond the k largest, whose distances to them are known
_MOST_SUMMED = 5

NO_GAP = "no gap below it: the interval is for a maximum, not for one direction"
NOISE = "mostly noise: use more examples"
ONE_GROUP = "one group of examples makes over half of the variance: a few examples dominate"


def num_summed(num_largest: int) -> int:
    """k: how many of so many largest eigenvalues to sum, with enough known beyond them; or 1."""
    return max(1, min(_MOST_SUMMED, num_largest - NUM_BEYOND))


class Bounds(NamedTuple):
    """An estimate for the set of all examples, and its 95 % interval."""

    estimate: float
    stderr: float  # to first order: of the number itself, its bias aside
    low: float  # -inf: no lower bound
    high: float
    warnings: tuple[str, ...] = ()


class Shares(NamedTuple):
    """What the groups' products A_g v_i show of the k largest eigenpairs (λ_i, v_i)."""

    values: Array  # λ_j of the k largest and of those known beyond, descending, shape (k + m,)
    forms: Array  # v_jᵀ A_g v_i, shape (K, k, k + m)
    squares: Array  # |A_g v_i|², shape (K, k)
    mean_squares: Array  # |Σ_g A_g v_i / K|², shape (k,)


def largest_bounds(shares: Shares, *, fraction: float = 0.0, is_definite: bool = False) -> Bounds:
    """The sum of the k largest eigenvalues of the set, with an interval.

    With v the sum on the sample, b its bias, s the standard error of Σ_i v_iᵀ A_g v_i over groups
    and t Student's quantile: from (v - 2b) exp(-t s / (v - 2b)) to v exp(t s / v).

    Parameters
    ----------
    fraction
        n / N of a set of N examples: variance and bias are less by 1 - n / N. 0: N is not bounded.
    is_definite
        Whether eigenvalues cannot be negative, so that 0 is a lower bound.

    Raises
    ------
    ValueError
        If one of the k largest is not positive, or no eigenvalue beyond them is known.
    """
    values, forms, squares, mean_squares = shares
    num_groups, k, known = forms.shape
    value = float(values[:k].sum())
    if not values[k - 1] > 0:
        raise ValueError(f"the {k} largest eigenvalues must be positive; got {values[k - 1]:.4g}.")
    if known <= k:
        raise ValueError("at least one eigenvalue beyond the largest must be known; got none.")
    sums = np.einsum("gii->g", forms[:, :, :k])
    left = 1 - fraction
    s = math.sqrt(left) * _stderr(sums)
    bias = left * _bias(values, forms, squares, mean_squares) / (num_groups * (num_groups - 1))
    t = quantile(num_groups - 1)
    fresh = value - 2 * bias
    low = capped_exp(-t * s / fresh, fresh) if fresh > 0 else 0.0 if is_definite else -math.inf
    warnings = []
    if values[k - 1] - values[k] < 2 * s:
        warnings.append(NO_GAP)
    if bias > value / 4:
        warnings.append(NOISE)
    deviations = (sums - sums.mean()) ** 2
    if s > 0 and deviations.max() > deviations.sum() / 2:
        warnings.append(ONE_GROUP)
    return Bounds(value - bias, s, low, capped_exp(t * s / value, value), tuple(warnings))


def _bias(values: Array, forms: Array, squares: Array, mean_squares: Array) -> float:
    """K (K - 1) b / n: what groups scatter towards other eigenvectors, over the distances there.

    Towards those that are not known the distance is λ_i, as if they were 0; with fewer known than
    ``NUM_BEYOND``, that to the last one known, so that the bias is rather taken for too large.
    """
    num_groups, k, known = forms.shape
    top, beyond = values[:k], values[k:]
    means = forms.mean(0)
    floor = np.finfo(np.float64).eps * top[0]  # of distances between equal eigenvalues
    scatter = ((forms - means) ** 2).sum(0)[:, k:]
    inside = scatter / np.maximum(top[:, None] - beyond[None, :], floor)
    outside = squares.sum(0) - (forms**2).sum((0, 2))
    outside -= num_groups * (mean_squares - (means**2).sum(1))
    nearest = 0.0 if known - k >= NUM_BEYOND else float(beyond[-1])
    return float(inside.sum() + (outside.clip(0) / np.maximum(top - nearest, floor)).sum())


def mean_bounds(
    value: float,
    over_groups: Array,
    *,
    stderr: float = 0.0,
    dof: float | None = None,
    fraction: float = 0.0,
) -> Bounds:
    """A mean over examples, such as the trace, known to ``stderr`` on these examples.

    Student's t over the groups' means, shape (K,), whose variance and that of ``stderr``, of
    ``dof`` degrees of freedom, add up.
    """
    of_groups = math.sqrt(1 - fraction) * _stderr(over_groups), len(over_groups) - 1
    error, joint_dof = joint(of_groups, (stderr, dof))
    half = quantile(joint_dof) * error
    return Bounds(value, error, value - half, value + half)


def norm_bounds(
    squared: float,
    excess: float,
    with_others: Array,
    *,
    stderr: float = 0.0,
    dof: float | None = None,
    fraction: float = 0.0,
) -> Bounds:
    """The Frobenius norm of the set's matrix.

    S = ‖A‖_F² of a sample is too large: it holds the squares of single examples' deviations. The
    mean of tr A_g A_h over groups that share no example is unbiased; D is S less what that is
    smaller by. To first order the variance is that of 2 tr A A_g over groups. The interval is from
    D exp(-t s / D) to S exp(t s / S), as for eigenvalues: one around D alone is left too often.

    Parameters
    ----------
    squared
        ‖A‖_F² on these examples, known to ``stderr``, of ``dof`` degrees of freedom.
    excess
        S - D: of the mean over groups, ‖Σ A_g / K‖_F² less the mean of tr A_g A_h over pairs.
    with_others
        The mean of tr A_g A_h over h other than g, shape (K,).
    """
    center = squared - (1 - fraction) * excess
    of_groups = math.sqrt(1 - fraction) * 2 * _stderr(with_others), len(with_others) - 1
    error, joint_dof = joint(of_groups, (stderr, dof))
    reach = quantile(joint_dof) * error
    low = capped_exp(-reach / center, center) if center > 0 else 0.0
    high = capped_exp(reach / squared, squared) if squared > 0 else reach
    estimate = math.sqrt(max(0.0, center))
    stderr = error / (2 * estimate) if estimate > 0 else math.inf
    return Bounds(estimate, stderr, math.sqrt(low), math.sqrt(high))


def _stderr(samples: Array) -> float:
    return float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
