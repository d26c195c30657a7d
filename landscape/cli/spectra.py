"""What ``eigenvalues``, ``density`` and ``trace`` share: one Krylov run, looked at three ways."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landscape.cli.options import operator_options, target_options, with_options
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.spectrum import Spectrum, SpectrumSettings
    from landscape.analysis.target import Target

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


def run_spectrum(
    target: "Target", *, settings: "SpectrumSettings", state: Path | None, progress: "Progress"
) -> "Spectrum":
    """The spectrum of a checkpoint, once its plan is told; with ``state``, a killed run goes on."""
    from landscape.analysis.spectrum import spectrum

    tell_plan(target, settings)
    return spectrum(target, settings=settings, state=state, progress=progress)


def tell_plan(target: "Target", settings: "SpectrumSettings") -> None:
    """Print how a budget of memory is divided, if there is one, before the run."""
    from landscape.analysis.spectrum import memory_plan

    plan = memory_plan(target, settings)
    if plan is not None:
        echo(f"{target.subject.label}: {plan}", err=True)


def save_plot(path: Path, draw: Callable[[Any], None]) -> None:
    """Draw on fresh axes and save in the format that the file's ending names."""
    from landscape.plotting import TEXT_WIDTH, figure_style, legend_above, new_figure, save_figure

    with figure_style():
        figure = new_figure(TEXT_WIDTH, 3.2)
        axes = figure.subplots()
        draw(axes)
        legend_above(axes, figure)
        save_figure(figure, path.with_suffix(""), formats=(path.suffix.lstrip("."),))
    echo(str(path), err=True)


def _figure_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a figure that cannot be made before the analysis, which may take hours."""
    if path is not None and path.suffix not in (".png", ".svg", ".pdf"):
        raise click.BadParameter(f"must end in .png, .svg or .pdf; got {path.name}.", ctx, param)
    return path
