"""One table of flatness: a row for each initialisation, over its seeds, or for each checkpoint."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from landscape.compare.groups import Analysed, analysed_checkpoints, grouped
from landscape.compare.match import last_of_each_run
from landscape.page.cells import UNCONVERGED, Cell, number_cell
from landscape.page.columns import count_column, text_column
from landscape.page.numbers import power_of_ten
from landscape.page.table import Column, Table
from landscape.paper.numbers import Number, chosen_numbers
from landscape.paper.settings import PaperSettings
from landscape.results import Result


@dataclass(frozen=True, eq=False)
class _Row:
    """A group with one checkpoint a run, or a single checkpoint."""

    name: str
    members: Sequence[Analysed]


def paper_table(results: Sequence[Result], settings: PaperSettings) -> Table[_Row]:
    """The table that ``settings`` ask for, of the results of any number of reports.

    Raises
    ------
    ValueError
        If there are no results of the split, groups cannot be told, a name is unknown or was not
        measured, or what a mean is taken over was not measured alike.
    """
    checkpoints = analysed_checkpoints(results, split=settings.split)
    over_seeds = settings.by == "group"
    if over_seeds:
        groups = grouped(checkpoints, settings.groups)
        rows = [_Row(name, last_of_each_run(name, members)) for name, members in groups.items()]
    else:
        rows = [_Row(c.label, [c]) for c in checkpoints]
    shown = [c for row in rows for c in row.members]
    numbers = chosen_numbers(shown, settings.measures)
    for n in numbers:
        if n.mismatch and over_seeds:
            raise ValueError(
                f"what a mean is taken over must be measured alike; {n.name} differs in "
                f"{n.mismatch}. Analyse these checkpoints with the same options, or leave it out "
                "with --measures."
            )
    is_init = over_seeds and _are_initialisations(rows)
    first = "initialisation" if is_init else settings.by
    what = "mean ± standard deviation over n training runs" if over_seeds else "value ± error"
    columns: list[Column[_Row]] = [
        text_column("init." if is_init else first, lambda row: row.name, key=first)
    ]
    if over_seeds:
        columns.append(count_column("n", lambda row: len(row.members)))
    return Table(
        name="flatness",
        caption=f"Flatness by {first}: {what}.",
        columns=[*columns, *(_column(n, rows, over_seeds=over_seeds) for n in numbers)],
        rows=rows,
        note=". ".join([*_notes(shown, numbers, over_seeds=over_seeds), ""]).strip(),
    )


def _are_initialisations(rows: Sequence[_Row]) -> bool:
    """Whether that is what the rows differ in: each has one, and no two the same."""
    told = [{t.init if (t := c.subject.training) else None for c in r.members} for r in rows]
    return all(len(inits) == 1 and None not in inits for inits in told) and len(
        set.union(*told)
    ) == len(rows)


def _column(number: Number, rows: Sequence[_Row], *, over_seeds: bool) -> Column[_Row]:
    """A column whose numbers share a power of ten, as its heading tells; not so in CSV."""
    cells = {
        row: _mean(list(map(number.cell, row.members))) if over_seeds else number.cell(*row.members)
        for row in rows
    }
    exponent = -2 if number.is_share else _exponent(cells.values())
    unit = "%" if number.is_share else power_of_ten(exponent) if exponent else ""
    return Column(
        title=number.title,
        key=number.name,
        cell=lambda row: _shifted(cells[row], exponent),
        unit=unit,
        better=number.better,
        error="sd" if over_seeds else "stderr",
    )


def _exponent(cells: Iterable[Cell]) -> int:
    """What is taken out of a column: nothing where its largest number reads well as it is."""
    largest = max((abs(c.value) for c in cells if isinstance(c.value, float)), default=0.0)
    exponent = math.floor(math.log10(largest)) if largest else 0
    return 0 if -2 <= exponent < 4 else exponent


def _shifted(cell: Cell, exponent: int) -> Cell:
    """The number over ten to ``exponent``, as it is shown; its value stays."""
    if not isinstance(cell.value, float):
        return cell
    factor = 10.0**-exponent
    shown = number_cell(
        factor * cell.value,
        None if cell.stderr is None else factor * cell.stderr,
        converged=cell.mark != UNCONVERGED,
        bound=_bound(cell),
    )
    return replace(shown, value=cell.value, stderr=cell.stderr)


def _mean(cells: Sequence[Cell]) -> Cell:
    """Mean and standard deviation of what there is; one value stands without the latter."""
    values = [c.value for c in cells if isinstance(c.value, float)]
    if not values:
        return number_cell(None)
    return number_cell(
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else None,
        converged=all(c.mark != UNCONVERGED for c in cells),
        bound=max(map(_bound, cells)),
    )


def _bound(cell: Cell) -> str:
    return cell.text[0] if cell.text[0] in "≥≤" else ""


def _notes(
    checkpoints: Sequence[Analysed], numbers: Sequence[Number], *, over_seeds: bool
) -> list[str]:
    subjects = [c.subject for c in checkpoints]
    examples = dict.fromkeys(f"{s.num_examples:,} {s.split} examples of {s.data}" for s in subjects)
    losses = dict.fromkeys(s.loss_name for s in subjects)
    notes = [f"On {' and '.join(examples)}, loss {' and '.join(losses)}"]
    notes += [n.meaning for n in numbers if n.meaning]
    if not over_seeds:
        errors: dict[str, list[str]] = {}
        for n in numbers:
            if n.error_over:
                errors.setdefault(n.error_over, []).append(n.title)
        notes += [f"± over {over} for {', '.join(titles)}" for over, titles in errors.items()]
        notes += [f"{n.title} was not measured alike: {n.mismatch}" for n in numbers if n.mismatch]
    if any(n.cell(c).mark == UNCONVERGED for n in numbers for c in checkpoints):
        notes.append(f"{UNCONVERGED} not converged: a lower bound")
    return notes
