"""Loss surfaces: along lines, over planes on one scale, and a plane that can be turned."""

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from landscape.page.material import Material, mismatch_note, slug
from landscape.page.section import ReportFigure, Section
from landscape.plotting import legend_above, plot_line, plot_plane_3d, plot_planes
from landscape.report.sections.surface_tables import surface_tables
from landscape.results import DirectionSpec, LossLine, LossPlane

_MOST_PANELS = 12  # in one figure of planes


def surfaces_section(material: Material) -> Section | None:
    """Lines and planes, those that share their directions together."""
    lines, planes = material.of(LossLine), material.of(LossPlane)
    if not lines and not planes:
        return None
    figures: list[ReportFigure] = []
    for members in _by_direction(lines):
        figures.append(_line_figure(material, members, len(figures)))
    for number, group in enumerate(alike_planes(planes)):
        figures += _plane_figures(group, number)
    mismatch = mismatch_note([*lines, *planes])
    return Section(
        key="surfaces",
        title="Loss surfaces",
        summary=", ".join(filter(None, (_count(lines, "line"), _count(planes, "plane")))),
        paragraphs=(
            "A slice shows two of a great many directions. Filter normalisation (Li et al. 2018, "
            "arXiv 1712.09913) gives each filter of a random direction the norm of the filter it "
            "perturbs, so that slices of differently scaled networks can be set side by side; all "
            "values are drawn as measured.",
            *([mismatch] if mismatch else []),
        ),
        figures=tuple(figures),
        tables=tuple(surface_tables(lines, planes)),
    )


def _count(results: Sequence[object], what: str) -> str:
    return f"{len(results)} {what}{'s' * (len(results) > 1)}" if results else ""


def _by_direction(lines: Sequence[LossLine]) -> list[list[LossLine]]:
    groups: dict[tuple[str, ...], list[LossLine]] = {}
    for line in lines:
        d = line.direction
        # Eigenvectors and the like belong to one network; they share a figure by what they are,
        # and a curve between two checkpoints shares that of the straight line between them.
        same = d.sha256 if d.kind == "random" else d.far_end if d.is_path else d.title
        kind = "path" if d.is_path else d.kind
        groups.setdefault((kind, d.normalisation, same, line.subject.split), []).append(line)
    return list(groups.values())


def alike_planes(planes: Sequence[LossPlane]) -> list[list[LossPlane]]:
    """Planes of one kind, split and loss together: what can be drawn on one scale."""
    groups: dict[tuple[object, ...], list[LossPlane]] = {}
    for plane in planes:
        kinds = tuple((d.kind, d.normalisation) for d in plane.directions)
        groups.setdefault((kinds, plane.subject.split, plane.subject.loss_name), []).append(plane)
    return list(groups.values())


def _line_figure(material: Material, lines: list[LossLine], number: int) -> ReportFigure:
    def draw(figure: Figure, log: bool) -> None:
        ax = figure.subplots()
        plot_line(lines, ax, strokes=material.strokes, log=log)
        legend_above(ax, figure)

    first = lines[0]
    predicted = [r for r in lines if r.curvature is not None and r.slope is not None]
    prediction = (
        f" Dashed: the quadratic prediction of the {_operator(predicted[0])}; where it leaves "
        "the solid line, the operator no longer describes the loss."
        if predicted
        else ""
    )
    return ReportFigure(
        name="line" if not number else f"line-{number + 1}",
        draw=draw,
        height=3.1,
        scales=(False, True),
        caption=(
            f"{_what(first.direction)} Dotted: accuracy, on the right."
            f"{prediction} n = {first.subject.num_examples} examples a point{_directions(lines)}."
            + batch_norm_words(lines)
            + (" Crosses at the top: the loss was not finite." if _any_lost(lines) else "")
        ),
        alt="Loss along a line. "
        + " ".join(
            f"{r.subject.label}: {r.subject.loss:.3g} at the checkpoint, "
            f"{_text(r.losses[0])} and {_text(r.losses[-1])} at the ends."
            for r in lines
        ),
    )


