"""Figures of the loss over planes: contours on one scale, and a plane in perspective."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator
from mpl_toolkits.mplot3d import Axes3D  # type: ignore[import-untyped]
from numpy.typing import NDArray

from landscape.page.style import INK, MISSING, figure_text
from landscape.plotting.between import filled_grid, is_filled
from landscape.results import LossPlane

_NUM_LEVELS = 14
_WHITE = "#ffffff"
_OUTLINE = [withStroke(linewidth=1.8, foreground="#00000080")]  # white is lost on yellow


def shared_levels(results: Sequence[LossPlane], *, log: bool = True) -> NDArray[np.float64]:
    """Contour levels from the smallest to the largest finite loss of all ``results``.

    Equal steps of log loss where ``log`` and all losses are positive, else of the loss.
    """
    finite = np.concatenate([r.losses[np.isfinite(r.losses)] for r in results])
    if not finite.size:
        return np.array([0.0, 1.0])
    low, high = float(finite.min()), float(finite.max())
    if high <= low:  # a constant surface
        return np.array([low, low + max(abs(low), 1.0) * 1e-6])
    if log and low > 0:
        return np.geomspace(low, high, _NUM_LEVELS)
    return np.linspace(low, high, _NUM_LEVELS)


def plot_plane(
    result: LossPlane, ax: Axes, *, levels: NDArray[np.float64], log: bool = True
) -> QuadContourSet | None:
    """Draw L(θ + x d1 + y d2) as filled contours; the checkpoint is the cross at the origin.

    Between the points it is interpolated (:mod:`landscape.plotting.between`), and on a coarse grid
    they are dots. Points whose loss is not finite are hatched squares, and no colour is made up for
    them. Where the plane is that of a trajectory, its snapshots are dots joined by a line.
    Returns the filled contours, for a colour bar; None where no loss is finite.
    """
    finite, (first, second) = np.isfinite(result.losses), plane_names(result)
    norm = LogNorm(levels[0], levels[-1]) if _is_log(levels, log) else Normalize(*levels[[0, -1]])
    filled = None
    if finite.any() and min(result.losses.shape) >= 2:
        x, y, losses = filled_grid(result.x_axis, result.y_axis, result.losses)
        masked = np.ma.masked_invalid(losses).T
        shown = levels * np.where(np.arange(len(levels)) == len(levels) - 1, 1 + 1e-9, 1)
        filled = ax.contourf(x, y, masked, levels=shown, norm=norm)
        filled.set_edgecolor("face")  # otherwise viewers show hairlines between the bands
        filled.set_linewidth(0.2)
        ax.contour(x, y, masked, levels=levels[1:-1], colors=_WHITE, linewidths=0.35, alpha=0.6)
        if is_filled(result.x_axis) and is_filled(result.y_axis):
            measured = np.meshgrid(result.x_axis, result.y_axis)
            ax.plot(*map(np.ravel, measured), ".", color=_WHITE, markersize=0.8, alpha=0.7)
    half_x, half_y = _half_step(result.x_axis), _half_step(result.y_axis)
    for i, j in np.argwhere(~finite):
        corner = (result.x_axis[i] - half_x, result.y_axis[j] - half_y)
        ax.add_patch(
            Rectangle(
                corner, 2 * half_x, 2 * half_y, facecolor=MISSING, edgecolor=INK, hatch="////", lw=0
            )
        )
    if result.trajectory is not None:
        path = result.trajectory.points
        ax.plot(
            path[:, 0],
            path[:, 1],
            color=_WHITE,
            linewidth=0.8,
            marker=".",
            markersize=3,
            path_effects=_OUTLINE,
        )
    ax.plot(
        0, 0, marker="+", color=_WHITE, markersize=7, markeredgewidth=1.4, path_effects=_OUTLINE
    )
    ax.set_xlim(result.x_axis[0], result.x_axis[-1])
    ax.set_ylim(result.y_axis[0], result.y_axis[-1])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(2 if result.trajectory is None else 4))
    ax.grid(visible=False)
    ax.set_facecolor(MISSING)
    ax.set_title(figure_text(result.subject.label, longest=24))
    ax.set(xlabel=f"x: {first}", ylabel=f"y: {second}", aspect="equal")
    return filled


def panels_across(width: float) -> int:
    """How many planes stand side by side in ``width`` inches."""
    return max(1, round(width / 1.7))


def plot_planes(
    results: Sequence[LossPlane],
    figure: Figure,
    *,
    log: bool = True,
    scale_of: Sequence[LossPlane] | None = None,
) -> None:
    """Fill ``figure`` with a panel for each result, all on one scale with one colour bar.

    ``scale_of`` are the results whose range sets the scale, where it is that of more than these.
    """
    figure.set_layout_engine("compressed")  # closes the gaps that square panels leave
    levels = shared_levels(results if scale_of is None else scale_of, log=log)
    rows = -(-len(results) // panels_across(figure.get_figwidth()))
    columns = -(-len(results) // rows)
    alike = len({(*r.x_axis[[0, -1]], *r.y_axis[[0, -1]]) for r in results}) == 1
    grid = figure.subplots(rows, columns, squeeze=False, sharex=alike, sharey=alike)
    drawn = [
        plot_plane(result, ax, levels=levels, log=log)
        for result, ax in zip(results, grid.flat, strict=False)
    ]
    for ax in grid.flat[len(results) :]:
        ax.set_axis_off()
    if alike:
        for ax in grid.flat:
            ax.label_outer()
    filled = next((f for f in drawn if f is not None), None)
    if filled is not None:
        names = sorted({r.subject.loss_name for r in results})
        bar = figure.colorbar(filled, ax=grid, shrink=0.9, aspect=28, pad=0.02)
        bar.set_ticks(_round_values(levels, log=_is_log(levels, log)))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        bar.ax.minorticks_off()
        bar.set_label(f"loss ({', '.join(names)}){', log scale' if _is_log(levels, log) else ''}")


def plot_plane_3d(
    result: LossPlane,
    ax: Axes3D,
    *,
    log: bool = True,
    scale_of: Sequence[LossPlane] | None = None,
) -> None:
    """Draw the plane as a surface in perspective; cells with a point that is not finite are open.

    With ``log`` and positive losses the height is log10 of the loss. ``scale_of`` are the results
    whose range sets that of heights and colours, where it is that of more than this.
    """
    scale = shared_levels([result] if scale_of is None else scale_of, log=log)[[0, -1]]
    use_log, (first, second) = _is_log(scale, log), plane_names(result)
    with np.errstate(invalid="ignore", divide="ignore"):
        height = np.log10(result.losses) if use_log else result.losses
    low, high = np.log10(scale) if use_log else scale
    height = np.where(np.isfinite(result.losses), height, np.nan)
    x, y = np.meshgrid(result.x_axis, result.y_axis, indexing="ij")
    if np.isfinite(height).any():
        ax.plot_surface(
            x,
            y,
            height,
            cmap="viridis",
            vmin=low,
            vmax=high,
            rcount=60,
            ccount=60,
            linewidth=0.1,
            edgecolor="#1b1f2433",
        )
        ax.set_zlim(low, high)
    ax.locator_params(nbins=4)
    ax.tick_params(pad=-1)
    ax.set_box_aspect(None, zoom=0.9)
    ax.set_title(figure_text(result.subject.label), y=0.98)
    ax.set(xlabel=f"x: {first}", ylabel=f"y: {second}")
    ax.set_zlabel("log10 loss" if use_log else "loss")


def plane_names(result: LossPlane) -> tuple[str, str]:
    """What the two coordinates go along, in a few words each."""
    first, second = (d.short for d in result.directions)
    return (f"{first} 1", f"{second} 2") if first == second else (first, second)


def _round_values(levels: NDArray[np.float64], *, log: bool) -> list[float]:
    """Round numbers within the levels, a handful; the ends where there are none."""
    low, high = float(levels[0]), float(levels[-1])
    wide = high > 30 * low
    locator = LogLocator(subs=(1, 3) if wide else (1, 2, 5)) if log else MaxNLocator(5)
    found = [v for v in locator.tick_values(low, high) if low <= v <= high]
    return found if len(found) > 1 else [low, high]


def _is_log(losses: NDArray[np.floating], log: bool) -> bool:
    return bool(log and losses.size and losses.min() > 0)


def _half_step(axis: NDArray[np.float64]) -> float:
    return float(np.diff(axis).mean() / 2) if len(axis) > 1 else 0.5
