"""Loss along lines and over planes through a checkpoint, with what is read off them."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import Clock, start_clock
from landscape.analysis.surface.course import Course, random_course
from landscape.analysis.surface.measures import line_measures, plane_measures
from landscape.analysis.surface.points import batch_norm_mode, measure_grid
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.results import LossLine, LossPlane, Provenance
from landscape.surface.directions import check_line, check_plane
from landscape.surface.grid import Array


class _Quadratic(NamedTuple):
    """L(θ + Σ x_k d_k) ≈ L(θ) + gradient·x + ½ xᵀ hessian x, and what it cost."""

    gradient: NDArray[np.float64]  # shape (K,)
    hessian: NDArray[np.float64]  # shape (K, K)
    num_matvecs: int


def loss_line(
    target: Target, *, course: Course, axis: Array, settings: SurfaceSettings, progress: Progress
) -> LossLine:
    """Measure L on ``axis`` along a one-dimensional course; one forward pass a point.

    With ``settings.operator``, the slope ∇L·d and the curvature dᵀAd go with it, for one
    gradient and one matvec. Killed and called again with the same store, it goes on where it was.
    """
    _check_dimensions(course, 1)
    if course.straight:
        check_line(course.vectors[1], course.specs[0].normalisation)
    clock = start_clock()
    axes, values = measure_grid(target, course, [axis], settings, progress)
    quadratic = _quadratic(target, course, settings.operator)
    losses = values.pop("loss")
    return LossLine(
        subject=target.subject,
        provenance=_provenance(target, clock, quadratic),
        direction=course.specs[0],
        axis=axes[0],
        losses=losses,
        accuracies=values.pop("accuracy", None),
        metrics=values,
        slope=float(quadratic.gradient[0]) if quadratic else None,
        curvature=float(quadratic.hessian[0, 0]) if quadratic else None,
        operator_name=settings.operator if quadratic else None,
        batch_norm=batch_norm_mode(target, settings),
        measures=line_measures(axes[0], losses[None], threshold=settings.threshold)
        if course.straight
        else None,
    )


def loss_plane(
    target: Target,
    *,
    course: Course,
    x_axis: Array,
    y_axis: Array,
    settings: SurfaceSettings,
    progress: Progress,
) -> LossPlane:
    """Measure L on the tensor grid of two axes; ``losses[i, j]`` is at (x_axis[i], y_axis[j]).

    With ``settings.operator``, the gradient and the operator within the plane go with it, for
    one gradient and two matvecs.

    Raises
    ------
    DoesNotApply
        If the two directions are parallel, or one is 0.
    """
    _check_dimensions(course, 2)
    cosine = check_plane(course.vectors[1], course.vectors[2], course.specs[0].normalisation)
    clock = start_clock()
    axes, values = measure_grid(target, course, [x_axis, y_axis], settings, progress)
    quadratic = _quadratic(target, course, settings.operator)
    first, second = course.specs
    losses = values.pop("loss")
    return LossPlane(
        subject=target.subject,
        provenance=_provenance(target, clock, quadratic),
        directions=(first, second),
        x_axis=axes[0],
        y_axis=axes[1],
        losses=losses,
        accuracies=values.pop("accuracy", None),
        metrics=values,
        cosine=cosine,
        gradient=quadratic.gradient if quadratic else None,
        hessian=quadratic.hessian if quadratic else None,
        operator_name=settings.operator if quadratic else None,
        trajectory=course.trajectory,
        measures=plane_measures(axes[0], axes[1], losses, threshold=settings.threshold),
        batch_norm=batch_norm_mode(target, settings),
    )


def random_lines(
    target: Target,
    *,
    num_directions: int,
    normalisation: str,
    axis: Array,
    settings: SurfaceSettings,
    progress: Progress,
) -> LossLine:
    """L along several random directions on one axis: the first as a line, all in ``spread``.

    A value at one direction is a draw: what is said of "a random direction" needs their spread.
    Every direction has its own store; the axis is not refined, so that all share it.
    """
    if num_directions < 1:
        raise ValueError(f"num_directions must be at least 1; got {num_directions}.")
    total = num_directions * len(axis)
    lines = []
    for k in range(num_directions):
        course = random_course(target, dimensions=1, normalisation=normalisation, draw=k)
        own = replace(
            settings,
            operator=settings.operator if k == 0 else None,
            store=_numbered(settings.store, k),
            halvings=0,
        )
        start = k * len(axis)

        def report(done: int, _: int, start: int = start) -> None:
            progress(start + done, total)

        lines.append(loss_line(target, course=course, axis=axis, settings=own, progress=report))
    spread = np.stack([line.losses for line in lines])
    measures = line_measures(axis, spread, threshold=settings.threshold)
    return replace(lines[0], spread=spread, measures=measures)


def _quadratic(target: Target, course: Course, operator: str | None) -> _Quadratic | None:
    """None on curves: there the coordinate is not linear in θ."""
    if operator is None or not course.straight:
        return None
    directions = [d.double().cpu() for d in course.vectors[1:]]
    gradient = target.risk.gradient().double().cpu()
    A = make_operator(target.risk, operator)
    products = [(A @ d.to(target.risk.theta)).double().cpu() for d in directions]
    form = np.array([[float(d @ p) for p in products] for d in directions])
    slopes = np.array([float(gradient @ d) for d in directions])
    return _Quadratic(slopes, (form + form.T) / 2, len(products))


def _provenance(target: Target, clock: Clock, quadratic: _Quadratic | None) -> Provenance:
    return clock.provenance_of(target, quadratic.num_matvecs if quadratic else 0)


def _numbered(path: Path | None, k: int) -> Path | None:
    """The first direction's points go into ``path`` itself, the k-th further into its own file."""
    return path if path is None or k == 0 else path.with_name(f"{path.stem}.{k + 1}{path.suffix}")


def _check_dimensions(course: Course, dimensions: int) -> None:
    if len(course.specs) != dimensions:
        raise ValueError(
            f"a course with {dimensions} coordinate(s) is needed; this one has "
            f"{len(course.specs)}: make it with dimensions={dimensions}."
        )
