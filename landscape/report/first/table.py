"""The table of the first screen: a row a network or group; of one network a row a measure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from landscape.catalog import MEASURES
from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import text_column
from landscape.page.numbers import common_power, power_of_ten
from landscape.page.table import Column, Explanation, Table
from landscape.report.first.entries import Entry
from landscape.report.first.values import EXAMPLES, Key, Readings, Value, median_of
from landscape.results import Comparison, Subject, flatter_arrow, measure_title

_COLUMNS = (
    ("lambda_max", "none"),
    ("lambda_max", ""),
    ("trace", ""),
    ("expected_rise", ""),
    ("worst_rise", ""),
)
_SHORT = {
    "lambda_max": "λ_max",
    "trace": "trace",
    "expected_rise": "average-case",
    "worst_rise": "worst-case",
}


_FILTER_ALONE = ("trace", "average-case", "worst-case")  # are shown at one scale


class _Row(NamedTuple):
    """A row: an entry's values, or the ratios of two entries."""

    name: str
    values: dict[Key, Value | None]
    bounds: dict[Key, str]
    accuracy: float | None
    is_ratio: bool = False


def first_table(
    readings: Readings,
    entries: Sequence[Entry],
    comparison: Comparison | None,
    subjects: Sequence[Subject],
) -> Table[_Row] | Table[tuple[Key, Value]] | None:
    """The numbers of the first screen with their errors; None where nothing was measured."""
    found = [readings.pick(name, entries, comparison, scale) for name, scale in _COLUMNS]
    if len(entries) > 1 and comparison is not None:
        found = [readings.called(comparison.settings.primary, entries), *found]
    keys = list(dict.fromkeys(key for key in found if key is not None))
    if not keys:
        return None
    if len(entries) == 1:
        return _of_one(readings, entries[0], keys)
    rows = [_row(readings, entry, keys, subjects) for entry in entries]
    if len(rows) == 2:
        rows.append(_ratios(rows, keys, readings, entries, comparison))
    units = {key: readings.measure(key, entries[0]).unit for key in keys}
    columns: list[Column[_Row]] = [
        text_column(
            "" if len(entries) == len(subjects) else "group", lambda row: row.name, key="name"
        ),
        *(_column(key, units[key], _power(rows, key)) for key in keys),
        Column(title="test acc.", key="test_accuracy", cell=_accuracy, unit="%", optional=True),
    ]
    several = any(len(entry.labels) > 1 for entry in entries)
    return Table(
        name="overview",
        columns=columns,
        rows=rows,
        caption="Median over runs." if several else "Lower is flatter.",
        note=_of_ratios(rows) if several else _errors(readings, entries, keys),
    )


def _row(
    readings: Readings, entry: Entry, keys: Sequence[Key], subjects: Sequence[Subject]
) -> _Row:
    accuracies = (
        s.training.test_accuracy
        for s in subjects
        if s.label in entry.labels and s.training and s.training.test_accuracy is not None
    )
    accuracy = median_of(accuracies)
    return _Row(
        entry.name,
        {key: readings.value(key, entry) for key in keys},
        {key: readings.measure(key, entry).bound for key in keys},
        None if accuracy is None else accuracy.value,
    )


def _ratios(
    rows: Sequence[_Row],
    keys: Sequence[Key],
    readings: Readings,
    entries: Sequence[Entry],
    comparison: Comparison | None,
) -> _Row:
    """Of two groups those that the verdict rests on, which are no ratios of the medians above."""
    if all(len(entry.labels) == 1 for entry in entries):
        ratios = {
            key: None
            if any(row.bounds[key] for row in rows)  # of two bounds there is none
            else _ratio(*(row.values[key] for row in rows))
            for key in keys
        }
    else:
        judged = {} if comparison is None else _judged(comparison, entries)
        ratios = {key: judged.get(readings.measure(key, entries[0]).label) for key in keys}
    return _Row("ratio", ratios, dict.fromkeys(keys, ""), None, is_ratio=True)


