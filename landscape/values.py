"""Numbers with their errors, as they are computed, compared, stored and shown. No torch."""

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from landscape.settings import setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Of a finite number in a result: a product of three, and a sum of many, are finite too.
LARGEST = 1e100
_LARGEST_LOG = math.log(LARGEST)


def capped_exp(x: float, times: float = 1.0) -> float:
    """``times`` eˣ, at most ``LARGEST``, which is as good as no bound and can be stored.

    Two runs of which one is dead leave their ratio open beyond what a float can hold.
    """
    return min(times * math.exp(min(x, _LARGEST_LOG)), LARGEST)


def finite_or_none(value: float | None) -> float | None:
    """``value``; None where it is NaN or infinite, which results and JSON do not hold."""
    return None if value is None or not math.isfinite(value) else float(value)


def read_finite(text: str) -> float:
    """A number as JSON writes it.

    Raises
    ------
    ValueError
        If it is NaN or infinite.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def quantile(dof: float | None = None, level: float = 0.95) -> float:
    """Standard errors on either side that a two-sided interval of this level takes.

    Student's t. None: the degrees of freedom are not known, as of what earlier versions stored, or
    are many; then the normal distribution's.
    """
    check_probability("level", level)
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  # slow, and --help needs Levels

    p = (1 + level) / 2
    return float(ndtri(p) if dof is None else stdtrit(dof, p))


def joint(*errors: tuple[float, float | None]) -> tuple[float, float | None]:
    """Standard error of a sum of independent terms, and its degrees of freedom, from theirs.

    Welch (1947), Biometrika 34:28-35, and Satterthwaite.
    """
    total = math.hypot(*(stderr for stderr, _ in errors))
    shares = [(stderr / total) ** 4 / dof for stderr, dof in errors if dof and total]
    return total, 1 / sum(shares) if sum(shares) else None


def gamma_interval(mean: "Array", stderr: "Array", level: float = 0.95) -> "tuple[Array, Array]":
    """Two-sided interval of numbers estimated by sums of squares, such as densities; shapes (g,).

    As if mean = c g with c = stderr² / mean and g from a gamma distribution whose shape is sought:
    exact for the weight of an eigenvalue, of any multiplicity, under normal probes, and close to
    the normal distribution's where many eigenvalues add up. Never negative, nor more than 7
    standard errors above, which two probes or more never need.
    """
    import numpy as np  # noqa: PLC0415  # slow, and --help needs Levels
    from scipy.special import gdtrib  # noqa: PLC0415

    check_probability("level", level)
    known = ~(stderr > 1e-12 * mean)
    g = np.where(known, 1.0, mean / np.where(known, 1.0, stderr)) ** 2
    shapes = (gdtrib(1.0, (1 + side * level) / 2, g) for side in (1, -1))
    low, high = (mean * shape / np.where(g > 0, g, 1.0) for shape in shapes)
    low = np.where(low < mean, low, 0.0)  # far below one standard error all is open
    high = np.minimum(np.where(g > 0, high, np.inf), mean + 7 * stderr)
    return np.where(known, mean, low), np.where(known, mean, high)


@dataclass(frozen=True)
class Estimate:
    """A mean over independent samples, and the standard error of that mean."""

    mean: float
    stderr: float | None = None  # None where one sample gave the value; 0 where it is exact
    # Samples behind the mean; 0: it is exact, or they are not known, as of what was stored.
    num_probes: int = field(default=0, compare=False, metadata={"stored": False})
    dof: float | None = None  # degrees of freedom of ``stderr``, for ``quantile``

    def __post_init__(self) -> None:
        if self.dof is not None:  # a count of samples is stored as it is read again
            object.__setattr__(self, "dof", float(self.dof))

    @classmethod
    def of(
        cls, mean: float, error: float, num_probes: int = 0, dof: float | None = None
    ) -> "Estimate":
        """From numbers of an array, where an error that is not known is NaN or infinite."""
        return cls(mean, error if math.isfinite(error) else None, num_probes, dof)

    @property
    def error(self) -> float:
        """The standard error for arrays: NaN where it is not known."""
        return math.nan if self.stderr is None else self.stderr

    def __truediv__(self, number: float) -> "Estimate":
        stderr = None if self.stderr is None else self.stderr / abs(number)
        return replace(self, mean=self.mean / number, stderr=stderr)

    def interval(self, level: float = 0.95, *, positive: bool = False) -> tuple[float, float]:
        """Two-sided Student t interval; of the logarithm of a mean that is known to be positive.

        Raises
        ------
        ValueError
            If ``level`` is no probability.
        """
        reach = quantile(self.dof, level)
        if self.stderr is None:
            return 0.0 if positive else -math.inf, math.inf
        half = reach * self.stderr
        if positive and self.mean > 0:
            factor = capped_exp(half / self.mean)
            return self.mean / factor, self.mean * factor
        return self.mean - half, self.mean + half


@dataclass(frozen=True, kw_only=True)
class Population:
    """What a number measured on examples says of the set that they stand for; 95 % interval."""

    estimate: float  # of the set's number: an eigenvalue or norm of few examples is too large
    stderr: float | None  # over examples, to first order; the interval also holds the bias
    low: float | None  # None: no lower bound
    high: float
    of: str  # the set, in words
    warnings: tuple[str, ...] = ()

    @property
    def no_error(self) -> str:
        """Why there is no error over examples, of which there is none to draw; empty: there is."""
        exact = self.low == self.high
        return f"all of {self.of} was used: no error over examples" if exact else ""

    def __truediv__(self, number: float) -> "Population":
        """The same of the number over a positive one."""
        low, stderr = (None if x is None else x / number for x in (self.low, self.stderr))
        return replace(
            self,
            estimate=self.estimate / number,
            stderr=stderr,
            low=low,
            high=self.high / number,
        )


@dataclass(frozen=True, kw_only=True)
class Eigenvalue:
    """One eigenpair's value with its residual ‖Av - λv‖₂.

    The residual bounds the distance from λ to an eigenvalue: not necessarily to that of its rank,
    unless ``rank_shown``. It comes from matvecs made for it; ``Eigenvalues.method`` says where it
    is an upper bound.
    """

    value: float
    residual: float
    converged: bool  # a residual below the tolerance, at a rank that no look has disputed
    # With 99 % probability the look for missed eigenvalues leaves none that would take its rank.
    rank_shown: bool = False
    population: Population | None = None  # of the largest; ``Eigenvalues.no_population`` says why


@dataclass(frozen=True, kw_only=True)
class LargestSum:
    """The sum of the largest eigenvalues."""

    number: int  # of them
    value: float
    population: Population


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A two-sided confidence interval, and how it was made."""

    low: float
    high: float
    confidence: float  # nominal coverage, for example 0.95
    method: str  # "normal-scores", "t", "Welch t", "nested bootstrap-t", "Fisher z"

    def excludes(self, value: float) -> bool:
        return not self.low <= value <= self.high

    def exp(self) -> "Interval":
        """Carry an interval for a log ratio over to the ratio; ends can be stored."""
        return replace(self, low=capped_exp(self.low), high=capped_exp(self.high))


