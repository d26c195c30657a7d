"""``plot_<result>(results, ax)``: one function a result type. Never imports torch."""

from landscape.page.style import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    TEXT_WIDTH,
    Stroke,
    figure_style,
    figure_text,
    legend_above,
    legend_above_all,
    new_figure,
    panel_size,
    save_figure,
    strokes_for,
)
from landscape.plotting.activity import layers_fired, plot_activity
from landscape.plotting.comparison import EffectRow, plot_differences, plot_ratios
from landscape.plotting.fidelity import plot_fidelity, plot_fidelity_ratios
from landscape.plotting.line import plot_line
from landscape.plotting.links import plot_links
from landscape.plotting.plane import (
    panels_across,
    plane_names,
    plot_plane,
    plot_plane_3d,
    plot_planes,
    shared_levels,
)
from landscape.plotting.probe import plot_probe
from landscape.plotting.sharpness import compared_rows, plot_sharpness
from landscape.plotting.spectrum import (
    layers_shown,
    plot_density,
    plot_eigenvalues,
    plot_layers,
    plot_trace,
    shows_traces,
)
from landscape.plotting.training import plot_training_curves

__all__ = [
    "COLUMN_WIDTH",
    "PAGE_WIDTH",
    "TEXT_WIDTH",
    "EffectRow",
    "Stroke",
    "compared_rows",
    "figure_style",
    "figure_text",
    "layers_fired",
    "layers_shown",
    "legend_above",
    "legend_above_all",
    "new_figure",
    "panel_size",
    "panels_across",
    "plane_names",
    "plot_activity",
    "plot_density",
    "plot_differences",
    "plot_eigenvalues",
    "plot_fidelity",
    "plot_fidelity_ratios",
    "plot_layers",
    "plot_line",
    "plot_links",
    "plot_plane",
    "plot_plane_3d",
    "plot_planes",
    "plot_probe",
    "plot_ratios",
    "plot_sharpness",
    "plot_trace",
    "plot_training_curves",
    "save_figure",
    "shared_levels",
    "shows_traces",
    "strokes_for",
]
