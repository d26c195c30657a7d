"""Tables of fidelity: each direction with its curvatures, and the operators at other slopes."""

from collections.abc import Iterable, Sequence

from landscape.catalog import MEASURES
from landscape.report.table import CHECKPOINT, Cell, Column, Table, number_cell, text_cell
from landscape.results.fidelity import DirectionFidelity, Fidelity

_CUSP = MEASURES["cusp_slope"]
_SLOPES = (
    CHECKPOINT,
    Column(
        key="factor",
        title="slope ×",
        formula="factor on the slope of the surrogate's curve; the spikes, and with them the "
        "measured loss, are the same at every factor",
    ),
    Column(key="operator", title="operator"),
    Column(
        key="ratio",
        title="κ / vᵀAv",
        formula="measured over predicted curvature at the reference radius, median over the "
        "operator's own top directions; 1: the operator is right there",
    ),
    Column(
        key="rank_correlation",
        title="rank correlation",
        formula="Spearman of vᵀAv with the measured κ over all directions, at the reference radius",
    ),
)


def fidelity_tables(results: Sequence[Fidelity]) -> list[Table]:
    """All directions, and where the surrogate's slope was varied, what that changes."""
    tables = [_directions(results)]
    if any(r.slope_sweep for r in results):
        tables.append(_sweep(results))
    return tables


def _directions(results: Sequence[Fidelity]) -> Table:
    operators = list(dict.fromkeys(name for r in results for name in r.operators))
    radii = _words(f"{r.reference_radius:g}" for r in results)
    fitted = _words(f"{r.fit_radius:g}" for r in results)
    columns = (
        CHECKPOINT,
        Column(key="direction", title="direction"),
        *(
            Column(
                key=name,
                title=f"vᵀAv, {name}",
                unit="loss/θ²",
                formula="curvature along the unit direction v that the operator A predicts"
                if name != "smoothed-loss"
                else "second derivative along v of the loss under Gaussian noise on the weights",
            )
            for name in operators
        ),
        Column(
            key="kappa",
            title="κ",
            unit="loss/θ²",
            formula="(L(θ + t v) + L(θ - t v) - 2 L(θ)) / t² at the reference radius "
            f"t = {radii} ‖θ‖; ± over examples",
        ),
        Column(
            key="exponent",
            title="exponent",
            formula="slope of log rise over log t: 1 is a cusp, 2 a quadratic; from the clearly "
            f"positive rises up to t = {fitted} ‖θ‖, ± over groups of examples",
        ),
        Column(
            key="cusp_slope",
            title=_CUSP.title,
            unit=_CUSP.unit_at("none"),
            better="↓",
            formula=f"{_CUSP.formula}, up to {fitted} ‖θ‖",
            source=_CUSP.source,
        ),
    )
    return Table(
        name="fidelity-directions",
        caption="Predicted and measured curvature along each direction.",
        columns=columns,
        rows=tuple(_direction(r, d, operators) for r in results for d in r.directions),
        note="± is one standard error over examples, or over groups of them.",
        folded=True,
    )


def _direction(
    result: Fidelity, direction: DirectionFidelity, operators: Sequence[str]
) -> tuple[Cell, ...]:
    at = result.radii.index(result.reference_radius)
    forms = dict(zip(result.operators, direction.curvatures, strict=True))
    exponent, slope = direction.exponent, direction.cusp_slope
    return (
        text_cell(result.subject.label),
        text_cell(direction.name),
        *(number_cell(forms.get(name)) for name in operators),
        number_cell(direction.kappa[at], direction.kappa_stderr[at]),
        number_cell(None)
        if exponent is None
        else number_cell(exponent.mean, exponent.stderr, digits=3),
        number_cell(slope.mean, slope.stderr),
    )


def _sweep(results: Sequence[Fidelity]) -> Table:
    radii = _words(f"{r.reference_radius:g}" for r in results if r.slope_sweep)
    return Table(
        name="fidelity-slopes",
        caption="The operators with a steeper or flatter surrogate, on the same network.",
        columns=_SLOPES,
        rows=tuple(
            (
                text_cell(r.subject.label),
                number_cell(row.factor),
                text_cell(row.operator),
                number_cell(row.ratio),
                number_cell(row.rank_correlation, digits=2),
            )
            for r in results
            for row in r.slope_sweep
        ),
        note=f"At the reference radius {radii}. The slope is a choice of the surrogate's, not of "
        "the network's: where these columns move with it, so does every eigenvalue.",
    )


def _words(values: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(values))
