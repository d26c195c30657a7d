"""What ``eigenvalues``, ``density`` and ``trace`` share: one Krylov run, looked at three ways."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landscape.cli.options import (
    open_targets,
    operator_options,
    target_options,
    with_options,
)
from landscape.cli.output import progress_bar

if TYPE_CHECKING:
    from landscape.analysis.spectrum import Spectrum, SpectrumSettings
    from landscape.analysis.target import Target, TargetSettings

F = TypeVar("F", bound=Callable[..., Any])


def spectrum_options(command: F) -> F:
    """Add the options of every spectral command: target, operator, output."""
    options = [
        click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path)),
        click.option(
            "--tol",
            type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
            default=1e-4,
            show_default=True,
            help="True residual of an eigenpair, relative to ‖A‖.",
        ),
        click.option(
            "--max-matvecs",
            type=click.IntRange(min=1),
            default=5_000,
            show_default=True,
            help="Where the search for eigenpairs ends; two a pair and the probes are always run.",
        ),
    ]
    return with_options(options, output_options(operator_options(target_options(command))))


def shards_option(command: F) -> F:
    """Add --shards, for commands whose results hold the data's error."""
    option: Callable[[F], F] = click.option(
        "--shards",
        type=click.IntRange(min=0),
        default=0,
        help="Repeat on this many disjoint parts of the examples, for the data's error.",
    )
    return option(command)


def basis_option(command: F) -> F:
    """Add --basis-dtype, for commands that keep a Krylov basis."""
    option: Callable[[F], F] = click.option(
        "--basis-dtype",
        type=click.Choice(["bfloat16", "float32", "float64"]),
        help="Of the Lanczos vectors kept; bfloat16 halves their memory and needs --tol 0.004 or "
        "more. By default that of --dtype.",
    )
    return option(command)


def output_options(command: F) -> F:
    """Add -o, --plot, --json and --quiet."""
    options = [
        click.option(
            "--out",
            "-o",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of a report: keeps results, and state to resume from.",
        ),
        click.option(
            "--plot",
            type=click.Path(dir_okay=False, path_type=Path),
            callback=_figure_file,
            help="Figure: .png, .svg, .pdf.",
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a checkpoint."),
        click.option("--quiet", "-q", is_flag=True, help="No progress."),
    ]
    return with_options(options, command)


def run_spectra(
    checkpoints: Sequence[Path],
    settings: "TargetSettings",
    *,
    operator_name: str,
    params: str,
    scale: str,
    weight_decay: float,
    num_largest: int,
    num_smallest: int,
    tol: float,
    num_probes: int,
    num_steps: int,
    max_matvecs: int,
    shards: int,
    basis_dtype: str | None,
    out: Path | None,
    quiet: bool,
) -> list["Spectrum"]:
    """One run a checkpoint; with ``out``, a killed run goes on where it was."""
    from landscape.analysis.spectrum import SpectrumSettings, spectrum
    from landscape.cli.results_folder import held, state_path

    wanted = SpectrumSettings(
        operator=operator_name,
        params=params,
        scale=scale,
        weight_decay=weight_decay,
        num_largest=num_largest,
        num_smallest=num_smallest,
        tol=tol,
        num_probes=num_probes,
        num_steps=num_steps,
        max_matvecs=max_matvecs,
        num_shards=shards,
        basis_dtype=basis_dtype,
    )
    found = []
    with held(out):
        for target in open_targets(checkpoints, settings, quiet=quiet):
            label = target.subject.label
            with progress_bar(f"{label}: {operator_name}", quiet=quiet) as progress:
                tell_plan(target, wanted)
                state = state_path(out, label, "spectrum")
                found.append(spectrum(target, settings=wanted, state=state, progress=progress))
    return found


def tell_plan(target: "Target", settings: "SpectrumSettings") -> None:
    """Print how a budget of memory is divided, if there is one, before the run."""
    from landscape.analysis.spectrum import memory_plan

    plan = memory_plan(target, settings)
    if plan is not None:
        click.echo(f"{target.subject.label}: {plan}", err=True)


def save_plot(path: Path, draw: Callable[[Any], None]) -> None:
    """Draw on fresh axes and save in the format that the file's ending names."""
    from landscape.plotting import TEXT_WIDTH, figure_style, legend_above, new_figure, save_figure

    with figure_style():
        figure = new_figure(TEXT_WIDTH, 3.2)
        axes = figure.subplots()
        draw(axes)
        legend_above(axes, figure)
        save_figure(figure, path.with_suffix(""), formats=(path.suffix.lstrip("."),))
    click.echo(path, err=True)


def _figure_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a figure that cannot be made before the analysis, which may take hours."""
    if path is not None and path.suffix not in (".png", ".svg", ".pdf"):
        raise click.BadParameter(f"must end in .png, .svg or .pdf; got {path.name}.", ctx, param)
    return path
