"""What commands share that measure one checkpoint after the other and print a table of each."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landscape.cli.options import open_targets, target_options, with_options
from landscape.cli.output import print_json, progress_bar, write_results

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings
    from landscape.results import Result

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound="Result")


def measured_options(command: F) -> F:
    """Add the checkpoints and, after the command's own options, -o, --json, -q and the target's."""
    options = [
        click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder of a report."),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object a checkpoint on stdout."
        ),
        click.option("--quiet", "-q", is_flag=True, help="No progress."),
    ]
    argument = click.argument(
        "checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path)
    )
    return argument(with_options(options, target_options(command)))


def measure_each(
    analysis: str,
    measure: Callable[..., R],
    wanted: object,
    *,
    checkpoints: Sequence[Path],
    settings: "TargetSettings",
    out: Path | None,
    as_json: bool,
    quiet: bool,
    show: Callable[[R], None],
) -> None:
    """``measure`` each checkpoint as ``wanted``; keep the results under ``out``, print each.

    A run that was killed goes on where it was when it is given the same ``out`` again.
    """
    from landscape.cli.results_folder import held, state_path

    results: list[R] = []
    with held(out):
        for target in open_targets(checkpoints, settings, quiet=quiet):
            label = target.subject.label
            state = state_path(out, label, analysis)
            with progress_bar(f"{label}: {analysis}", quiet=quiet) as progress:
                results.append(measure(target, settings=wanted, state=state, progress=progress))
    write_results(out, analysis, results)
    if as_json:
        print_json(results)
        return
    for result in results:
        show(result)
