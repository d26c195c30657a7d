"""``landscape check``: a pass/fail table before anything expensive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.cli.gated import check_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import measure_each, measured_options, show_each
from landscape.cli.named import operator_option
from landscape.cli.output import print_table
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target, TargetSettings
    from landscape.gates import Gate
    from landscape.results import Preflight

_MARKS = {"pass": "pass", "fail": "FAIL", "note": "note"}


@click.command()
@operator_option()
@gate_option
@measured_options
def check(
    checkpoints: tuple[Path, ...],
    operator_name: str,
    gates: "tuple[Gate, ...]",
    out: Path | None,
    as_json: bool,
    quiet: bool,
    settings: "TargetSettings",
) -> None:
    """Check that the numbers of CHECKPOINTS can mean anything; exit code 1 if one cannot."""
    from landscape.analysis.preflight import preflight

    check_gates(gates, check_names())

    def measure(target: "Target", *, state: Path | None, progress: "Progress") -> "Preflight":
        return preflight(target, operator_name=operator_name, progress=progress)

    results = measure_each(
        "preflight",
        measure,
        {"operator": operator_name},
        checkpoints=checkpoints,
        settings=settings,
        out=out,
        quiet=quiet,
    )
    show_each(results, _print, as_json=as_json)
    apply_gates(gates, [(r.subject.label, values_of([r], main=operator_name), "") for r in results])
    if not all(result.passed for result in results):
        raise click.exceptions.Exit(1)


def _print(result: "Preflight") -> None:
    rows = [(c.name, _MARKS[c.status], c.value) for c in result.checks]
    print_table(("check", "", "measured"), rows, title=result.subject.label)
    for c in result.checks:
        if c.status == "fail":
            echo(f"  {c.name}: {c.advice}")
