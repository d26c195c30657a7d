"""Figures of the loss over planes: contours on one scale, and a plane in perspective."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, Normalize
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
_DEPTH = 100  # the largest rise over that below which a log scale turns linear
_CELLS = 30  # drawn at most to a side of a surface, each of which takes its place in a page
_FLOOR = -0.55  # where the contours lie below a surface of height 1
_VIEW = {"elev": 32, "azim": -52}  # of surfaces; the page's script opens with the same
_WHITE = "#ffffff"
_OUTLINE = [withStroke(linewidth=1.8, foreground="#00000080")]  # white is lost on yellow


def rises_of(result: LossPlane) -> NDArray[np.float64]:
    """L - L_min on the grid, from the plane's own lowest point: 0 in the valley."""
    finite = np.isfinite(result.losses)
    lowest = result.losses[finite].min() if finite.any() else 0.0
    return np.where(finite, result.losses - lowest, np.nan)


def shared_levels(results: Sequence[LossPlane], *, log: bool = True) -> NDArray[np.float64]:
    """Contour levels of the rise L - L_min, from 0 to the largest of all ``results``.

    With ``log`` in equal steps of the logarithm over two decades, so that a valley shows.
    """
    top = max(
        (float(np.nanmax(r)) for r in map(rises_of, results) if np.isfinite(r).any()), default=0
    )
    if top <= 0:  # constant surfaces
        return np.array([0.0, 1e-6])
    if log:
        return np.array([0.0, *np.geomspace(top / _DEPTH, top, _NUM_LEVELS - 1)])
    return np.linspace(0.0, top, _NUM_LEVELS)


def _norm(levels: NDArray[np.float64], *, log: bool) -> Normalize:
    """From rises to [0, 1], as colours and heights; with ``log`` by log(1 + rise / least)."""
    low, top = float(levels[0]), float(levels[-1])
    if not log:
        return Normalize(low, top)
    least = top / _DEPTH
    return FuncNorm(
        (lambda rise: np.log1p(np.maximum(rise, 0) / least), lambda z: least * np.expm1(z)),
        vmin=low,
        vmax=top,
    )


def plot_plane(
    result: LossPlane, ax: Axes, *, levels: NDArray[np.float64], log: bool = True
) -> QuadContourSet | None:
    """Draw L - L_min over θ + x d1 + y d2 as filled contours; the checkpoint is the cross at 0.

    Between the points it is interpolated (:mod:`landscape.plotting.between`), and on a coarse grid
    they are dots. Points whose loss is not finite are hatched squares, and no colour is made up for
    them. Where the plane is that of a trajectory, its snapshots are dots joined by a line.
    Returns the filled contours, for a colour bar; None where no loss is finite.
    """
    rises, (first, second) = rises_of(result), plane_names(result)
    finite = np.isfinite(rises)
    filled = None
    if finite.any() and min(rises.shape) >= 2:
        x, y, between = filled_grid(result.x_axis, result.y_axis, rises)
        masked = np.ma.masked_invalid(between).T
        shown = levels * np.where(np.arange(len(levels)) == len(levels) - 1, 1 + 1e-9, 1)
        norm = _norm(levels, log=log)
        filled = ax.contourf(x, y, masked, levels=shown, norm=norm)
        drawn: list[Artist] = [filled]
        if is_filled(result.x_axis) and is_filled(result.y_axis):
            measured = np.meshgrid(result.x_axis, result.y_axis)
            dots = ax.plot(*map(np.ravel, measured), ".", color=_WHITE, markersize=0.8, alpha=0.7)
            drawn += dots
        for artist in drawn:  # in vector formats, a sixth of the bytes; one image, below the lines
            artist.set(rasterized=True, zorder=1)
        ax.contour(
            x, y, masked, levels=levels[1:-1], colors=_WHITE, linewidths=0.35, alpha=0.6, zorder=1.1
        )
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
        bar.set_ticks(_round_values(levels, log=log))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        bar.ax.minorticks_off()
        bar.set_label(f"L - L_min ({', '.join(names)})".replace("-", "−"))


def plot_plane_3d(
    result: LossPlane,
    ax: Axes3D,
    *,
    log: bool = True,
    scale_of: Sequence[LossPlane] | None = None,
) -> None:
    """Draw L - L_min as a surface with its contours on the floor; + is the checkpoint.

    Between the points it is interpolated; cells with one that is not finite are open. With
    ``log`` heights and colours go by log(1 + rise / least), least a hundredth of the largest
    rise. ``scale_of`` are the results whose range sets that of heights and colours, where it is
    that of more than this.
    """
    levels = shared_levels([result] if scale_of is None else scale_of, log=log)
    norm, rises = _norm(levels, log=log), rises_of(result)
    height = np.ma.filled(norm(np.ma.masked_invalid(rises)).astype(float), np.nan)
    x_axis, y_axis, height = filled_grid(result.x_axis, result.y_axis, height)
    x, y = np.meshgrid(x_axis, y_axis, indexing="ij")
    ax.computed_zorder = False
    if np.isfinite(height).any():
        if min(height.shape) >= 2 and np.nanmax(height) > 0:
            ax.contour(
                x, y, height, zdir="z", offset=_FLOOR, levels=norm(levels[1:-1]), linewidths=0.7,
                cmap="viridis", vmin=0, vmax=1, zorder=1,
            )  # fmt: skip
        ax.plot([0], [0], [_FLOOR], marker="+", color=INK, markersize=6, zorder=2)
        surface = ax.plot_surface(
            x, y, height, cmap="viridis", vmin=0, vmax=1, rcount=_CELLS, ccount=_CELLS,
            linewidth=0.1, edgecolor="#1b1f2433", zorder=3,
        )  # fmt: skip
        surface.set_rasterized(True)  # in vector formats, a tenth of the bytes
    ax.set_proj_type("ortho")
    ax.view_init(**_VIEW)
    ax.set_zlim(_FLOOR, 1)
    ticks = _round_values(levels, log=log)
    ax.set_zticks([float(norm(t)) for t in ticks], [f"{t:.3g}" for t in ticks])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.tick_params(pad=-2)
    ax.set_box_aspect((1, 1, 0.85), zoom=1.05)
    ax.set_title(figure_text(result.subject.label), y=1.03)
    ax.set_xlabel("x", labelpad=-4)
    ax.set_ylabel("y", labelpad=-4)
    ax.set_zlabel("L − L_min", labelpad=-1)


def plane_names(result: LossPlane) -> tuple[str, str]:
    """What the two coordinates go along, in a few words each."""
    first, second = (d.short for d in result.directions)
    return (f"{first} 1", f"{second} 2") if first == second else (first, second)


def _round_values(levels: NDArray[np.float64], *, log: bool) -> list[float]:
    """Round rises within the levels, a handful, 0 among them; the ends where there are none."""
    low, high = float(levels[1]), float(levels[-1])
    locator = LogLocator(subs=(1, 3)) if log else MaxNLocator(4)
    found = [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
    return [0.0, *(found or [high])]


def _half_step(axis: NDArray[np.float64]) -> float:
    return float(np.diff(axis).mean() / 2) if len(axis) > 1 else 0.5
