"""Whether a curvature operator describes the loss that the network really has.

Along unit directions v, at distances t = r ‖θ‖ on either side of θ, the rise of the loss is
measured and set against what ∇L·v and vᵀAv predict. On a spiking network the loss is that of the
hard spikes, a staircase, and A the operator that differentiates surrogates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from landscape.results.base import Result
from landscape.values import Estimate


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Measured κ(r) over predicted vᵀAv, with its 95 % interval over examples; 1 is agreement."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class DirectionFidelity:
    """One unit direction: the loss along it, and what each operator says of it.

    Tuples run over ``Fidelity.radii``; those of ``curvatures`` and ``ratios`` over
    ``Fidelity.operators``.
    """

    name: str  # e.g. hessian top 1
    kind: str  # top | bottom | random | filter-normalised
    operator: str | None  # whose eigenvector it is
    slope: float  # ∇L·v; on a spiking network the surrogate's
    curvatures: tuple[float, ...]  # vᵀAv, loss/θ²
    plus: tuple[float, ...]  # L(θ + t v) - L(θ)
    plus_stderr: tuple[float, ...]  # over examples, paired; so are the other two
    minus: tuple[float, ...]  # L(θ - t v) - L(θ)
    minus_stderr: tuple[float, ...]
    kappa: tuple[float, ...]  # (L(θ + t v) + L(θ - t v) - 2 L(θ)) / t², loss/θ²
    kappa_stderr: tuple[float, ...]
    ratios: tuple[tuple[Ratio | None, ...], ...]  # None where vᵀAv is 0
    exponent: Estimate | None  # of the symmetric rise: 1 a cusp, 2 a quadratic
    cusp_slope: Estimate  # symmetric rise per |t|, loss/θ

    def predicted(self, operator: int, t: float) -> float:
        """∇L·v t + ½ t² vᵀAv by the operator of that index, for t of either sign."""
        return self.slope * t + self.curvatures[operator] * t * t / 2


def judged_along(directions: Sequence[DirectionFidelity], operator: str) -> list[DirectionFidelity]:
    """The top directions that an operator is judged by: its own, or all where it has none."""
    top = [d for d in directions if d.kind == "top"]
    return [d for d in top if d.operator == operator] or top


@dataclass(frozen=True, kw_only=True)
class OperatorVerdict:
    """What an operator is good for on this network, by the rule in ``Fidelity.rule``."""

    operator: str
    verdict: str  # usable | usable-above | misleading | undecided
    low_radius: float | None  # the radii between which it agrees with the loss
    high_radius: float | None
    negative: str  # its negative curvature: none | confirmed | spurious | undecided
    rank_correlations: tuple[float | None, ...]  # Spearman of vᵀAv with κ(r), one a radius
    num_directions: int  # ranked
    sentence: str


@dataclass(frozen=True, kw_only=True)
class SlopeRow:
    """An operator whose surrogates are steeper by ``factor``, along the same directions."""

    factor: float
    operator: str
    ratio: float | None  # median over its top directions of κ / vᵀAv, at the reference radius
    rank_correlation: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fidelity(Result):
    """Measured against predicted loss along many directions, and a verdict per operator."""

    operators: tuple[str, ...]  # smoothed-loss: the second derivative of L under Gaussian noise
    radii: tuple[float, ...]  # r, relative to ‖θ‖
    theta_norm: float  # ‖θ‖: distances are t = r ‖θ‖
    fit_radius: float  # exponent and cusp slope are fitted up to here
    reference_radius: float  # where slopes are compared and negative curvature is judged
    smoothing_radius: float | None  # of smoothed-loss
    smoothed_stderr: tuple[float, ...]  # of smoothed-loss's curvatures, one a direction
    directions: tuple[DirectionFidelity, ...]
    exponent: Estimate | None  # mean over top directions
    verdicts: tuple[OperatorVerdict, ...]
    slope_sweep: tuple[SlopeRow, ...]
    rule: str
    sentence: str
    batch_norm: str  # eval | train
    num_matvecs: int
    num_evaluations: int

    def __post_init__(self) -> None:
        R, K = len(self.radii), len(self.operators)
        along = [
            {len(values) for values in (d.plus, d.minus, d.kappa)}
            | {len(values) for values in (d.plus_stderr, d.minus_stderr, d.kappa_stderr)}
            | {len(row) for row in d.ratios}
            for d in self.directions
        ]
        if not (
            self.directions
            and self.reference_radius in self.radii
            and all(lengths <= {R} for lengths in along)
            and all(len(d.curvatures) == len(d.ratios) == K for d in self.directions)
            and all(len(v.rank_correlations) == R for v in self.verdicts)
            and {v.operator for v in self.verdicts} <= set(self.operators)
            and len(self.smoothed_stderr) in (0, len(self.directions))
        ):
            raise ValueError(
                f"the values of {len(self.directions)} directions do not fit {R} radii, the "
                f"reference {self.reference_radius:g} among them, and {K} operators"
            )

    @property
    def distances(self) -> tuple[float, ...]:
        """The radii in units of θ: t = r ‖θ‖."""
        return tuple(r * self.theta_norm for r in self.radii)

    @property
    def sharpest(self) -> DirectionFidelity:
        """The direction of the steepest cusp."""
        return max(self.directions, key=lambda d: d.cusp_slope.mean)
