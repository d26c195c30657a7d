"""Sharpness: a table of measures against checkpoints, with formulas and sources."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from landscape.catalog import MEASURES
from landscape.plotting import legend_above_all, panels_of, plot_sharpness
from landscape.report.material import Material, Reference, mismatch_note, relative
from landscape.report.model import ReportFigure, Section
from landscape.report.table import Cell, Column, Explanation, Table, number_cell, text_cell
from landscape.results import (
    Measure,
    Result,
    SharpnessTable,
    flatter_arrow,
    measure_title,
    readings_of,
)


def sharpness_section(material: Material) -> Section | None:
    """Measures as rows, checkpoints as columns; values relative to the baseline in a second."""
    results = [_completed(table, material.results) for table in material.of(SharpnessTable)]
    if not results:
        return None
    tables = []
    for split in dict.fromkeys(r.subject.split for r in results):
        members = [r for r in results if r.subject.split == split]
        tables += _tables(material, members, split)
    mismatch = mismatch_note(results)
    return Section(
        key="sharpness",
        title="Sharpness",
        paragraphs=(
            "Each row is one measure; the arrow points to the flatter side, where it has one. ≥ "
            "stands before a lower bound: the worst case may be worse than what the search found, "
            "and the error beside it is over examples only. Measures marked hard "
            "are read off losses of the network as it runs, spikes included; the others come from "
            "an operator. An invariant measure does not change under rescalings of the weights "
            "that leave the function unchanged, which a raw one does.",
            *([mismatch] if mismatch else []),
        ),
        figures=tuple(_figures(material, results)),
        tables=tuple(tables),
    )


def _figures(material: Material, results: Sequence[SharpnessTable]) -> list[ReportFigure]:
    figures = []
    for split in dict.fromkeys(r.subject.split for r in results):
        members = [r for r in results if r.subject.split == split]
        panels = len(panels_of(members))
        figures.append(
            ReportFigure(
                name="sharpness" if split == "train" else f"sharpness-{split}",
                draw=partial(_draw, members, material),
                height=1.65 * -(-panels // 3) + 0.3,
                narrow_height=1.65 * -(-panels // 2) + 0.4,
                caption=(
                    f"Each measure on the {split} examples, ± 1 standard error over what the table "
                    "says. Against the radius where it was varied, at filter scale; else at "
                    "each scale or layer. Lower is flatter, but for tolerated noise, and for the "
                    "effective rank, which has no flatter side."
                ),
                alt=f"Panels of {panels} sharpness measures for "
                + ", ".join(r.subject.label for r in members)
                + ".",
            )
        )
    return figures


def _draw(
    results: Sequence[SharpnessTable], material: Material, figure: Figure, _log: bool
) -> None:
    plot_sharpness(results, figure, strokes=material.strokes)
    legend_above_all(figure)


def _completed(table: SharpnessTable, results: Sequence[Result]) -> SharpnessTable:
    """The table with the measures it lacks that other results on the same examples hold."""
    names = {row.name for row in table.rows}
    others = [r for r in results if r.subject == table.subject and r is not table]
    further: dict[str, Measure] = {}
    for reading in (reading for result in others for reading in readings_of(result)):
        row = reading.measure
        if reading.kind.is_sharpness and reading.is_of_all and row.name not in names:
            further.setdefault(row.label, row)
    return replace(table, rows=(*table.rows, *further.values()))


def _tables(material: Material, results: Sequence[SharpnessTable], split: str) -> list[Table]:
    names = {row.label: row for result in results for row in result.rows}
    found = [{row.label: row for row in result.rows} for result in results]
    reference = next(
        (i for i, r in enumerate(results) if r.subject.label == material.baseline), None
    )
    suffix = "" if split == "train" else f"-{split}"
    remarks = _remarks(results)
    values = Table(
        name=f"sharpness{suffix}",
        caption=f"Sharpness on the {split} examples.",
        columns=(_MEASURE, *_checkpoint_columns(results), *_LAST_COLUMNS),
        rows=tuple(
            (
                text_cell(_title(row, results[0]), hint=_explain(row).text),
                *(_value(rows.get(label)) for rows in found),
                *_describe(row),
            )
            for label, row in names.items()
        ),
        note="± is one standard error, over what the last column says."
        + (" * see its tooltip, or the list of what these are." if remarks else ""),
        row_explanations=(
            *{row.name: _explain(row) for row in names.values()}.values(),
            *remarks,
        ),
    )
    tables = [values]
    if reference is not None and len(results) > 1:
        base, base_rows = results[reference], found[reference]
        tables.append(
            Table(
                name=f"sharpness-relative{suffix}",
                caption=f"The same relative to {material.baseline}.",
                columns=(_MEASURE, *_checkpoint_columns(results)),
                rows=tuple(
                    (
                        text_cell(_title(row, results[0])),
                        *(
                            _relative(rows.get(label), result, base_rows.get(label), base)
                            for rows, result in zip(found, results, strict=True)
                        ),
                    )
                    for label, row in names.items()
                ),
                note="Ratios of single checkpoints; a verdict needs several seeds of each.",
            )
        )
    return tables


_MEASURE = Column(key="measure", title="measure")
_LAST_COLUMNS = (
    Column(key="unit", title="unit"),
    Column(key="forward", title="read off"),
    Column(key="invariant", title="invariant under"),
    Column(key="error_over", title="± over"),
)


def _checkpoint_columns(results: Sequence[SharpnessTable]) -> list[Column]:
    return [Column(key=r.subject.label, title=r.subject.label) for r in results]


def _title(row: Measure, result: SharpnessTable) -> str:
    title = measure_title(row, spiking=result.subject.spiking)
    return f"{title}\u00a0{flatter_arrow(row)}".rstrip()


def _explain(row: Measure) -> Explanation:
    info = MEASURES[row.name]
    return Explanation(title=info.title, formula=info.formula, source=info.source)


def _remarks(results: Sequence[SharpnessTable]) -> list[Explanation]:
    return [
        Explanation(title=f"* {_title(row, result)}, {result.subject.label}", formula=row.note)
        for result in results
        for row in result.rows
        if row.note
    ]


def _describe(row: Measure) -> tuple[Cell, ...]:
    return (
        text_cell(row.unit),
        text_cell("hard forward" if row.hard_forward else "operator"),
        text_cell(", ".join(row.invariant_under)),
        text_cell(row.error_over),
    )


def _value(row: Measure | None) -> Cell:
    if row is None:
        return text_cell(None)
    mark = "*" if row.note else ""
    return number_cell(row.value, row.stderr, bound=row.bound, mark=mark, hint=row.note)


def _relative(
    row: Measure | None, result: SharpnessTable, base_row: Measure | None, base: SharpnessTable
) -> Cell:
    if row is None or base_row is None:
        return text_cell(None)
    reference = Reference(value=base_row.value, stderr=base_row.stderr, result=base)
    return text_cell(relative(row.value, result, reference))
