"""Firing rates of layers: a dot for the mean, a line over the time steps."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from landscape.page.style import GRID, Stroke, figure_text, mark_series, read_out, stroke_of
from landscape.results import Activity


def layers_fired(results: Sequence[Activity]) -> list[str]:
    """The layers that have a row in the figure."""
    return list(dict.fromkeys(row.name for r in results for row in r.firing.layers))


def plot_activity(
    results: Sequence[Activity], ax: Axes, *, strokes: Mapping[str, Stroke] | None = None
) -> None:
    """Draw each layer's firing rate; the line reaches from its lowest time step to its highest."""
    labels, names = [r.subject.label for r in results], layers_fired(results)
    for place, result in enumerate(results):
        stroke = stroke_of(result.subject.label, strokes, labels)
        shift = 0.6 * (place - (len(results) - 1) / 2) / max(len(results), 2)
        rows = result.firing.layers
        means = [row.firing_rate.mean for row in rows]
        drawn = ax.errorbar(
            means,
            [names.index(row.name) + shift for row in rows],
            # The mean lies between them but for rounding.
            xerr=[
                [max(0.0, m - min(row.by_step)) for m, row in zip(means, rows, strict=True)],
                [max(0.0, max(row.by_step) - m) for m, row in zip(means, rows, strict=True)],
            ],
            color=stroke.colour,
            marker=stroke.marker,
            linestyle="none",
            capsize=0,
            label=figure_text(result.subject.label),
        )
        for part in drawn.get_children():
            mark_series(part, stroke)
    ax.set_xlim(left=0)
    ax.set_yticks(range(len(names)), [figure_text(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    for edge in range(1, len(names)):
        ax.axhline(edge - 0.5, color=GRID, linewidth=0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("spikes per neuron and time step")
    read_out(ax, "rate {:.3g}", "")
