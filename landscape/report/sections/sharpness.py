"""Sharpness: a table of measures against checkpoints, with formulas and sources."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from landscape.catalog import MEASURES
from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import text_column
from landscape.page.material import Material, Reference, mismatch_note, relative
from landscape.page.section import ReportFigure, Section
from landscape.page.table import Column, Explanation, Table
from landscape.plotting import compared_rows, legend_above, plot_sharpness
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
    tables: list[Table[Measure]] = []
    for split in dict.fromkeys(r.subject.split for r in results):
        members = [r for r in results if r.subject.split == split]
        tables += _tables(material, members, split)
    mismatch = mismatch_note(results)
    return Section(
        key="sharpness",
        title="Sharpness",
        summary=f"{len({row.label for r in results for row in r.rows})} measures",
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
    """A dot plot for each split of which two networks or more are shown."""
    figures = []
    for split in dict.fromkeys(r.subject.split for r in results):
        members = [r for r in results if r.subject.split == split]
        rows = compared_rows(members)
        if not rows:
            continue
        of = material.baseline or "the networks' geometric mean"
        figures.append(
            ReportFigure(
                name="sharpness" if split == "train" else f"sharpness-{split}",
                draw=partial(_draw, members, material),
                height=0.8 + 0.3 * len(rows),
                caption=(
                    f"Each measure on the {split} examples, as a ratio to that of {of}; turned "
                    "over where more is flatter. Bars: ± 1 standard error over what the table says."
                ),
                alt=f"Ratios of {len(rows)} sharpness measures for "
                + ", ".join(r.subject.label for r in members)
                + ".",
            )
        )
    return figures


def _draw(
    results: Sequence[SharpnessTable], material: Material, figure: Figure, _log: bool
) -> None:
    ax = figure.subplots()
    plot_sharpness(results, ax, strokes=material.strokes, baseline=material.baseline)
    legend_above(ax, figure)


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


def _tables(
    material: Material, results: Sequence[SharpnessTable], split: str
) -> list[Table[Measure]]:
    rows = list({row.label: row for result in results for row in result.rows}.values())
    base = next((r for r in results if r.subject.label == material.baseline), None)
    suffix = "" if split == "train" else f"-{split}"
    remarks = _remarks(results)
    values: list[Column[Measure]] = [
        text_column(
            "measure", lambda row: _title(row, results[0]), hint=lambda row: _explain(row).text
        ),
        *map(_value_column, results),
        text_column("unit", lambda row: row.unit),
        text_column(
            "read off",
            lambda row: "the loss itself" if row.hard_forward else "operator",
            key="forward",
        ),
        text_column("invariant under", lambda row: ", ".join(row.invariant_under), key="invariant"),
        text_column("± over", lambda row: row.error_over, key="error_over"),
    ]
    tables = [
        Table(
            name=f"sharpness{suffix}",
            caption=f"Sharpness on the {split} examples.",
            columns=values,
            rows=rows,
            note="± is one standard error, over what the last column says."
            + (" * see its tooltip, or the list below." if remarks else ""),
            row_explanations=tuple({row.name: _explain(row) for row in rows}.values()),
            reasons=remarks,
        )
    ]
    if base is not None and len(results) > 1:
        tables.append(
            Table(
                name=f"sharpness-relative{suffix}",
                caption=f"The same relative to {material.baseline}.",
                columns=[
                    text_column("measure", lambda row: _title(row, results[0])),
                    *(_relative_column(result, base) for result in results),
                ],
                rows=rows,
                note="Ratios of single checkpoints; a verdict needs several seeds of each.",
            )
        )
    return tables


def _rows_of(result: SharpnessTable) -> dict[str, Measure]:
    return {row.label: row for row in result.rows}


def _value_column(result: SharpnessTable) -> Column[Measure]:
    found = _rows_of(result)

    def cell(row: Measure) -> Cell:
        if row.label not in found:
            return text_cell(None)
        row = found[row.label]
        mark = "*" if row.note else ""
        return number_cell(row.value, row.stderr, bound=row.bound, mark=mark, hint=row.note)

    return Column(key=result.subject.label, title=result.subject.label, cell=cell)


def _relative_column(result: SharpnessTable, base: SharpnessTable) -> Column[Measure]:
    found, of_base = _rows_of(result), _rows_of(base)

    def text(row: Measure) -> str | None:
        if row.label not in found or row.label not in of_base:
            return None
        against = of_base[row.label]
        reference = Reference(value=against.value, stderr=against.stderr, result=base)
        return relative(found[row.label].value, result, reference)

    return text_column(result.subject.label, text, key=result.subject.label)


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
