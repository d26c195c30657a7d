"""``landscape density``: the eigenvalue density, with its error band."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.measured import measure_each
from landscape.cli.output import print_json, print_table
from landscape.cli.spectra import basis_option, run_spectrum, save_plot, spectrum_options
from landscape.page.columns import text_column
from landscape.page.numbers import rounded
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.analysis.target import Target, TargetSettings
    from landscape.results import SpectralDensity


@click.command()
@click.option(
    "--probes",
    "num_probes",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Random vectors; the error band is over them.",
)
@click.option(
    "--steps",
    "num_steps",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Lanczos steps a probe: the resolution.",
)
@click.option(
    "--top",
    "num_largest",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Eigenpairs at the upper end that are computed and taken out exactly.",
)
@click.option(
    "--low-memory",
    is_flag=True,
    help="Two vectors a probe instead of one a step; no eigenpairs are taken out.",
)
@basis_option
@spectrum_options
def density(
    checkpoints: tuple[Path, ...],
    settings: "TargetSettings",
    operator_name: str,
    low_memory: bool,
    as_json: bool,
    plot: Path | None,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Estimate the eigenvalue density of CHECKPOINTS (stochastic Lanczos quadrature).

    \b
    landscape density checkpoints/*.safetensors --plot spectrum.png
    """
    from landscape.analysis.density import low_memory_density
    from landscape.analysis.spectrum import SpectrumSettings

    if low_memory and options["basis_dtype"] is not None:
        raise click.UsageError("--low-memory keeps no basis that --basis-dtype could store.")
    wanted = SpectrumSettings(operator=operator_name, num_smallest=0, **options)
    results = measure_each(
        "density",
        partial(low_memory_density if low_memory else _with_eigenpairs, settings=wanted),
        {**asdict(wanted), "low_memory": low_memory},
        checkpoints=checkpoints,
        settings=settings,
        out=out,
        quiet=quiet,
    )
    if as_json:
        print_json(results)
    for result in results if not as_json else ():
        print_table(_table(result))
    if plot is not None:
        from landscape.plotting import plot_density

        save_plot(plot, lambda axes: plot_density(results, axes))


def _table(result: "SpectralDensity") -> Table[str]:
    mass = result.negative_mass
    facts = {
        "range of the nodes": f"{result.nodes.min():.4g} to {result.nodes.max():.4g}",
        "negative mass": rounded(mass.mean, mass.stderr).text(),
        "kernel width": f"{result.bandwidth:.3g}",
        "probes x steps": f"{result.num_probes} x {result.num_steps}",
        "Wasserstein bound (99 %)": f"{result.wasserstein_bound:.3g}",
        "matvecs": f"{result.num_matvecs:,}",
    }
    if result.orthogonality_loss is not None:
        facts["vectors orthogonal to"] = f"{result.orthogonality_loss:.1e}"
    columns: list[Column[str]] = [
        text_column(result.operator.name, lambda name: name),
        text_column("", lambda name: facts[name]),
    ]
    return Table(caption=result.subject.label, columns=columns, rows=list(facts))


def _with_eigenpairs(target: "Target", **about: Any) -> "SpectralDensity":
    return run_spectrum(target, **about).density
