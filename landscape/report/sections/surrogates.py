"""Surrogates: the curvature that the same weights have under each of them."""

from landscape.page.cells import Cell, interval_text, number_cell, text_cell
from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    PartOf,
    estimate_column,
    number_column,
    parts_of,
    text_column,
)
from landscape.page.material import Material, mismatch_note
from landscape.page.section import Section
from landscape.page.table import Column, Table
from landscape.results import SurrogateRow, SurrogateTable, spectrum_unit

_Row = PartOf[SurrogateTable, SurrogateRow]


def surrogates_section(material: Material) -> Section | None:
    """One table, a row for each checkpoint and surrogate."""
    results = material.of(SurrogateTable)
    if not results:
        return None
    mismatch = mismatch_note(results)
    return Section(
        key="surrogates",
        title="Surrogates",
        summary=f"{len(results[0].rows)} of them on the same weights",
        paragraphs=(
            "The spikes and the loss are the same in every row of a network; only what stands for "
            "the derivative of a spike differs. So differences of curvature between rows are the "
            "surrogates', and between networks they mean something only at one surrogate. The last "
            "columns say how far each predicts what the loss really does.",
            *([mismatch] if mismatch else []),
        ),
        tables=(_table(results),),
    )


def _table(results: list[SurrogateTable]) -> Table[_Row]:
    unit = spectrum_unit(results[0].operator)
    radius = results[0].reference_radius
    columns: list[Column[_Row]] = [
        CHECKPOINT_OF_PART,
        text_column("surrogate", _name),
        number_column("‖∇L‖₂", lambda row: row.part.grad_norm, key="grad_norm"),
        Column(
            key="lambda_max",
            title="λ_max",
            cell=lambda row: number_cell(
                row.part.largest.value, converged=row.part.largest.converged
            ),
            unit=unit,
        ),
        estimate_column("trace", lambda row: row.part.trace, unit=unit),
        estimate_column("‖A‖_F", lambda row: row.part.frobenius_norm, key="frobenius", unit=unit),
        Column(
            key="ratio",
            title="κ / vᵀAv",
            cell=_ratio,
            formula=f"measured over predicted curvature at r = {radius:g}, along its own top "
            "eigenvector; 1: right there",
        ),
        text_column("verdict", lambda row: row.part.verdict),
    ]
    number = max(r.subject.num_examples for r in results)
    return Table(
        name="surrogates",
        caption=f"The formal Hessian A under each surrogate, on {number:,} examples.",
        columns=columns,
        rows=parts_of(results, lambda r: r.rows),
        note="± one standard error over probes; in brackets a 95 % interval over examples. "
        "†: not converged. The verdict is that of the section on fidelity, from fewer directions.",
    )


def _name(row: _Row) -> str:
    own = row.part.is_own and row.part.surrogate != "its own"
    return f"{row.part.surrogate} (its own)" if own else row.part.surrogate


def _ratio(row: _Row) -> Cell:
    found = row.part.ratio
    if found is None:
        return text_cell(None)
    return text_cell(f"{found.value:.3g} ({interval_text(found.low, found.high)})")
