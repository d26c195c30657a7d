"""Loss along lines and over planes through a checkpoint, as resumable runs over points."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import Clock, start_clock
from landscape.analysis.surface_course import Course, random_course
from landscape.analysis.surface_measure import make_measure
from landscape.analysis.surface_measures import line_measures, plane_measures
from landscape.analysis.target import Target
from landscape.curvature.losses import Loss
from landscape.curvature.operators import make_operator
from landscape.results import LossLine, LossPlane, Provenance
from landscape.surface.directions import check_plane
from landscape.surface.evaluate import Span, measure_points
from landscape.surface.grid import Array, assemble, grid_points, refine, take_shard
from landscape.surface.store import Configuration, PointStore, merge_points


@dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """How the points of a surface are measured, and what is computed beside them."""

    recalibrate: bool = False  # batch norm's running statistics anew at each point
    metrics: tuple[Loss, ...] = ()  # further values at each point, from the same forward pass
    operator: str | None = None  # whose quadratic prediction goes with it; None: none
    halvings: int = 0  # refinement near the minimum, see landscape.surface.grid.refine
    store: Path | None = None  # file of points to continue; None: keep them in memory
    merged: tuple[Path, ...] = field(default=())  # files of points to copy into it first
    only_merge: bool = False  # refuse to measure what the merged files lack
    threshold: float = 0.1  # the rise of the loss that radii and areas are given for


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
    clock = start_clock()
    axes, values = _measure(target, course, [axis], settings, progress)
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
        batch_norm=_batch_norm(target, settings),
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
    ValueError
        If the two directions are parallel, or one is 0.
    """
    _check_dimensions(course, 2)
    cosine = check_plane(course.vectors[1], course.vectors[2])
    clock = start_clock()
    axes, values = _measure(target, course, [x_axis, y_axis], settings, progress)
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
        batch_norm=_batch_norm(target, settings),
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


def measure_shard(
    target: Target,
    *,
    course: Course,
    axes: Sequence[Array],
    shard: tuple[int, int],
    settings: SurfaceSettings,
    progress: Progress,
) -> None:
    """Measure part i of n of a grid's points into ``settings.store``, with no word to the others.

    The parts are merged by a run whose settings name their files as ``merged``.
    """
    points = take_shard(grid_points(axes), shard)
    with PointStore(settings.store, configuration_of(target, course, settings)) as store:
        _measure_into(store, target, course, points, settings, progress)


def configuration_of(target: Target, course: Course, settings: SurfaceSettings) -> Configuration:
    """Everything that changes the loss at a point's coordinates."""
    subject = target.subject
    about: dict[str, str | int | float | bool | None] = {
        "checkpoint": subject.checkpoint_sha256,
        "model": subject.model,
        "examples": subject.examples_sha256,
        "num_examples": subject.num_examples,
        "loss": subject.loss_name,
        "dtype": str(target.risk.dtype),
        "batch_norm": _batch_norm(target, settings),
        "metrics": ", ".join(m.name for m in settings.metrics),
        "parameters": ", ".join(target.risk.layout.names),
    }
    if about["batch_norm"] != "eval":  # statistics of batches depend on how examples are cut
        about["batch_size"] = target.settings.batch_size
    for k, spec in enumerate(course.specs, start=1):
        about[f"direction {k}"] = f"{spec.kind}, {spec.normalisation}, {spec.sha256}"
    return about


def _measure(
    target: Target,
    course: Course,
    axes: list[Array],
    settings: SurfaceSettings,
    progress: Progress,
) -> tuple[list[Array], dict[str, Array]]:
    with PointStore(settings.store, configuration_of(target, course, settings)) as store:
        merge_points(store, list(settings.merged))
        if settings.only_merge:
            assemble(axes, _named(store, "loss"))  # refuses where points are missing
        _measure_into(store, target, course, grid_points(axes), settings, progress)
        if settings.halvings:
            losses = assemble(axes, _named(store, "loss"))
            axes = refine(axes, losses, halvings=settings.halvings)
            _measure_into(store, target, course, grid_points(axes), settings, progress)
        names = {name: None for values in store.values.values() for name in values}
        return axes, {name: assemble(axes, _named(store, name)) for name in names}


def _measure_into(
    store: PointStore,
    target: Target,
    course: Course,
    points: Sequence[tuple[float, ...]],
    settings: SurfaceSettings,
    progress: Progress,
) -> None:
    measure = make_measure(target.risk, metrics=settings.metrics, recalibrate=settings.recalibrate)
    measure_points(points, Span(course.vectors), course.weights, measure, store, progress)


def _named(store: PointStore, name: str) -> dict[tuple[float, ...], float]:
    return {point: values[name] for point, values in store.values.items()}


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
    return clock.provenance(
        command=target.settings.command,
        seed=target.settings.seed,
        device=target.device,
        num_matvecs=quadratic.num_matvecs if quadratic else 0,
    )


def _batch_norm(target: Target, settings: SurfaceSettings) -> str:
    return "recalibrated" if settings.recalibrate else target.risk.batch_norm


def _numbered(path: Path | None, k: int) -> Path | None:
    """The first direction's points go into ``path`` itself, the k-th further into its own file."""
    return path if path is None or k == 0 else path.with_name(f"{path.stem}.{k + 1}{path.suffix}")


def _check_dimensions(course: Course, dimensions: int) -> None:
    if len(course.specs) != dimensions:
        raise ValueError(
            f"a course with {dimensions} coordinate(s) is needed; this one has "
            f"{len(course.specs)}: make it with dimensions={dimensions}."
        )
