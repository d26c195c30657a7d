"""Figures of loss surfaces: along a line, over a plane, and the plane in perspective."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mpl_toolkits.mplot3d import Axes3D  # type: ignore[import-untyped]
from numpy.typing import NDArray

from landscape.plotting.style import (
    INK,
    MISSING,
    Stroke,
    figure_text,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results import LossLine, LossPlane

Strokes = Mapping[str, Stroke]
_NUM_LEVELS = 14


def plot_line(
    results: Sequence[LossLine],
    ax: Axes,
    *,
    strokes: Strokes | None = None,
    log: bool = False,
) -> Axes | None:
    """Draw L(θ + x d), its accuracy on a second axis, and the quadratic prediction dashed.

    The prediction is L(θ) + x ∇L·d + ½ x² dᵀAd of the operator that the result names. A band
    spans the losses along all random directions, where there are several. Points whose loss is
    not finite are crosses on the upper edge. Returns the accuracies' axes, if any.
    """
    labels = [r.subject.label for r in results]
    finite = np.concatenate([r.losses[np.isfinite(r.losses)] for r in results])
    second = ax.twinx() if any(r.accuracies is not None for r in results) else None
    for result in results:
        stroke = stroke_of(result.subject.label, strokes, labels)
        (line,) = ax.plot(
            result.axis,
            np.where(np.isfinite(result.losses), result.losses, np.nan),
            color=stroke.colour,
            linestyle=stroke.dash,
            label=figure_text(result.subject.label),
        )
        mark_series(line, stroke)
        _spread(result, ax, stroke)
        _prediction(result, ax, stroke, finite)
        lost = ~np.isfinite(result.losses)
        if lost.any():
            (crosses,) = ax.plot(
                result.axis[lost],
                np.full(lost.sum(), 0.98),
                transform=ax.get_xaxis_transform(),
                color=stroke.colour,
                marker="x",
                linestyle="none",
            )
            mark_series(crosses, stroke)
        if second is not None and result.accuracies is not None:
            (accuracy,) = second.plot(
                result.axis, result.accuracies, color=stroke.colour, linewidth=0.7, alpha=0.75
            )
            accuracy.set_linestyle((0, (1, 1)))
            mark_series(accuracy, stroke)
    if finite.size:
        span = float(np.ptp(finite)) or 1.0
        if log and finite.min() > 0:
            ax.set_yscale("log")
            plain_log_axis(ax.yaxis)
            ax.set_ylim(finite.min() / 1.3, finite.max() * 1.3)
        else:
            ax.set_ylim(finite.min() - 0.05 * span, finite.max() + 0.08 * span)
    _name_line_axes(results, ax, second)
    return second


def _spread(result: LossLine, ax: Axes, stroke: Stroke) -> None:
    if result.spread is None or len(result.spread) < 2:
        return
    spread = np.ma.masked_invalid(result.spread)
    band = ax.fill_between(
        result.axis,
        spread.min(axis=0),
        spread.max(axis=0),
        color=stroke.colour,
        alpha=0.15,
        linewidth=0,
    )
    mark_series(band, stroke)


def _prediction(result: LossLine, ax: Axes, stroke: Stroke, finite: NDArray[np.floating]) -> None:
    if result.slope is None or result.curvature is None:
        return
    x = result.axis
    quadratic = result.subject.loss + x * result.slope + 0.5 * x**2 * result.curvature
    # Only where a loss was measured of that size: a steep prediction must not set the scale.
    shown = np.where(quadratic <= finite.max() if finite.size else True, quadratic, np.nan)
    (dashed,) = ax.plot(x, shown, color=stroke.colour, linewidth=0.9, linestyle=(0, (4, 2.5)))
    mark_series(dashed, stroke)


def _name_line_axes(results: Sequence[LossLine], ax: Axes, second: Axes | None) -> None:
    losses = sorted({r.subject.loss_name for r in results})
    ax.set(xlabel="step x along the direction", ylabel=f"loss ({', '.join(losses)})")
    read_out(ax, "x = {:.3g}", "loss = {:.4g}")
    if second is not None:
        read_out(second, "x = {:.3g}", "accuracy = {:.4g}")
        second.set(ylabel="accuracy (dotted)", ylim=(0, 1.02))
        second.spines["right"].set_visible(True)
        second.grid(visible=False)


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

    Points whose loss is not finite are hatched squares, and no colour is made up for them. Where
    the plane is that of a trajectory, its snapshots are dots joined by a line.
    Returns the filled contours, for a colour bar; None where no loss is finite.
    """
    finite = np.isfinite(result.losses)
    norm = LogNorm(levels[0], levels[-1]) if _is_log(levels, log) else Normalize(*levels[[0, -1]])
    filled = None
    if finite.any() and min(result.losses.shape) >= 2:
        masked = np.ma.masked_where(~finite, result.losses).T
        shown = levels * np.where(np.arange(len(levels)) == len(levels) - 1, 1 + 1e-9, 1)
        filled = ax.contourf(result.x_axis, result.y_axis, masked, levels=shown, norm=norm)
        filled.set_edgecolor("face")  # otherwise viewers show hairlines between the bands
        filled.set_linewidth(0.2)
        ax.contour(
            result.x_axis,
            result.y_axis,
            masked,
            levels=levels[1:-1],
            colors="#ffffff",
            linewidths=0.35,
            alpha=0.6,
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
        ax.plot(path[:, 0], path[:, 1], color="#ffffff", linewidth=0.8, marker=".", markersize=3)
    ax.plot(0, 0, marker="+", color="#ffffff", markersize=7, markeredgewidth=1.4)
    ax.set_xlim(result.x_axis[0], result.x_axis[-1])
    ax.set_ylim(result.y_axis[0], result.y_axis[-1])
    ax.locator_params(nbins=4)
    ax.grid(visible=False)
    ax.set_facecolor(MISSING)
    ax.set_title(figure_text(result.subject.label, longest=24))
    ax.set(xlabel="step x along d1", ylabel="step y along d2", aspect="equal")
    return filled


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
    levels = shared_levels(results if scale_of is None else scale_of, log=log)
    most = max(1, round(figure.get_figwidth() / 1.7))
    rows = -(-len(results) // most)
    columns = -(-len(results) // rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = [
        plot_plane(result, ax, levels=levels, log=log)
        for result, ax in zip(results, grid.flat, strict=False)
    ]
    for ax in grid.flat[len(results) :]:
        ax.set_axis_off()
    for ax in grid.flat:
        ax.label_outer()
    filled = next((f for f in drawn if f is not None), None)
    if filled is not None:
        names = sorted({r.subject.loss_name for r in results})
        bar = figure.colorbar(filled, ax=grid, shrink=0.9, aspect=28, pad=0.02)
        bar.set_ticks(list(levels[:: max(1, (len(levels) - 1) // 4)]))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        bar.ax.minorticks_off()
        bar.set_label(f"loss ({', '.join(names)}){', log scale' if _is_log(levels, log) else ''}")


def plot_plane_3d(result: LossPlane, ax: Axes3D, *, log: bool = True) -> None:
    """Draw the plane as a surface in perspective; cells with a point that is not finite are open.

    With ``log`` and positive losses the height is log10 of the loss.
    """
    use_log = _is_log(result.losses[np.isfinite(result.losses)], log)
    with np.errstate(invalid="ignore", divide="ignore"):
        height = np.log10(result.losses) if use_log else result.losses
    height = np.where(np.isfinite(result.losses), height, np.nan)
    x, y = np.meshgrid(result.x_axis, result.y_axis, indexing="ij")
    finite = height[np.isfinite(height)]
    if finite.size:
        ax.plot_surface(
            x,
            y,
            height,
            cmap="viridis",
            vmin=float(finite.min()),
            vmax=float(finite.max()),
            rcount=60,
            ccount=60,
            linewidth=0.1,
            edgecolor="#1b1f2433",
        )
    ax.locator_params(nbins=4)
    ax.tick_params(pad=-1)
    ax.set_box_aspect(None, zoom=0.85)
    ax.set_title(figure_text(result.subject.label))
    ax.set(xlabel="x along d1", ylabel="y along d2")
    ax.set_zlabel("log10 loss" if use_log else "loss")


def _is_log(losses: NDArray[np.floating], log: bool) -> bool:
    return bool(log and losses.size and losses.min() > 0)


def _half_step(axis: NDArray[np.float64]) -> float:
    return float(np.diff(axis).mean() / 2) if len(axis) > 1 else 0.5
