"""Tables of what is read off loss surfaces: one for lines, one for paths, one for planes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import CHECKPOINT, number_column, text_column
from landscape.page.table import Column, Table
from landscape.results import LineMeasures, LossLine, LossPlane
from landscape.values import finite_or_none

_Surface = LossLine | LossPlane


def _lowest(surface: _Surface) -> float | None:
    finite = surface.losses[np.isfinite(surface.losses)]
    return float(finite.min()) if finite.size else None


def _barrier(line: LossLine) -> float | None:
    """Of a path from one checkpoint to the other, all of whose losses are finite."""
    axis, losses = line.axis, line.losses
    if axis[0] != 0 or axis[-1] != 1 or not np.isfinite(losses).all():
        return None
    chord = (1 - axis) * losses[0] + axis * losses[-1]
    return float((losses - chord).max())


_LOSS: Column[_Surface] = number_column(
    "loss", lambda s: s.subject.loss, formula="L(θ), at the checkpoint", better="↓"
)
_LOWEST: Column[_Surface] = number_column(
    "lowest", _lowest, formula="smallest loss among the points measured", better="↓"
)
_SHAPE: list[Column[_Surface]] = [
    number_column(
        "asymmetry",
        lambda s: s.measures.asymmetry if s.measures else None,
        formula="∫ |L(x) - L(-x)| dx / ∫ |L(x) + L(-x) - 2 L(0)| dx; 0: even about the checkpoint, "
        "large: on the side of a valley; mean over directions",
        source="after He et al. 2019, arXiv 1902.00744",
    ),
    number_column(
        "roughness",
        lambda s: s.measures.roughness if s.measures else None,
        formula="share of the variation of L over the points that no quadratic function explains, "
        "1 - R² of a least-squares fit; 0: exactly quadratic",
    ),
]
_PATHS: list[Column[LossLine]] = [
    text_column(
        "path",
        lambda line: f"{line.subject.label} to {line.direction.far_end}, {line.direction.short}",
    ),
    number_column(
        "at 0",
        lambda line: finite_or_none(line.losses[0]) if line.axis[0] == 0 else None,
        key="start",
        formula="loss at the first checkpoint",
    ),
    number_column(
        "at 1",
        lambda line: finite_or_none(line.losses[-1]) if line.axis[-1] == 1 else None,
        key="end",
        formula="loss at the second checkpoint",
    ),
    _LOWEST,
    number_column(
        "highest",
        lambda line: float(line.losses.max()) if np.isfinite(line.losses).all() else None,
        formula="largest loss on the way",
        better="↓",
    ),
    number_column(
        "barrier",
        _barrier,
        formula="max over t of L(t) - (1 - t) L(0) - t L(1), t from 0 to 1; 0: linearly connected",
        source="Entezari et al. 2022, arXiv 2110.06296",
        better="↓",
    ),
]


def surface_tables(lines: Sequence[LossLine], planes: Sequence[LossPlane]) -> list[Table[Any]]:
    """The measures of lines through checkpoints, of paths between them, and of planes."""
    paths = [line for line in lines if line.direction.is_path]
    straight = [line for line in lines if not line.direction.is_path]
    tables: list[Table[Any]] = [_lines_table(part, k) for k, part in enumerate(_by_radii(straight))]
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


def _lines_table(lines: Sequence[LossLine], index: int) -> Table[LossLine]:
    m = lines[0].measures
    columns: list[Column[LossLine]] = [
        CHECKPOINT,
        text_column("along", lambda line: line.direction.title),
        _LOSS,
        _LOWEST,
    ]
    if m is not None:
        columns += [_rise_column(radius) for radius in m.radii]
        columns += [
            Column(
                key="radius",
                title=f"|x| of +{m.threshold:g}",
                cell=_radius,
                formula=f"smallest |x| at which L(x) - L(0) = {m.threshold:g}, to either side; "
                "mean over directions",
                better="↑",
            ),
            *_SHAPE,
        ]
    return Table(
        name="lines" if not index else f"lines-{index + 1}",
        caption="Flatness read off lines through each checkpoint.",
        columns=columns,
        rows=lines,
        note="± is one standard error over directions, where there are several. < and >: not "
        "within the first step, or not within the axis." + _lead(_advice_on_lines(lines)),
    )


def _rise_column(radius: float) -> Column[LossLine]:
    def cell(line: LossLine) -> Cell:
        m = _measures(line)
        at = m.radii.index(radius)
        return number_cell(m.rises[at], m.rise_stderrs[at])

    return Column(
        key=f"rise_{radius:g}",
        title=f"rise at {radius:g}",
        cell=cell,
        formula="½ (L(x) + L(-x)) - L(0) at |x| as stated, mean over directions",
        better="↓",
    )


def _measures(line: LossLine) -> LineMeasures:
    """Of a line in a table with columns for them, so there are any."""
    assert line.measures is not None
    return line.measures


def _radius(line: LossLine) -> Cell:
    """Mean and standard error over directions; a bound where the points do not tell."""
    m = _measures(line)
    found = [r for r in m.threshold_radii if r is not None]
    count = len(m.threshold_radii)
    if len(found) < count:
        unreached = f"{count - len(found)} of {count} " if count > 1 else ""
        return text_cell(f"{unreached}> {m.radii[-1]:.4g}")
    mean = float(np.mean(found))
    if mean < line.first_step:
        return text_cell(f"< {line.first_step:.4g}")
    return number_cell(mean, float(np.std(found, ddof=1)) / count**0.5 if count > 1 else None)


def _paths_table(paths: Sequence[LossLine]) -> Table[LossLine]:
    return Table(
        name="paths",
        caption="The loss on the way from one checkpoint to another.",
        columns=_PATHS,
        rows=paths,
    )


def _planes_table(planes: Sequence[LossPlane], index: int) -> Table[LossPlane]:
    m = planes[0].measures
    columns: list[Column[LossPlane]] = [
        CHECKPOINT,
        text_column("along", _along),
        _LOSS,
        _LOWEST,
    ]
    if m is not None:
        columns += [
            Column(
                key="area",
                title=f"area of +{m.threshold:g}",
                cell=_area,
                unit="x · y",
                formula=f"area of the set where L(x, y) - L(0, 0) <= {m.threshold:g}, the loss "
                "bilinear between points",
                better="↑",
            ),
            text_column(
                "not convex",
                _nonconvex,
                key="nonconvex",
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
        columns=columns,
        rows=planes,
        note="One plane each, hence no error. <: within the cells around the checkpoint; >: beyond "
        "the plane." + _lead(_advice_on_planes(planes)),
    )


def _along(plane: LossPlane) -> str:
    first, second = plane.directions
    same = first.title == second.title
    return first.title if same else f"{first.title} and {second.short}"


def _area(plane: LossPlane) -> Cell:
    if plane.measures is None:
        return text_cell(None)
    if plane.unresolved_area is not None:
        return text_cell(f"< {plane.unresolved_area:.4g}")
    if plane.measures.sublevel_cut:
        return text_cell(f"> {plane.measures.sublevel_area:.4g}")
    return number_cell(plane.measures.sublevel_area)


def _nonconvex(plane: LossPlane) -> str | None:
    share = plane.measures and plane.measures.nonconvex_fraction
    return None if share is None else f"{share:.0%}"
