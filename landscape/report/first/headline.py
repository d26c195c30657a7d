"""The first sentence of a report: what tends which way, and how sure that is."""

from collections.abc import Sequence

from landscape.report.first.entries import Entry
from landscape.report.first.values import Key, Readings, Value
from landscape.report.sections.verdict.lead import overview_lead
from landscape.report.sections.verdict.overview import FEW_PAIRS
from landscape.report.sections.verdict.tables import row_of
from landscape.results.comparison import Comparison, MeasureRow, PairRow

_DECIDED = {"flatter": "is flatter than", "sharper": "is sharper than"}


def headline(
    readings: Readings,
    entries: Sequence[Entry],
    comparison: Comparison | None,
    named: Sequence[tuple[str, Key]],
) -> str:
    """One sentence; of two pairs of groups, one each.

    ``named`` are measures with their names, the first of which is told of in numbers.
    """
    if comparison is not None and comparison.pairs:
        if len(comparison.pairs) > FEW_PAIRS:
            return overview_lead(comparison)
        return " ".join(pair_sentence(comparison, pair) for pair in comparison.pairs)
    if not named:
        return ", ".join(entry.name for entry in entries)
    if len(entries) == 1:
        return f"{entries[0].name}: {_of_one(readings, entries[0], named)}."
    return _of_several(readings, entries, named)


def _of_one(readings: Readings, entry: Entry, named: Sequence[tuple[str, Key]]) -> str:
    told = [(name, readings.value(key, entry)) for name, key in named[:2]]
    return ", ".join(f"{name} {_number(value)}" for name, value in told if value is not None)


def _number(value: Value) -> str:
    return f"{value.value:.3g}".replace("-", "−")


def _of_several(
    readings: Readings, entries: Sequence[Entry], named: Sequence[tuple[str, Key]]
) -> str:
    ranked = []
    for name, key in named:
        values = [(v.value, e.name) for e in entries if (v := readings.value(key, e)) is not None]
        if len(values) > 1:
            ranked.append((name, min(values), max(values)))
    if not ranked:
        return ", ".join(entry.name for entry in entries)
    name, (low, flattest), (high, sharpest) = ranked[0]
    agree = sum((least[1], most[1]) == (flattest, sharpest) for _, least, most in ranked)
    ratio = f", {low / high:.2f} times that of {sharpest}" if low > 0 else ""
    scaled = all(key.scale != "none" for _, key in named)
    share = _of_measures(agree, len(ranked), "relative to the weights" if scaled else "shown")
    lowest = "lower" if len(entries) == 2 else "lowest"
    return f"{flattest} is {lowest} by {share}: {name} {low:.3g}{ratio}; one run each, no test."


def pair_sentence(comparison: Comparison, pair: PairRow) -> str:
    """Which group is lower, by how many measures, in how many pairs, decided or not."""
    row = row_of(pair, comparison.settings.primary)
    if row is None:
        return f"{pair.group} against {pair.baseline}: {pair.verdict}."
    name = comparison.measure(row.measure).title.partition(" (")[0]
    size = (
        f"{name} {row.estimate:.2f} times as large"
        if row.scale == "ratio"
        else f"{name} differs by {row.estimate:.2g}"
    )
    share = _share_of_pairs(comparison, pair, row)
    if pair.verdict in _DECIDED:
        return f"{pair.group} {_DECIDED[pair.verdict]} {pair.baseline}: {size}{share}; decided."
    if pair.verdict == "equivalent":
        low, high = comparison.settings.bounds
        return (
            f"{pair.group} is as flat as {pair.baseline}, within {low:g} to {high:g}: "
            f"{size}{share}; decided."
        )
    runs = f"; not decided at n = {min(row.num_runs)}."
    sides = [_side(comparison, m) for m in pair.measures]
    for side, others in (("flatter", "sharper"), ("sharper", "flatter")):
        if sides and others not in sides:
            return (
                f"{pair.group} looks {side} than {pair.baseline} by "
                f"{_of_measures(len(sides), len(sides), 'compared')}: {size}{share}{runs}"
            )
    return (
        f"No clear difference: {pair.group} is flatter than {pair.baseline} by "
        f"{_of_measures(sides.count('flatter'), len(sides), 'compared')}, {size}{share}{runs}"
    )


def _of_measures(count: int, total: int, which: str) -> str:
    """How many of how many measures: never of all there are, since others stand in the table."""
    if count < total:
        return f"{count} of {total} measures {which}"
    every = {1: "the one measure", 2: "both measures"}.get(total, f"all {total} measures")
    return f"{every} {which}"


def _side(comparison: Comparison, row: MeasureRow) -> str:
    middle = 1.0 if row.scale == "ratio" else 0.0
    if row.estimate == middle:
        return ""
    lower_is_flatter = comparison.measure(row.measure).larger_is == "sharper"
    return "flatter" if (row.estimate < middle) is lower_is_flatter else "sharper"


def _share_of_pairs(comparison: Comparison, pair: PairRow, row: MeasureRow) -> str:
    """In how many of the pairs the deciding measure is on the side of its estimate."""
    if not pair.paired or min(row.num_runs) < 2:
        return ""
    values = {v.label: v.value for v in comparison.measure(row.measure).values}
    both = [
        (values[a], values[b])
        for a, b in zip(pair.runs, pair.baseline_runs, strict=True)
        if a in values and b in values
    ]
    if not both:
        return ""
    lower = row.estimate < (1.0 if row.scale == "ratio" else 0.0)
    count = sum(a < b if lower else a > b for a, b in both)
    return f", {'lower' if lower else 'higher'} in {count} of {len(both)} pairs"
