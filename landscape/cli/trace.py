"""``landscape trace``: trace, Frobenius norm and effective rank, each with its error."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.output import print_json, print_table, write_results
from landscape.cli.spectra import run_spectra, save_plot, spectrum_options
from landscape.report.numbers import rounded

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings


@click.command()
@click.option(
    "--probes",
    "num_probes",
    type=click.IntRange(min=2),
    default=10,
    show_default=True,
    help="Random vectors; the errors are over them.",
)
@click.option(
    "--top",
    "num_largest",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Eigenpairs at the upper end whose share is exact.",
)
@spectrum_options
def trace(
    checkpoints: tuple[Path, ...],
    settings: "TargetSettings",
    as_json: bool,
    plot: Path | None,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Estimate trace, Frobenius norm and effective rank of CHECKPOINTS."""
    runs = run_spectra(
        checkpoints, settings, num_smallest=0, num_steps=5, out=out, quiet=quiet, **options
    )
    results = [run.trace for run in runs]
    write_results(out, "trace", results)
    if plot is not None:
        from landscape.plotting import plot_trace

        save_plot(plot, lambda axes: plot_trace(results, axes))
    if as_json:
        print_json(results)
        return
    for result in results:
        rows = [
            (name, rounded(e.mean, e.stderr).text())
            for name, e in (
                ("trace", result.trace),
                ("trace / P", result.mean_curvature),
                ("Frobenius norm", result.frobenius_norm),
                ("effective rank", result.effective_rank),
            )
            if e is not None
        ]
        title = (
            f"{result.subject.label}: {result.operator.name}, {result.num_probes} probes, "
            f"{result.num_matvecs} matvecs"
        )
        print_table(("", "value ± standard error"), rows, title=title)
