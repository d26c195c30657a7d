"""Tables of what is read off loss surfaces: one for lines, one for paths, one for planes."""

import math
from collections.abc import Sequence

import numpy as np

from landscape.report.table import CHECKPOINT, Cell, Column, Table, number_cell, text_cell
from landscape.results import LineMeasures, LossLine, LossPlane

_ALONG = Column(key="along", title="along")
_LOSS = Column(key="loss", title="loss", formula="L(θ), at the checkpoint", better="↓")
_LOWEST = Column(
    key="lowest", title="lowest", formula="smallest loss among the points measured", better="↓"
)
_SHAPE = (
    Column(
        key="asymmetry",
        title="asymmetry",
        formula="∫ |L(x) - L(-x)| dx / ∫ |L(x) + L(-x) - 2 L(0)| dx; 0: even about the checkpoint, "
        "large: on the side of a valley; mean over directions",
        source="after He et al. 2019, arXiv 1902.00744",
    ),
    Column(
        key="roughness",
        title="roughness",
        formula="share of the variation of L over the points that no quadratic function explains, "
        "1 - R² of a least-squares fit; 0: exactly quadratic",
    ),
)
_PATH_COLUMNS = (
    Column(key="path", title="path"),
    Column(key="start", title="at 0", formula="loss at the first checkpoint"),
    Column(key="end", title="at 1", formula="loss at the second checkpoint"),
    _LOWEST,
    Column(key="highest", title="highest", formula="largest loss on the way", better="↓"),
    Column(
        key="barrier",
        title="barrier",
        formula="max over t of L(t) - (1 - t) L(0) - t L(1), t from 0 to 1; 0: linearly connected",
        source="Entezari et al. 2022, arXiv 2110.06296",
        better="↓",
    ),
)


def surface_tables(lines: Sequence[LossLine], planes: Sequence[LossPlane]) -> list[Table]:
    """The measures of lines through checkpoints, of paths between them, and of planes."""
    paths = [line for line in lines if line.direction.is_path]
    straight = [line for line in lines if not line.direction.is_path]
    tables = [_lines_table(part, k) for k, part in enumerate(_by_radii(straight))]
    tables += [_paths_table(paths)] if paths else []
    tables += [_planes_table(part, k) for k, part in enumerate(_by_threshold(planes))]
    return tables


def _by_radii(lines: Sequence[LossLine]) -> list[list[LossLine]]:
    groups: dict[object, list[LossLine]] = {}
    for line in lines:
        m = line.measures
        groups.setdefault(None if m is None else (m.radii, m.threshold), []).append(line)
    return list(groups.values())


def _by_threshold(planes: Sequence[LossPlane]) -> list[list[LossPlane]]:
    groups: dict[object, list[LossPlane]] = {}
    for plane in planes:
        m = plane.measures
        groups.setdefault(None if m is None else m.threshold, []).append(plane)
    return list(groups.values())


def threshold_advice(lines: Sequence[LossLine], planes: Sequence[LossPlane]) -> list[str]:
    """Which rise to ask for, where that of ``--threshold`` is not reached within the grid."""
    straight = [line for line in lines if not line.direction.is_path]
    found = [_advice_on_lines(part) for part in _by_radii(straight)]
    found += [_advice_on_planes(part) for part in _by_threshold(planes)]
    return [advice for advice in found if advice]


def _advice_on_lines(lines: Sequence[LossLine]) -> str:
    m = lines[0].measures
    if m is None or not any(x.measures and None in x.measures.threshold_radii for x in lines):
        return ""
    problem = f"Not every line rises by {m.threshold:g}"
    return f"{problem}: {_other_threshold(min(line.rise_reached for line in lines))}."


def _advice_on_planes(planes: Sequence[LossPlane]) -> str:
    m = planes[0].measures
    if m is None or not any(p.measures and p.measures.sublevel_cut for p in planes):
        return ""
    problem = f"Not every area of +{m.threshold:g} ends within its plane"
    return f"{problem}: {_other_threshold(min(plane.rise_enclosed for plane in planes))}."


def _other_threshold(most: float) -> str:
    """What resolves all of them: a rise of one digit, a tenth below ``most`` at least."""
    if most == math.inf:
        return "no loss on its border is finite, take a narrower grid, landscape surface --x"
    if not most > 0:
        return "take a wider grid, landscape surface --x"
    unit = 10.0 ** math.floor(math.log10(0.9 * most))
    rise = math.floor(0.9 * most / unit) * unit
    return f"take a smaller rise, landscape surface --threshold {rise:.1g}"


def _lead(advice: str) -> str:
    return f" {advice}" if advice else ""


