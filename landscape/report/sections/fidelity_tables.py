"""Tables of fidelity: verdicts on the operators, each direction, and other slopes."""

from collections.abc import Iterable, Sequence

from landscape.catalog import MEASURES
from landscape.page.cells import number_cell
from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    PartOf,
    estimate_column,
    number_column,
    parts_of,
    text_column,
)
from landscape.page.table import Column, Table
from landscape.results.fidelity import DirectionFidelity, Fidelity, OperatorVerdict, SlopeRow

_Verdict = PartOf[Fidelity, OperatorVerdict]
_Direction = PartOf[Fidelity, DirectionFidelity]
_Slope = PartOf[Fidelity, SlopeRow]

_CUSP = MEASURES["cusp_slope"]
_VERDICTS: list[Column[_Verdict]] = [
    CHECKPOINT_OF_PART,
    text_column("operator", lambda row: row.part.operator),
    text_column("verdict", lambda row: row.part.verdict),
    number_column(
        "agrees from r", lambda row: row.part.low_radius, key="from", formula="distance over ‖θ‖"
    ),
    number_column("to r", lambda row: row.part.high_radius, key="to"),
    text_column(
        "negative curvature",
        lambda row: row.part.negative,
        key="negative",
        formula="whether the real loss falls where the operator says it does",
    ),
    number_column(
        "rank correlation",
        lambda row: row.part.rank_correlations[_reference(row.result)],
        formula="Spearman of vᵀAv with the measured κ(r) over directions, at the reference radius",
    ),
    text_column("in words", lambda row: row.part.sentence, key="sentence"),
]
_SLOPES: list[Column[_Slope]] = [
    CHECKPOINT_OF_PART,
    number_column(
        "slope ×",
        lambda row: row.part.factor,
        key="factor",
        formula="factor on the slope of the surrogate's curve; the spikes, and with them the "
        "measured loss, are the same at every factor",
    ),
    text_column("operator", lambda row: row.part.operator),
    number_column(
        "κ / vᵀAv",
        lambda row: row.part.ratio,
        key="ratio",
        formula="measured over predicted curvature at the reference radius, median over the "
        "operator's own top directions; 1: the operator is right there",
    ),
    number_column(
        "rank correlation",
        lambda row: row.part.rank_correlation,
        digits=2,
        formula="Spearman of vᵀAv with the measured κ over all directions, at the reference radius",
    ),
]


def verdict_table(results: Sequence[Fidelity]) -> Table[_Verdict]:
    """What each operator is good for."""
    return Table(
        name="fidelity",
        caption="What each operator is good for.",
        columns=_VERDICTS,
        rows=parts_of(results, lambda r: r.verdicts),
    )


def direction_table(results: Sequence[Fidelity]) -> Table[_Direction]:
    """Each direction with its curvatures, predicted and measured."""
    operators = dict.fromkeys(name for r in results for name in r.operators)
    radii = _words(f"{r.reference_radius:g}" for r in results)
    fitted = _words(f"{r.fit_radius:g}" for r in results)
    columns: list[Column[_Direction]] = [
        CHECKPOINT_OF_PART,
        text_column("direction", lambda row: row.part.name),
        *map(_predicted, operators),
        Column(
            key="kappa",
            title="κ",
            cell=lambda row: number_cell(
                row.part.kappa[_reference(row.result)],
                row.part.kappa_stderr[_reference(row.result)],
            ),
            unit="loss/θ²",
            formula="(L(θ + t v) + L(θ - t v) - 2 L(θ)) / t² at the reference radius "
            f"t = {radii} ‖θ‖; ± over examples",
        ),
        estimate_column(
            "exponent",
            lambda row: row.part.exponent,
            digits=3,
            formula="slope of log rise over log t: 1 is a cusp, 2 a quadratic; from the clearly "
            f"positive rises up to t = {fitted} ‖θ‖, ± over groups of examples",
        ),
        estimate_column(
            _CUSP.title,
            lambda row: row.part.cusp_slope,
            key="cusp_slope",
            unit=_CUSP.unit_at("none"),
            better="↓",
            formula=f"{_CUSP.formula}, up to {fitted} ‖θ‖",
            source=_CUSP.source,
        ),
    ]
    return Table(
        name="fidelity-directions",
        caption="Predicted and measured curvature along each direction.",
        columns=columns,
        rows=parts_of(results, lambda r: r.directions),
        note="± is one standard error over examples, or over groups of them.",
        folded=True,
    )


def _predicted(operator: str) -> Column[_Direction]:
    smoothed = "second derivative along v of the loss under Gaussian noise on the weights"
    return number_column(
        f"vᵀAv, {operator}",
        lambda row: dict(zip(row.result.operators, row.part.curvatures, strict=True)).get(operator),
        key=operator,
        unit="loss/θ²",
        formula=smoothed
        if operator == "smoothed-loss"
        else "curvature along the unit direction v that the operator A predicts",
    )


def slope_table(results: Sequence[Fidelity]) -> Table[_Slope] | None:
    """What another slope of the surrogate changes, where it was varied."""
    rows = parts_of(results, lambda r: r.slope_sweep)
    if not rows:
        return None
    radii = _words(f"{row.result.reference_radius:g}" for row in rows)
    return Table(
        name="fidelity-slopes",
        caption="The operators with a steeper or flatter surrogate, on the same network.",
        columns=_SLOPES,
        rows=rows,
        note=f"At the reference radius {radii}. The slope is a choice of the surrogate's, not of "
        "the network's: where these columns move with it, so does every eigenvalue.",
    )


def _reference(result: Fidelity) -> int:
    return result.radii.index(result.reference_radius)


def _words(values: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(values))
