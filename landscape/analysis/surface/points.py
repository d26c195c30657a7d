"""The points of a surface, measured: resumed from a file, in shards, refined near the minimum."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from landscape.analysis.progress import Progress
from landscape.analysis.surface.course import Course
from landscape.analysis.surface.measure import make_joint_measure, make_measure
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target import Target
from landscape.distributed import PeerLostError, answer_timeout, from_main, is_main
from landscape.interrupts import launcher_is_gone
from landscape.store.identity import Identity, identity_of
from landscape.store.points import PointStore, merge_points, read_points
from landscape.surface.evaluate import Span, measure_points
from landscape.surface.grid import Array, Point, assemble, grid_points, refine, take_shard


def measure_grid(
    target: Target,
    course: Course,
    axes: list[Array],
    settings: SurfaceSettings,
    progress: Progress,
) -> tuple[list[Array], dict[str, Array]]:
    """Measure the tensor grid of ``axes``: the axes, refined where asked, and values by name.

    Each value's array has one index an axis. With a store, points that it or the merged files
    hold are not measured again.
    """
    identity = identity_of_points(target, course, settings)
    with ExitStack() as stack:
        # Where processes share the examples, all measure the same points and one keeps the file.
        store = PointStore(settings.store if is_main() else None, identity)
        store.values = from_main(lambda: stack.enter_context(store).values)
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
    points: Sequence[Point],
    settings: SurfaceSettings,
    progress: Progress,
) -> None:
    measure_points(
        points,
        Span(course.vectors),
        course.weights,
        make_measure(target.risk, metrics=settings.metrics, recalibrate=settings.recalibrate),
        store,
        progress,
        measure_together=make_joint_measure(
            target.risk, metrics=settings.metrics, recalibrate=settings.recalibrate
        ),
    )


def _named(store: PointStore, name: str) -> dict[Point, float]:
    return {point: values[name] for point, values in store.values.items()}


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
    with PointStore(settings.store, identity_of_points(target, course, settings)) as store:
        _measure_into(store, target, course, points, settings, progress)


def await_shards(
    paths: Sequence[Path],
    *,
    axes: Sequence[Array],
    identity: Identity,
    progress: Progress,
) -> None:
    """Return once the files of all shards, which other processes write, hold all their points.

    What started the processes ends this one if another is lost. Where that has ended itself,
    they are waited for as long as points come.

    Raises
    ------
    PeerLostError
        It has, and no point came for ``LANDSCAPE_TIMEOUT`` seconds.
    """
    points = grid_points(axes)
    patience, most = answer_timeout().total_seconds(), 0
    wait, since = 0.05, time.monotonic()
    while True:
        found = {p for path in paths if path.exists() for p in read_points(path, identity)}
        missing = sum(p not in found for p in points)
        progress(len(points) - missing, len(points))
        if not missing:
            return
        if len(found) > most:
            most, since = len(found), time.monotonic()
        if launcher_is_gone() and time.monotonic() - since > patience:
            raise PeerLostError(
                f"what started this process has ended, and of the others' points {missing} are "
                f"missing; none came for {patience:g} seconds (LANDSCAPE_TIMEOUT). What was "
                "finished is kept: run the same command again to go on from there."
            )
        time.sleep(wait)
        wait = min(2 * wait, 2.0)


def identity_of_points(target: Target, course: Course, settings: SurfaceSettings) -> Identity:
    """Everything that changes the loss at a point's coordinates."""
    about = {
        "metrics": ", ".join(m.name for m in settings.metrics),
        "parameters": ", ".join(target.risk.layout.names),
    }
    for k, spec in enumerate(course.specs, start=1):
        about[f"direction {k}"] = f"{spec.kind}, {spec.normalisation}, {spec.sha256}"
    batch_norm = "recalibrated" if settings.recalibrate else None
    return identity_of(target, about, batch_norm=batch_norm)


def batch_norm_mode(target: Target, settings: SurfaceSettings) -> str:
    return "recalibrated" if settings.recalibrate else target.risk.batch_norm
