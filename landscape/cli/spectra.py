"""What ``eigenvalues``, ``density`` and ``trace`` share: one Krylov run, looked at three ways."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from landscape.cli.options import width_option
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.spectrum.run import Spectrum
    from landscape.analysis.spectrum.settings import SpectrumSettings
    from landscape.analysis.target import Target

F = TypeVar("F", bound=Callable[..., Any])


class Plot(NamedTuple):
    """A figure that was asked for."""

    path: Path
    width: float | None  # inches


def plot_option(command: F) -> F:
    """Add --plot and its --width; the command receives both as one ``plot``, or None."""

    @wraps(command)
    def with_plot(*, plot: Path | None, width: float | None, **others: Any) -> Any:
        if width is not None and plot is None:
            raise click.UsageError("--width is that of --plot FILE, which is missing.")
        return command(plot=None if plot is None else Plot(plot, width), **others)

    decorated: Any = with_plot
    option: Callable[[F], F] = click.option(
        "--plot",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_figure_file,
        help="Figure: .png, .svg, .pdf.",
    )
    return option(width_option("the figure")(decorated))


def run_spectrum(
    target: "Target", *, settings: "SpectrumSettings", state: Path | None, progress: "Progress"
) -> "Spectrum":
    """The spectrum of a checkpoint, once its plan is told; with ``state``, a killed run goes on."""
    from landscape.analysis.spectrum.run import spectrum

    tell_plan(target, settings)
    return spectrum(target, settings=settings, state=state, progress=progress)


def tell_plan(target: "Target", settings: "SpectrumSettings") -> None:
    """Print how a budget of memory is divided, if there is one, before the run."""
    from landscape.analysis.spectrum.run import memory_plan

    plan = memory_plan(target, settings)
    if plan is not None:
        echo(f"{target.subject.label}: {plan}", err=True)


def save_plot(plot: Plot, draw: Callable[[Any], None]) -> None:
    """Draw on fresh axes and save in the format that the file's ending names."""
    from landscape.plotting import figure_style, legend_above, new_figure, panel_size, save_figure

    path = plot.path
    with figure_style():
        figure = new_figure(*panel_size(plot.width))
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
