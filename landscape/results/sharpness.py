"""Values of sharpness measures, and a table of those of one checkpoint.

What each measure is stands in ``landscape.catalog.MEASURES``.
"""

from dataclasses import dataclass

from landscape.catalog import MEASURES
from landscape.results.base import Result
from landscape.values import Estimate, finite_or_none


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One value of one measure, with all that a reader needs to judge it: see ``make_measure``."""

    name: str  # a key of MEASURES
    value: float
    stderr: float | None  # None where nothing random went into the value
    error_over: str  # what the stderr is taken over
    radius: float | None  # ρ, relative to the weights
    scale: str  # none | filter | weight
    operator: str | None  # of spectral measures
    layer: str | None  # of measures of one layer
    hard_forward: bool
    invariant_under: tuple[str, ...]  # among batch-norm, relu, relu-unit, products
    unit: str
    better: str  # lower | higher | neither
    formula: str
    source: str
    num_evaluations: int  # passes over the examples, or matvecs where ``operator`` is set
    note: str
    base_radius: float | None = None  # ρ₀ of the smoothed loss that a rise is over; None: L(θ)
    roughness: float | None = None  # of the loss: see ``expected_rise``; None: not measured
    dof: float | None = None  # degrees of freedom of ``stderr``, where they are known

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of 95 %, over what the standard error is taken over; None where there is none."""
        if self.stderr is None:
            return None
        found = Estimate(self.value, self.stderr, dof=self.dof)
        return found.interval(positive=MEASURES[self.name].is_positive)

    @property
    def label(self) -> str:
        """Name with what distinguishes it in a table, e.g. ``expected_rise[filter] ρ=0.03``."""
        of = (self.operator, self.layer)
        return measure_label(self.name, self.scale, *filter(None, of), radius=self.radius)

    @property
    def bound(self) -> str:
        """≥ where the value is a lower bound, ≤ where it is an upper one, as its note says."""
        signs = {"lower bound": "≥", "upper bound": "≤"}
        return next((sign for words, sign in signs.items() if words in self.note), "")


def measure_label(name: str, scale: str, *of: str, radius: float | None = None) -> str:
    """What a measure at a scale is called, with the operator and the layer that it is ``of``."""
    where = "" if scale == "none" else f"[{scale}]"
    size = "" if radius is None else f" ρ={radius:g}"
    return " ".join((f"{name}{where}", *of)) + size


def make_measure(
    name: str,
    value: float,
    stderr: float | None,
    *,
    scale: str = "none",
    radius: float | None = None,
    operator: str | None = None,
    layer: str | None = None,
    num_evaluations: int = 0,
    note: str = "",
    base_radius: float | None = None,
    roughness: float | None = None,
    dof: float | None = None,
) -> Measure:
    """Join a value to what ``MEASURES`` says of its measure.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    kind = MEASURES[name]
    return Measure(
        name=name,
        value=value,
        stderr=finite_or_none(stderr),
        error_over=kind.error_over,
        radius=radius,
        scale=scale,
        operator=operator,
        layer=layer,
        hard_forward=kind.hard_forward,
        invariant_under=kind.invariant_at(scale),
        unit=kind.unit_at(scale),
        better=kind.better,
        formula=kind.formula,
        source=kind.source,
        num_evaluations=num_evaluations,
        note=note,
        base_radius=base_radius,
        roughness=roughness,
        dof=None if dof is None else float(dof),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SharpnessTable(Result):
    """Sharpness measures of one checkpoint on one split of the data."""

    rows: tuple[Measure, ...]
    batch_norm: str  # eval | train
    accuracy_drop: float  # of tolerated_noise, a fraction
    num_pairs: int
    num_evaluations: int
    rise_share: float | None = None  # of radius_of_rise, a fraction; None: of a version without it

    def find(
        self, name: str, *, scale: str = "none", radius: float | None = None
    ) -> tuple[Measure, ...]:
        """Rows by name and scale, and by radius where one is given."""
        return tuple(
            row
            for row in self.rows
            if row.name == name and row.scale == scale and radius in (None, row.radius)
        )