def _lines_table(lines: Sequence[LossLine], index: int) -> Table:
    m = lines[0].measures
    columns = [CHECKPOINT, _ALONG, _LOSS, _LOWEST]
    if m is not None:
        columns += [
            Column(
                key=f"rise_{radius:g}",
                title=f"rise at {radius:g}",
                formula="½ (L(x) + L(-x)) - L(0) at |x| as stated, mean over directions",
                better="↓",
            )
            for radius in m.radii
        ]
        columns += [
            Column(
                key="radius",
                title=f"|x| of +{m.threshold:g}",
                formula=f"smallest |x| at which L(x) - L(0) = {m.threshold:g}, to either side; "
                "mean over directions",
                better="↑",
            ),
            *_SHAPE,
        ]
    return Table(
        name="lines" if not index else f"lines-{index + 1}",
        caption="Flatness read off lines through each checkpoint.",
        columns=tuple(columns),
        rows=tuple(_line_row(line) for line in lines),
        note="± is one standard error over directions, where there are several. < and >: not "
        "within the first step, or not within the axis." + _lead(_advice_on_lines(lines)),
    )


def _line_row(line: LossLine) -> tuple[Cell, ...]:
    start = (
        text_cell(line.subject.label),
        text_cell(line.direction.title),
        number_cell(line.subject.loss),
        number_cell(_lowest(line.losses)),
    )
    m = line.measures
    if m is None:
        return start
    return (
        *start,
        *(number_cell(r, e) for r, e in zip(m.rises, m.rise_stderrs, strict=True)),
        _radius(line, m),
        number_cell(m.asymmetry),
        number_cell(m.roughness),
    )


def _radius(line: LossLine, m: LineMeasures) -> Cell:
    """Mean and standard error over directions; a bound where the points do not tell."""
    found = [r for r in m.threshold_radii if r is not None]
    count = len(m.threshold_radii)
    if len(found) < count:
        unreached = f"{count - len(found)} of {count} " if count > 1 else ""
        return text_cell(f"{unreached}> {m.radii[-1]:.4g}")
    mean = float(np.mean(found))
    if mean < line.first_step:
        return text_cell(f"< {line.first_step:.4g}")
    return number_cell(mean, float(np.std(found, ddof=1)) / count**0.5 if count > 1 else None)


def _paths_table(paths: Sequence[LossLine]) -> Table:
    return Table(
        name="paths",
        caption="The loss on the way from one checkpoint to another.",
        columns=_PATH_COLUMNS,
        rows=tuple(_path_row(line) for line in paths),
    )


def _path_row(line: LossLine) -> tuple[Cell, ...]:
    d, losses, finite = line.direction, line.losses, np.isfinite(line.losses)
    whole = line.axis[0] == 0 and line.axis[-1] == 1 and bool(finite.all())
    chord = (1 - line.axis) * losses[0] + line.axis * losses[-1]
    return (
        text_cell(f"{line.subject.label} to {d.far_end}, {d.short}"),
        number_cell(float(losses[0]) if line.axis[0] == 0 and finite[0] else None),
        number_cell(float(losses[-1]) if line.axis[-1] == 1 and finite[-1] else None),
        number_cell(_lowest(losses)),
        number_cell(float(losses.max()) if finite.all() else None),
        number_cell(float((losses - chord).max()) if whole else None),
    )


def _planes_table(planes: Sequence[LossPlane], index: int) -> Table:
    m = planes[0].measures
    columns = [CHECKPOINT, _ALONG, _LOSS, _LOWEST]
    if m is not None:
        columns += [
            Column(
                key="area",
                title=f"area of +{m.threshold:g}",
                unit="x · y",
                formula=f"area of the set where L(x, y) - L(0, 0) <= {m.threshold:g}, the loss "
                "bilinear between points",
                better="↑",
            ),
            Column(
                key="nonconvex",
                title="not convex",
                formula="share of the inner points where the plane's 2 × 2 Hessian, by central "
                "differences, has a negative eigenvalue",
                source="after Li et al. 2018, arXiv 1712.09913, section 7",
                better="↓",
            ),
            *_SHAPE,
        ]
    return Table(
        name="planes" if not index else f"planes-{index + 1}",
        caption="Flatness read off planes through each checkpoint.",
        columns=tuple(columns),
        rows=tuple(_plane_row(plane) for plane in planes),
        note="One plane each, hence no error. <: within the cells around the checkpoint; >: beyond "
        "the plane." + _lead(_advice_on_planes(planes)),
    )


def _plane_row(plane: LossPlane) -> tuple[Cell, ...]:
    m, (first, second) = plane.measures, plane.directions
    same = first.title == second.title
    start = (
        text_cell(plane.subject.label),
        text_cell(first.title if same else f"{first.title} and {second.short}"),
        number_cell(plane.subject.loss),
        number_cell(_lowest(plane.losses)),
    )
    if m is None:
        return start
    share, small = m.nonconvex_fraction, plane.unresolved_area
    if small is not None:
        area = text_cell(f"< {small:.4g}")
    elif m.sublevel_cut:
        area = text_cell(f"> {m.sublevel_area:.4g}")
    else:
        area = number_cell(m.sublevel_area)
    return (
        *start,
        area,
        text_cell(None if share is None else f"{share:.0%}"),
        number_cell(m.asymmetry),
        number_cell(m.roughness),
    )


def _lowest(losses: np.ndarray) -> float | None:
    finite = losses[np.isfinite(losses)]
    return float(finite.min()) if finite.size else None
