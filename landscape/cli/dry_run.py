"""``landscape analyze --dry-run``: what each budget takes, and what it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from landscape.analysis.budget import BUDGETS
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.options import opened, unique_labels
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.analysis.forecast import ForecastLine


def print_forecast(
    checkpoints: Sequence[Path],
    settings: TargetSettings,
    suite: SuiteSettings,
    names: Sequence[str],
    figures: Sequence[str],
    quiet: bool,
) -> None:
    """What the chosen budget takes, and the minutes and gaps of all budgets side by side."""
    from landscape.analysis.forecast import counted, measured_rates
    from landscape.report.forecast import report_seconds

    rows: list[_Cost] = []
    for path, label in zip(checkpoints, unique_labels(checkpoints), strict=True):
        target = opened(path, label, settings, params=suite.params, quiet=quiet)
        rates = measured_rates(target, suite)
        lines = counted(rates, target, suite, names)
        each = [counted(rates, target, replace(suite, budget=b), names) for b in BUDGETS.values()]
        for line, *others in zip(lines, *each, strict=True):
            rows.append(_Cost(f"{label}: {line.name}", [o.seconds for o in others], line))
    drawing = report_seconds(names, len(checkpoints), figures)
    rows.append(_Cost("report", [drawing] * len(BUDGETS)))
    totals = zip(*(row.seconds for row in rows), strict=True)
    rows.append(_Cost("all", [sum(column) for column in totals]))
    print_table(Table(columns=_COSTS, rows=rows))
    for name, budget in BUDGETS.items():
        if gaps := budget.left_out(names):
            echo(f"{name} leaves out: {'; '.join(gaps)}.")


class _Cost(NamedTuple):
    name: str
    seconds: Sequence[float]  # one a budget
    of: "ForecastLine | None" = None  # of the budget that was chosen


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