def _judged(comparison: Comparison, entries: Sequence[Entry]) -> dict[str, Value]:
    """What is judged of the first entry against the second, by the measure's name."""
    first, second = (entry.name for entry in entries)
    powers = {(first, second): 1, (second, first): -1}
    return {
        row.measure: Value(value=row.estimate**power)
        for pair in comparison.pairs
        if (power := powers.get((pair.group, pair.baseline)))
        for row in pair.measures
        if row.scale == "ratio"
    }


def _ratio(a: Value | None, b: Value | None) -> Value | None:
    positive = a is not None and b is not None and a.value > 0 and b.value > 0
    return Value(value=a.value / b.value) if a and b and positive else None


def _column(key: Key, unit: str, power: int) -> Column[_Row]:
    """Of one measure, in powers of ten that all rows but the ratio share."""

    def cell(row: _Row) -> Cell:
        value = row.values[key]
        if value is None:
            return text_cell(None)
        scale = 1.0 if row.is_ratio else 10.0**-power
        stderr = None if value.stderr is None else value.stderr * scale
        shown = number_cell(value.value * scale, stderr, bound=row.bounds[key], digits=3)
        return replace(shown, value=value.value, stderr=value.stderr)

    short = _SHORT.get(key.name, MEASURES[key.name].title)
    with_scale = key.scale != "none" and short not in _FILTER_ALONE
    scale = f" ({key.scale})" if with_scale else ""
    radius = "" if key.radius is None else f" at ρ = {key.radius:g}"
    info = MEASURES[key.name]
    return Column(
        title=f"{short}{scale}",
        key="_".join(str(part) for part in key if part not in (None, "none")),
        cell=cell,
        unit=f"{power_of_ten(power)} {unit}{radius}" if power else f"{unit}{radius}",
        formula=info.formula,
        source=info.source,
    )


def _accuracy(row: _Row) -> Cell:
    if row.accuracy is None:
        return text_cell(None)
    return replace(number_cell(100 * row.accuracy, digits=3), value=row.accuracy)


def _power(rows: Sequence[_Row], key: Key) -> int:
    found = (None if row.is_ratio else row.values[key] for row in rows)
    return common_power([value.value for value in found if value is not None])


def _of_ratios(rows: Sequence[_Row]) -> str:
    if not rows[-1].is_ratio or not any(rows[-1].values.values()):
        return ""
    return "Ratio: the verdict's, of run to run, where it was compared; not that of the medians."


def _errors(readings: Readings, entries: Sequence[Entry], keys: Sequence[Key]) -> str:
    values = [v for key in keys for e in entries if (v := readings.value(key, e)) is not None]
    over = sorted({"examples" if v.over == EXAMPLES else v.over for v in values if v.over})
    return f"± one standard error, over {', '.join(over)}." if over else ""


def _of_one(readings: Readings, entry: Entry, keys: Sequence[Key]) -> Table[tuple[Key, Value]]:
    rows = [(key, v) for key in keys if (v := readings.value(key, entry)) is not None]

    def measure(row: tuple[Key, Value]) -> str:
        found = readings.measure(row[0], entry)
        return f"{measure_title(found, spiking=False)}\u00a0{flatter_arrow(found)}".rstrip()

    def value(row: tuple[Key, Value]) -> Cell:
        bound = readings.measure(row[0], entry).bound
        return number_cell(row[1].value, row[1].stderr, bound=bound, digits=3)

    return Table(
        name="overview",
        columns=[
            text_column("measure", measure),
            Column(title="value", cell=value),
            text_column("unit", lambda row: readings.measure(row[0], entry).unit),
            text_column("± over", lambda row: row[1].over, key="error_over"),
        ],
        rows=rows,
        caption="The arrow points to the flatter side.",
        row_explanations=tuple(
            Explanation(title=info.title, formula=info.formula, source=info.source)
            for info in {key.name: MEASURES[key.name] for key, _ in rows}.values()
        ),
    )
