"""``landscape analyze --dry-run``: what each budget takes, and what it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from landscape.analysis.budget import BUDGETS, Budget
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import ANALYSES
from landscape.cli.options import opened, unique_labels
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.analysis.forecast import ForecastLine


_FEW = 3  # checkpoints: of more, each analysis has one row for all


def print_forecast(
    checkpoints: Sequence[Path],
    settings: TargetSettings,
    suite: SuiteSettings,
    names_in: Callable[[Budget], Sequence[str]],
    figures: Sequence[str],
    quiet: bool,
) -> None:
    """What the chosen budget takes, and the minutes and gaps of all budgets side by side.

    ``names_in`` gives the analyses that a budget runs: one that the chosen budget does not run has
    a row where another does.
    """
    from landscape.analysis.forecast import ForecastLine, counted, measured_rates
    from landscape.report.forecast import num_figures, seconds_a_figure

    budgets = list(BUDGETS.values())
    each = [names_in(budget) for budget in budgets]
    rows: list[_Cost] = []
    for path, label in zip(checkpoints, unique_labels(checkpoints), strict=True):
        target = opened(path, label, settings, params=suite.params, quiet=quiet)
        rates = measured_rates(target, suite)
        counts = [
            {line.name: line for line in counted(rates, target, replace(suite, budget=b), asked)}
            for b, asked in (
                (suite.budget, names_in(suite.budget)),
                *zip(budgets, each, strict=True),
            )
        ]
        for name in (name for name in ANALYSES if any(name in asked for asked in each)):
            line, *others = (found.get(name, ForecastLine(name, 0, 0, 0, 0.0)) for found in counts)
            rows.append(_Cost(f"{label}: {name}", [other.seconds for other in others], line))
    if len(checkpoints) > _FEW:
        rows = _together(rows, len(checkpoints))
    pace = seconds_a_figure(figures)
    drawing = [pace * num_figures(names, len(checkpoints)) for names in each]
    rows.append(_Cost("report", drawing))
    totals = zip(*(row.seconds for row in rows), strict=True)
    rows.append(_Cost("all", [sum(column) for column in totals]))
    print_table(Table(columns=_COSTS, rows=rows))
    for (name, budget), names in zip(BUDGETS.items(), each, strict=True):
        lacking = [n for n in ANALYSES if n not in names and any(n in more for more in each)]
        if gaps := [*budget.left_out(names), *lacking]:
            echo(f"{name} leaves out: {'; '.join(gaps)}.")


class _Cost(NamedTuple):
    name: str
    seconds: Sequence[float]  # one a budget
    of: "ForecastLine | None" = None  # of the budget that was chosen


def _together(rows: Sequence[_Cost], number: int) -> list[_Cost]:
    """A row for each analysis: what all checkpoints take, and the largest peak of memory."""
    alike: dict[str, list[tuple[Sequence[float], ForecastLine]]] = {}
    for row in rows:
        if row.of is not None:
            alike.setdefault(row.of.name, []).append((row.seconds, row.of))
    summed = []
    for name, parts in alike.items():
        lines = [line for _, line in parts]
        of = replace(
            lines[0],
            num_matvecs=sum(line.num_matvecs for line in lines),
            num_losses=sum(line.num_losses for line in lines),
            peak_bytes=max(line.peak_bytes for line in lines),
        )
        seconds = [sum(column) for column in zip(*(s for s, _ in parts), strict=True)]
        summed.append(_Cost(f"{name} of all {number}", seconds, of))
    return summed


def _minutes(place: int) -> Callable[[_Cost], str]:
    return lambda row: f"{row.seconds[place] / 60:.1f} min"


_COSTS: list[Column[_Cost]] = [
    text_column("analysis", lambda row: row.name),
    text_column("matvecs", lambda row: f"{row.of.num_matvecs:,}" if row.of else "", missing=""),
    text_column("losses", lambda row: f"{row.of.num_losses:,}" if row.of else "", missing=""),
    text_column(
        "peak memory",
        lambda row: f"{row.of.peak_bytes / 2**20:,.0f} MiB" if row.of else "",
        missing="",
    ),
    *(text_column(name, _minutes(place)) for place, name in enumerate(BUDGETS)),
]
