"""Loss along lines and over planes through a checkpoint. Values are stored as measured."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from landscape.results.arrays import Array, Shape
from landscape.results.base import Result

OnLine = Annotated[Array, Shape("X", measured=True)]  # NaN or infinite where the loss was
OnPlane = Annotated[Array, Shape("X", "Y", measured=True)]


@dataclass(frozen=True, kw_only=True)
class DirectionSpec:
    """What a direction is, so that two surfaces can be seen to share it."""

    kind: str  # random | eigenvector | between | bezier | trajectory | file
    normalisation: str  # filter | layer | symmetry | none
    seed: int | None = None
    sha256: str  # of the vector before it was normalised to this checkpoint
    norm: float  # ‖d‖₂ in units of θ, as walked
    description: str = ""  # e.g. eigenvector 1 of the hessian, λ = 1.38

    @property
    def is_path(self) -> bool:
        """Whether it leads from one checkpoint (0) to another (1)."""
        return self.kind in ("between", "bezier")

    @property
    def far_end(self) -> str:
        """The label of the checkpoint that a path leads to."""
        return self.title.removeprefix("towards ").removeprefix("to ")

    @property
    def title(self) -> str:
        """The direction in words."""
        if self.description and self.kind != "random":
            return self.description.split(",")[0]
        seed = "" if self.seed is None else f", seed {self.seed}"
        none = self.normalisation == "none"
        how = "not normalised" if none else f"{self.normalisation}-normalised"
        return f"{self.kind} direction{seed}, {how}"

    @property
    def short(self) -> str:
        """A few words for the axis of a figure."""
        if self.kind in ("eigenvector", "trajectory"):
            return self.title.split(" of ")[0]
        names = {"between": "straight line", "bezier": "trained curve", "file": "stored direction"}
        return names.get(self.kind, f"{self.kind} direction")


@dataclass(frozen=True, kw_only=True)
class LineMeasures:
    """Flatness read off a line; see landscape.analysis.surface.measures for the definitions."""

    radii: tuple[float, ...]  # |x|, in the line's coordinate
    rises: tuple[float | None, ...]  # mean over directions; None where not finite
    rise_stderrs: tuple[float | None, ...]  # over directions; None for one
    threshold: float  # a rise of the loss
    threshold_radii: tuple[float | None, ...]  # by direction: |x| of that rise; None: not reached
    asymmetry: float | None
    roughness: float | None

    def __post_init__(self) -> None:
        if not len(self.radii) == len(self.rises) == len(self.rise_stderrs) > 0:
            raise ValueError("radii, rises and rise_stderrs must be as many, at least one")


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneMeasures:
    """Flatness read off a plane; see landscape.analysis.surface.measures for the definitions."""

    threshold: float  # a rise of the loss
    sublevel_area: float  # where the loss has risen by less, in units of x times y
    sublevel_fraction: float  # of the grid's area
    sublevel_cut: bool  # whether it reaches the border, so that the area is only a lower bound
    asymmetry: float | None
    roughness: float | None
    nonconvex_fraction: float | None  # of the interior points, those of negative convexity
    # Of the interior points, λ_min / max(|λ_min|, |λ_max|).
    convexity: Annotated[Array, Shape("p", "q", measured=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class LossLine(Result):
    """L(θ + x d) on ``axis``."""

    direction: DirectionSpec
    axis: Annotated[Array, Shape("X", ascending=True)]
    losses: OnLine
    accuracies: OnLine | None = None
    slope: float | None = None  # ∇L·d, for the quadratic prediction
    curvature: float | None = None  # dᵀAd of the operator named below
    operator_name: str | None = None
    batch_norm: str = "eval"  # eval | train | recalibrated, at each point
    metrics: dict[str, OnLine] = field(default_factory=dict)
    # Losses along D random directions; the first are ``losses``.
    spread: Annotated[Array, Shape("D", "X", measured=True)] | None = None
    measures: LineMeasures | None = None  # None where the axis does not reach to both sides of 0

    @property
    def first_step(self) -> float:
        """|x| of the nearest coordinate that is not 0: radii below it are not resolved."""
        return float(np.abs(self.axis[self.axis != 0]).min())

    @property
    def rise_reached(self) -> float:
        """The largest rise over L(0) that every direction reaches on the axis."""
        rows = self.losses[None] if self.spread is None else self.spread
        rises = [np.fmax.reduce(row) - np.interp(0.0, self.axis, row) for row in rows]
        return float(min(rises))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Training snapshots seen in the plane of their two principal components."""

    points: Annotated[Array, Shape("S", 2)]  # coordinates of each snapshot, the last at the origin
    errors: Annotated[Array, Shape("S")]  # distance to the plane over distance to the last snapshot
    explained_variance: tuple[float, ...]  # share of the snapshots' variance, by component
    reconstruction_error: float  # root of the squared distances' sums' ratio, all snapshots


@dataclass(frozen=True, kw_only=True, eq=False)
class LossPlane(Result):
    """``losses[i, j]`` = L(θ + x_axis[i] d1 + y_axis[j] d2)."""

    directions: tuple[DirectionSpec, DirectionSpec]
    x_axis: Annotated[Array, Shape("X", ascending=True)]
    y_axis: Annotated[Array, Shape("Y", ascending=True)]
    losses: OnPlane
    accuracies: OnPlane | None = None
    batch_norm: str = "eval"  # eval | train | recalibrated, at each point
    cosine: float = 0.0  # of the two directions as walked
    gradient: Annotated[Array, Shape(2)] | None = None  # ∇L·d_i at the origin
    hessian: Annotated[Array, Shape(2, 2)] | None = None  # d_iᵀ A d_j of the operator named below
    operator_name: str | None = None
    metrics: dict[str, OnPlane] = field(default_factory=dict)
    trajectory: Trajectory | None = None
    measures: PlaneMeasures | None = None  # None where an axis has 0 at its end or outside

    @property
    def rise_enclosed(self) -> float:
        """The rise over the checkpoint's loss below which sublevel sets end within the plane."""
        L = self.losses
        border = np.concatenate([L[0], L[-1], L[:, 0], L[:, -1]])
        return float(border.min(initial=np.inf, where=~np.isnan(border))) - self.subject.loss

    @property
    def unresolved_area(self) -> float | None:
        """Area of the cells around the origin, where the sublevel set does not reach beyond them.

        None where the grid resolves it. The loss between coordinates is not known, so all that
        can be said of a smaller area is that it lies below this one.
        """
        if self.measures is None:
            return None
        level = self.subject.loss + self.measures.threshold
        inside = [np.flatnonzero((self.losses <= level).any(1 - k)) for k in (0, 1)]
        area = 1.0
        for axis, found in zip((self.x_axis, self.y_axis), inside, strict=True):
            before, after = axis[axis < 0].max(), axis[axis > 0].min()
            if any(axis[k] <= before or axis[k] >= after for k in found):
                return None
            area *= float(after - before)
        return area
