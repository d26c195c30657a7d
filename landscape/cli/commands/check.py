"""``landscape check``: a pass/fail table before anything expensive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import check_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import Asked, measure_each, measured_options, show_each
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.cli.stdout import Command
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.gates import Gate
    from landscape.results import Check, Preflight

_MARKS = {"pass": "pass", "fail": "FAIL", "note": "note"}
_COLUMNS: list[Column["Check"]] = [
    text_column("check", lambda c: c.name),
    text_column("", lambda c: _MARKS[c.status]),
    text_column("measured", lambda c: c.value, missing=""),
]


@click.command(cls=Command)
@settings_options(OperatorSettings, "wanted", without=("params", "scale", "weight_decay"))
@gate_option("failed_checks > 0 or accuracy < 0.9")
@measured_options
def check(wanted: OperatorSettings, gates: "tuple[Gate, ...]", asked: Asked) -> None:
    """Check that the numbers of CHECKPOINTS can mean anything; exit code 1 if one cannot."""
    from landscape.analysis.preflight.run import preflight

    check_gates(gates, check_names())

    def measure(target: "Target", *, state: Path | None, progress: "Progress") -> "Preflight":
        return preflight(target, operator_name=wanted.operator, progress=progress)

    results = measure_each("preflight", measure, {"operator": wanted.operator}, asked)
    show_each(results, _print, as_json=asked.as_json)
    apply_gates(
        gates, [(r.subject.label, values_of([r], main=wanted.operator), "") for r in results]
    )
    if not all(result.passed for result in results):
        raise click.exceptions.Exit(1)


def _print(result: "Preflight") -> None:
    from landscape.report.sections.invariance_tables import certified, invariance_tables

    print_table(Table(caption=result.subject.label, columns=_COLUMNS, rows=result.checks))
    for c in result.checks:
        if c.status == "fail":
            echo(f"  {c.name}: {c.advice}")
    for table in invariance_tables([result]):
        print_table(table)
    if words := certified(result):
        echo(words)
