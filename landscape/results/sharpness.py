"""Sharpness measures: what each is, in one place, and a table of their values.

``MEASURES`` is what tooltips and pages quote. S is the diagonal scale (none, filter, weight) and
ρ a relative radius: noise ρ S ε and the ball ‖S⁻¹ e‖ <= ρ √P, both about ρ ‖θ‖ long.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from landscape.catalog import SCALES
from landscape.catalog.scales import BATCH_NORM, RELU
from landscape.results.base import Result


@dataclass(frozen=True, kw_only=True)
class MeasureInfo:
    """A sharpness measure: its formula, source, unit and which way is flatter."""

    title: str
    formula: str
    source: str
    unit: str  # with scale none
    unit_scaled: str  # with scale filter or weight
    better: str = "lower"  # lower | higher | neither: which way is flatter
    hard_forward: bool  # whether it is read off the network's own forward, spikes included
    error_over: str  # what the standard error is taken over
    invariant_under: tuple[str, ...] | None = None  # None: as its scale


MEASURES: Mapping[str, MeasureInfo] = {
    "lambda_max": MeasureInfo(
        title="largest eigenvalue",
        formula="λ_max(S A S)",
        source="Keskar et al. 2017, arXiv 1609.04836; scaled: Kwon et al. 2021, arXiv 2102.11600",
        unit="loss/θ²",
        unit_scaled="loss",
        error_over="solver residual",
        hard_forward=False,
    ),
    "mean_curvature": MeasureInfo(
        title="mean curvature",
        formula="tr(S A S) / P",
        source="Yao et al. 2020, arXiv 1912.07145",
        unit="loss/θ²",
        unit_scaled="loss",
        error_over="probes",
        hard_forward=False,
    ),
    "frobenius_norm": MeasureInfo(
        title="Frobenius norm",
        formula="‖S A S‖_F",
        source="Wu et al. 2022, arXiv 2207.02628",
        unit="loss/θ²",
        unit_scaled="loss",
        error_over="probes",
        hard_forward=False,
    ),
    "effective_rank": MeasureInfo(
        title="effective rank",
        formula="tr(S A S)² / ‖S A S‖_F²",
        source="Bartlett et al. 2020, arXiv 1906.11300 (effective rank R₀)",
        unit="1",
        unit_scaled="1",
        # The shape of a spectrum, not its size: it falls when the top eigenvalue grows.
        better="neither",
        error_over="probes",
        hard_forward=False,
    ),
    "smoothed_trace": MeasureInfo(
        title="trace of the smoothed Hessian",
        formula="tr ∇²L_s, L_s(θ) = E L(θ + s ε), mean over s² within ±50 % of (ρ ‖θ‖)² / P",
        source="dL_s/d(s²) = ½ tr ∇²L_s, the heat equation",
        unit="loss/θ²",
        unit_scaled="loss",
        hard_forward=True,
        error_over="noise pairs",
    ),
    "expected_rise": MeasureInfo(
        title="expected rise",
        formula="E L(θ + ρ S ε) - L(θ), ε ~ N(0, I)",
        source="Neyshabur et al. 2017, arXiv 1706.08947; scaled: Kwon et al. 2021",
        unit="loss",
        unit_scaled="loss",
        hard_forward=True,
        error_over="noise pairs",
    ),
    "worst_rise": MeasureInfo(
        title="worst-case rise",
        formula="max L(θ + e) - L(θ) over ‖S⁻¹ e‖ <= ρ √P; what an ascent finds, a lower bound, "
        "whose error is over examples only",
        source="Keskar et al. 2017, arXiv 1609.04836; Andriushchenko et al. 2023, arXiv 2302.07011",
        unit="loss",
        unit_scaled="loss",
        hard_forward=True,
        error_over="examples",
    ),
    "sam_rise": MeasureInfo(
        title="rise at SAM's step",
        formula="L(θ + e) - L(θ) at e = ρ √P S² ∇L / ‖S ∇L‖",
        source="Foret et al. 2021, arXiv 2010.01412",
        unit="loss",
        unit_scaled="loss",
        hard_forward=True,
        error_over="examples",
    ),
    "sam_first_order": MeasureInfo(
        title="SAM's first-order value",
        formula="ρ √P ‖S ∇L(θ)‖",
        source="Foret et al. 2021, arXiv 2010.01412",
        unit="loss",
        unit_scaled="loss",
        hard_forward=False,
        error_over="none: exact",
    ),
    "relative_flatness": MeasureInfo(
        title="relative flatness",
        formula="Σ_{r,s} ⟨w_r, w_s⟩ tr H_{r,s} over rows of one layer",
        source="Petzka et al. 2021, NeurIPS, definition 3",
        unit="loss",
        unit_scaled="loss",
        hard_forward=False,
        error_over="probes",
        invariant_under=(BATCH_NORM, RELU),
    ),
    "tolerated_noise": MeasureInfo(
        title="tolerated noise",
        formula="largest ρ with E accuracy(θ + ρ S ε) >= accuracy(θ) - drop",
        source="Jiang et al. 2020, arXiv 1912.02178",
        unit="fraction of the weights",
        unit_scaled="fraction of the weights",
        better="higher",
        hard_forward=True,
        error_over="noise pairs",
    ),
    "cusp_slope": MeasureInfo(
        title="cusp slope",
        formula="(L(θ + t v) + L(θ - t v) - 2 L(θ)) / (2 t), mean over small t",
        source="rise per unit of θ where the loss is a staircase",
        unit="loss/θ",
        unit_scaled="loss",
        hard_forward=True,
        error_over="groups of examples",
    ),
}


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
    invariant_under: tuple[str, ...]  # among batch-norm, relu, relu-unit
    unit: str
    better: str  # lower | higher | neither
    formula: str
    source: str
    num_evaluations: int  # passes over the examples, or matvecs where ``operator`` is set
    note: str

    @property
    def label(self) -> str:
        """Name with what distinguishes it in a table, e.g. ``expected_rise[filter] ρ=0.03``."""
        where = "" if self.scale == "none" else f"[{self.scale}]"
        of = "".join(f" {part}" for part in (self.operator, self.layer) if part)
        radius = "" if self.radius is None else f" ρ={self.radius:g}"
        return f"{self.name}{where}{of}{radius}"

    @property
    def bound(self) -> str:
        """≥ where the value is a lower bound, ≤ where it is an upper one, as its note says."""
        signs = {"lower bound": "≥", "upper bound": "≤"}
        return next((sign for words, sign in signs.items() if words in self.note), "")


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
) -> Measure:
    """Join a value to what ``MEASURES`` says of its measure.

    Raises
    ------
    ValueError
        If the name or the scale is unknown.
    """
    if name not in MEASURES or scale not in SCALES:
        raise ValueError(
            f"a measure must be one of {', '.join(MEASURES)}, with scale {', '.join(SCALES)}; "
            f"got {name!r} with scale {scale!r}."
        )
    info = MEASURES[name]
    own = info.invariant_under
    return Measure(
        name=name,
        value=value,
        stderr=stderr if stderr is not None and math.isfinite(stderr) else None,
        error_over=info.error_over,
        radius=radius,
        scale=scale,
        operator=operator,
        layer=layer,
        hard_forward=info.hard_forward,
        invariant_under=SCALES[scale].invariant_under if own is None else own,
        unit=info.unit if scale == "none" else info.unit_scaled,
        better=info.better,
        formula=info.formula,
        source=info.source,
        num_evaluations=num_evaluations,
        note=note,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SharpnessTable(Result):
    """Sharpness measures of one checkpoint on one split of the data."""

    rows: tuple[Measure, ...]
    batch_norm: str  # eval | train
    accuracy_drop: float  # of tolerated_noise, a fraction
    num_pairs: int
    num_evaluations: int

    def find(
        self, name: str, *, scale: str = "none", radius: float | None = None
    ) -> tuple[Measure, ...]:
        """Rows by name and scale, and by radius where one is given."""
        return tuple(
            row
            for row in self.rows
            if row.name == name and row.scale == scale and radius in (None, row.radius)
        )