@dataclass(frozen=True, kw_only=True)
class VarianceComponents:
    """Variances of one value, in squared units of it (of a log ratio: dimensionless).

    The variance of the mean over n seeds and K shards is seed/n + shard/(n K) + probe/(n K):
    more probes help only against the last term, more data against the last two, and only more
    training runs against all three.
    """

    seed: float  # between training runs
    shard: float | None  # between data shards within a run; None with one shard: part of ``seed``
    probe: float  # of the estimator itself, from its own standard errors
    num_seeds: int  # n
    num_shards: int  # K
    measurement_share: float  # of the variance of the mean, what is no seed's; 0 if there is none


@dataclass(frozen=True, kw_only=True)
class WithinGroupCorrelation:
    """Partial correlation given the group, and how sure it is."""

    correlation: float | None  # in [-1, 1]; None if either variable is constant within groups
    interval: Interval | None  # Fisher z; None too where runs - groups < 3
    p_value: float | None  # permutation of seeds within groups, in (0, 1]
    num_runs: int  # N, counted in groups of at least 2 runs
    num_groups: int  # G, of at least 2 runs
    words: str  # what was computed and found, in a sentence


@dataclass(frozen=True, kw_only=True)
class Levels:
    """At what levels groups are compared, declared before looking."""

    bounds: tuple[float, float] = setting((0.8, 1.25), help="Ratios that count as no difference.")
    alpha: float = setting(
        0.05, help="Allowed chance of any false difference, and of any false equivalence."
    )
    power: float = setting(0.8, help="At which detectable ratios and the runs needed are stated.")
    num_resamples: int = setting(
        10_000,
        "--resamples",
        minimum=1,
        help="Of the bootstrap, and of permutations too many to enumerate.",
    )

    def __post_init__(self) -> None:
        check_probability("alpha", self.alpha)
        check_probability("power", self.power)
        low, high = self.bounds
        if not 0 < low < 1 < high < math.inf:
            raise ValueError(
                f"bounds must be two ratios around 1, for example (0.8, 1.25); got {self.bounds}."
            )

    @property
    def levels(self) -> dict[str, Any]:
        """These alone, of settings that hold more."""
        return {f.name: getattr(self, f.name) for f in fields(Levels)}


def check_probability(name: str, value: float) -> None:
    """Refuse a level, power or confidence outside the open interval (0, 1)."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1; got {value!r}.")
