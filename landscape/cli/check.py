"""``landscape check``: a pass/fail table before anything expensive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.cli.measured import measured_options
from landscape.cli.options import open_targets
from landscape.cli.output import print_json, print_table, progress_bar, write_results

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings

_MARKS = {"pass": "pass", "fail": "FAIL", "note": "note"}


@click.command()
@click.option(
    "--operator",
    "operator_name",
    type=click.Choice(["hessian", "ggn", "fisher", "smooth-hessian"]),
    default="hessian",
    show_default=True,
)
@measured_options
def check(
    checkpoints: tuple[Path, ...],
    operator_name: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    settings: "TargetSettings",
) -> None:
    """Check that the numbers of CHECKPOINTS can mean anything; exit code 1 if one cannot."""
    from landscape.analysis.preflight import preflight

    results = []
    for target in open_targets(checkpoints, settings, quiet=quiet):
        with progress_bar(f"{target.subject.label}: preflight", quiet=quiet) as progress:
            results.append(preflight(target, operator_name=operator_name, progress=progress))
    write_results(out, "preflight", results)
    if as_json:
        print_json(results)
    else:
        for result in results:
            rows = [(c.name, _MARKS[c.status], c.value) for c in result.checks]
            print_table(("check", "", "measured"), rows, title=result.subject.label)
            for c in result.checks:
                if c.status == "fail":
                    click.echo(f"  {c.name}: {c.advice}")
    if not all(result.passed for result in results):
        raise click.exceptions.Exit(1)