def _what(direction: DirectionSpec) -> str:
    if direction.is_path:
        return (
            "Loss on the way from one checkpoint to another. Without a ridge in between, the two "
            "lie in one valley; a trained curve may go round a ridge that the straight line meets."
        )
    return (
        f"Loss along a line through each checkpoint: {direction.title}. A wider valley is flatter "
        "along this direction."
    )


def batch_norm_words(results: Sequence[LossLine | LossPlane]) -> str:
    """How batch norm was run at each point, where not on the checkpoint's own statistics."""
    words = {
        "recalibrated": "its running statistics computed anew at each point",
        "train": "the statistics of each batch",
    }
    found = sorted({words[r.batch_norm] for r in results if r.batch_norm in words})
    return f" Batch norm: {' or '.join(found)}." if found else ""


def _directions(lines: Sequence[LossLine]) -> str:
    if lines[0].direction.is_path:
        return ""
    counts = sorted({len(r.spread) for r in lines if r.spread is not None and len(r.spread) > 1})
    if not counts:
        return ", one direction a line, hence no error bars"
    return f"; bands span the losses along n = {counts[-1]} random directions"


def _operator(line: LossLine) -> str:
    formal = "formal " if line.subject.spiking else ""
    return {"hessian": f"{formal}Hessian"}.get(str(line.operator_name), str(line.operator_name))


def _any_lost(lines: Sequence[LossLine]) -> bool:
    return any(not math.isfinite(v) for r in lines for v in r.losses)


def _text(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def _plane_figures(planes: list[LossPlane], number: int) -> list[ReportFigure]:
    figures = []
    for start in range(0, len(planes), _MOST_PANELS):
        part = planes[start : start + _MOST_PANELS]
        first, second = part[0].directions
        index = f"{'' if not number else f'-{number + 1}'}{'' if not start else f'-from-{start}'}"
        rows, narrow_rows = -(-len(part) // 4), -(-len(part) // 2)
        figures.append(
            ReportFigure(
                name=f"plane{index}",
                draw=partial(_draw_planes, planes, part),
                height=1.75 * rows + 0.25 if len(part) > 2 else 2.9,
                narrow_height=1.55 * narrow_rows + 0.5 if len(part) > 1 else None,
                scales=(True, False),
                caption=(
                    "Rise of the loss, L − L_min, on a plane through each checkpoint (white "
                    f"cross), on one colour scale: x along {first.title}; y along {second.title}. "
                    "Wider, rounder contours of one colour mean a flatter, better-conditioned "
                    "valley. Hatched squares: the loss was not finite there. Small dots are "
                    "measured points; between points, monotone cubic interpolation. "
                    f"n = {part[0].subject.num_examples} examples a point, no error bars."
                    f"{_trajectories(part)}{batch_norm_words(part)}"
                ),
                alt="Contours of the loss over a plane for "
                + ", ".join(f"{p.subject.label} (from {p.subject.loss:.3g})" for p in part)
                + ", each lowest near its centre.",
            )
        )
    return figures


def _trajectories(planes: Sequence[LossPlane]) -> str:
    lost = [p.trajectory.reconstruction_error for p in planes if p.trajectory is not None]
    if not lost:
        return ""
    return (
        " Dots joined by a line: snapshots of the training, seen in the plane of their two "
        f"principal components, which leaves out up to {max(lost):.0%} of their distances."
    )


def _draw_planes(
    planes: Sequence[LossPlane], part: Sequence[LossPlane], figure: Figure, log: bool
) -> None:
    plot_planes(part, figure, log=log, scale_of=planes)


def still(group: Sequence[LossPlane], index: int) -> ReportFigure:
    """A plane of the group as a surface, on the scale of all, in the view that the page opens."""
    plane = group[index]

    def draw(figure: Figure, log: bool) -> None:
        plot_plane_3d(plane, figure.add_subplot(projection="3d"), log=log, scale_of=group)

    return ReportFigure(
        name=f"surface-{index + 1}-{slug(plane.subject.label)}",
        draw=draw,
        height=3.3,
        caption=f"{plane.subject.label} in perspective, on the scale of all.",
        alt=f"Loss surface of {plane.subject.label} in perspective.",
        on_page=False,
    )
