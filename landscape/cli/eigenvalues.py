"""``landscape eigenvalues``: both ends of the spectrum, each value with its residual."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.output import print_json, print_table, write_results
from landscape.cli.second_opinion import (
    explain_protocol,
    published_protocol,
    run_pyhessian,
)
from landscape.cli.spectra import run_spectra, save_plot, spectrum_options
from landscape.report.numbers import rounded

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings


@click.command()
@click.option(
    "--top",
    "num_largest",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many of the largest.",
)
@click.option(
    "--bottom",
    "num_smallest",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many of the smallest.",
)
@click.option(
    "--solver",
    type=click.Choice(["lanczos", "pyhessian"]),
    default="lanczos",
    show_default=True,
    help="pyhessian: its own power iteration, as a second opinion.",
)
@click.option(
    "--protocol",
    type=click.Choice(["published"]),
    help="published: PyHessian's top 50 on one test image, as the released IKUN code does.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 if an eigenpair has not converged.")
@spectrum_options
def eigenvalues(
    checkpoints: tuple[Path, ...],
    settings: "TargetSettings",
    strict: bool,
    solver: str,
    protocol: str | None,
    as_json: bool,
    plot: Path | None,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    r"""Print the eigenvalues at both ends of the spectrum of each of CHECKPOINTS.

    \b
    landscape eigenvalues checkpoints/ikun_v1-adam-s0.safetensors --top 10 --bottom 5
    """
    if protocol == "published":
        solver = "pyhessian"
        settings = published_protocol(settings)
        options["num_largest"] = 50
    if solver == "pyhessian":
        results = run_pyhessian(checkpoints, settings, quiet=quiet, **options)
    else:
        runs = run_spectra(
            checkpoints, settings, num_probes=2, num_steps=10, out=out, quiet=quiet, **options
        )
        results = [run.eigenvalues for run in runs]
    write_results(out, "eigenvalues", results)
    if plot is not None:
        from landscape.plotting import plot_eigenvalues

        save_plot(plot, lambda axes: plot_eigenvalues(results, axes))
    if as_json:
        print_json(results)
    else:
        for result in results:
            ends = (("largest", result.largest), ("smallest", result.smallest))
            rows = [
                (
                    f"{end} {i}",
                    rounded(e.value, e.residual).text(),
                    f"{e.residual:.1e}",
                    "" if e.converged else "NOT CONVERGED",
                )
                for end, values in ends
                for i, e in enumerate(values, 1)
            ]
            title = (
                f"{result.subject.label}: {result.operator.name}, scale {result.operator.scale}, "
                f"{result.num_matvecs} matvecs"
            )
            if protocol:
                explain_protocol(result)
            print_table(("eigenvalue", "value ± residual", "residual", ""), rows, title=title)
    unconverged = any(not e.converged for r in results for e in (*r.largest, *r.smallest))
    if strict and unconverged:
        click.echo(
            "--strict: not all eigenpairs converged; raise --max-matvecs or --tol.", err=True
        )
        raise click.exceptions.Exit(1)
