"""``landscape density``: the eigenvalue density, with its error band."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.analysis.spectrum.settings import DensitySettings
from landscape.cli.from_settings import settings_options
from landscape.cli.measured import Asked, measure_each, measured_options
from landscape.cli.output import print_json, print_table
from landscape.cli.spectra import Plot, plot_option, run_spectrum, save_plot
from landscape.cli.stdout import Command
from landscape.page.columns import text_column
from landscape.page.numbers import rounded
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.results import SpectralDensity


@click.command(cls=Command)
@settings_options(DensitySettings, "wanted", without=("num_shards",))
@click.option(
    "--low-memory",
    is_flag=True,
    help="Two vectors a probe instead of one a step; no eigenpairs are taken out.",
)
@plot_option
@measured_options
def density(wanted: DensitySettings, low_memory: bool, plot: Plot | None, asked: Asked) -> None:
    """Estimate the eigenvalue density of CHECKPOINTS (stochastic Lanczos quadrature).

    \b
    landscape density checkpoints/*.safetensors --plot spectrum.png
    landscape density net.safetensors --probes 16 --steps 100 --plot spectrum.pdf

    The defaults are a first answer, within a minute for a small network; the second line's probes
    and steps are for a paper.
    """
    from landscape.analysis.spectrum.density import low_memory_density
    from landscape.results import stem_at

    if low_memory and wanted.basis_dtype is not None:
        raise click.UsageError("--low-memory keeps no basis that --basis-dtype could store.")
    results = measure_each(
        stem_at("density", wanted.scale),
        partial(low_memory_density if low_memory else _with_eigenpairs, settings=wanted),
        {**asdict(wanted), "low_memory": low_memory},
        asked,
    )
    if asked.as_json:
        print_json(results)
    for result in results if not asked.as_json else ():
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


def _with_eigenpairs(
    target: "Target", *, settings: DensitySettings, state: Path | None, progress: "Progress"
) -> "SpectralDensity":
    return run_spectrum(target, settings=settings, state=state, progress=progress).density
