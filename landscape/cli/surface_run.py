"""What ``landscape surface`` does: courses walked, points into files, results out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import click

from landscape.analysis.surface.course import Course
from landscape.analysis.surface.measure import has_running_statistics
from landscape.analysis.surface.points import (
    await_shards,
    identity_of_points,
    measure_shard,
)
from landscape.analysis.surface.run import loss_line, loss_plane, random_lines
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target import Target
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.measured import Asked
from landscape.cli.options import open_targets
from landscape.cli.overall import Overall
from landscape.cli.surface_course import course_of
from landscape.cli.surface_settings import SurfaceRequest, surface_stem
from landscape.files import ensure_writable
from landscape.objective.named import named_loss
from landscape.results import DoesNotApply, LossLine, LossPlane, Trajectory
from landscape.store.folder import ReportFolder
from landscape.surface.direction_files import save_directions
from landscape.surface.grid import Array, axis_around, parse_axis

_AROUND = 25  # coordinates of each axis around a trajectory, about


@dataclass(frozen=True, kw_only=True)
class SurfaceRun:
    """One call of the command: its options, and the steps that they ask for."""

    asked: Asked
    request: SurfaceRequest
    points: SurfaceSettings

    def measure(self) -> list[LossLine | LossPlane]:
        """Measure every checkpoint's surface; empty where only a shard was asked for."""
        shard = self.request.shard or _torchrun_shard()
        self._check(shard)
        self._axes(None)  # a mistake in them is told before anything is loaded
        if self.asked.out is not None:
            ensure_writable(self.asked.out)
        settings = _on_own_device(self.asked.settings)
        first_rank = shard is None or self.request.shard is not None or shard[0] == 1
        targets = open_targets(
            self.asked.checkpoints,
            settings,
            scales=[self.request.normalise or ""],
            quiet=self.asked.quiet or not first_rank,
        )
        if self._folder is not None:
            for target in targets:
                self._folder.refuse_mixed(target)
        targets = [target.restricted(self.request.params) for target in targets]
        starts = targets[:1] if self.request.along_path else targets
        try:
            overall, count = Overall(quiet=self.asked.quiet), len(starts)
            results = [
                self._surface(t, targets[-1], shard, overall, count - k)
                for k, t in enumerate(starts, 1)
            ]
        except DoesNotApply as error:
            raise ValueError(f"{error} Choose another --normalise, or other --params.") from error
        return [r for r in results if r is not None]

    def _surface(
        self,
        target: Target,
        other: Target,
        shard: tuple[int, int] | None,
        overall: Overall,
        further: int,
    ) -> LossLine | LossPlane | None:
        label, direction = target.subject.label, self.request.passes
        points = self._num_points(self._axes(None))
        after = further * (direction + points)
        with overall.part(f"{label}: direction", direction, after=points + after) as progress:
            course = course_of(
                self.request, target, other, dimensions=len(self._axes(None)),
                state=self._direction_file(label), progress=progress,
            )  # fmt: skip
        axes = self._axes(course.trajectory)
        points = self._num_points(axes)
        if self.request.save_directions is not None and (shard is None or shard[0] == 1):
            save_directions(self.request.save_directions, course.raw, target.risk.layout)
        path = self._path(target, course, axes)
        settings = replace(
            self.points,
            recalibrate=self._recalibrates(target, course),
            operator=self.request.operator,
            metrics=tuple(named_loss(spec) for spec in self.request.metrics),
            store=path.with_suffix(".points") if path else None,
        )
        if self.request.force and path is not None:
            for old in self._replaced(path, shard):
                old.unlink(missing_ok=True)
        with overall.part(f"{label}: points", points, after=after) as progress:
            if shard is not None:
                assert path is not None
                files = [_shard_file(path, i, shard[1]) for i in range(1, shard[1] + 1)]
                own = replace(settings, store=files[shard[0] - 1])
                measure_shard(
                    target, course=course, axes=axes, shard=shard, settings=own, progress=progress
                )
                if self.request.shard is not None or shard[0] > 1:
                    return None
                identity = identity_of_points(target, course, settings)
                await_shards(files, axes=axes, identity=identity, progress=progress)
                settings = replace(settings, merged=tuple(files))
            if self.request.merge is not None:
                assert path is not None
                settings = replace(
                    settings, merged=_measured_shards(path, self.request.merge), only_merge=True
                )
            if len(axes) == 2:
                x_axis, y_axis = axes
                return loss_plane(
                    target, course=course, x_axis=x_axis, y_axis=y_axis,
                    settings=settings, progress=progress,
                )  # fmt: skip
            if self.request.num_directions > 1:
                return random_lines(
                    target, num_directions=self.request.num_directions,
                    normalisation=self.request.normalise or "filter",
                    axis=axes[0], settings=settings, progress=progress,
                )  # fmt: skip
            return loss_line(
                target, course=course, axis=axes[0], settings=settings, progress=progress
            )

    def end(self, results: Sequence[LossLine | LossPlane]) -> None:
        """Once ``results`` are written, what the run was to go on from is not needed."""
        if self._folder is not None:
            for result in results:
                self._folder.forget(result.subject.label, self._direction_name)

    @property
    def _folder(self) -> ReportFolder | None:
        return None if self.asked.out is None else ReportFolder(self.asked.out)

    @property
    def _direction_name(self) -> str:
        return f"{('line', 'plane')[len(self._axes(None)) - 1]}-eigenvector"

    def _direction_file(self, label: str) -> Path | None:
        folder = self._folder
        return None if folder is None else folder.unfinished(label, f"{self._direction_name}.state")

    def _recalibrates(self, target: Target, course: Course) -> bool:
        if self.request.recalibrate is not None:
            return self.request.recalibrate
        # Either end's statistics are wrong for the other, and for everything in between.
        return not course.straight and has_running_statistics(target.model)

    def _path(self, target: Target, course: Course, axes: list[Array]) -> Path | None:
        if self._folder is None:
            return None
        name = surface_stem(("line", "plane")[len(axes) - 1], course.specs[0].kind)
        return self._folder.result(target.subject.label, name)

    def _num_points(self, axes: list[Array]) -> int:
        """Passes over the examples, one a point of the grid."""
        return self.request.num_directions * prod(len(axis) for axis in axes)

    def _axes(self, trajectory: Trajectory | None) -> list[Array]:
        """One axis, or two for a plane; those of a trajectory's plane hold it by default.

        Before a trajectory is known they have as many points as those that will, about.
        """
        follows = self.request.follows_trajectory
        in_plane = self.request.y is not None or follows
        default = "0:1:25" if self.request.along_path else "-1:1:15" if in_plane else "-1:1:51"
        default = f"-1:1:{_AROUND}" if follows else default
        axes = []
        for k, text in enumerate((self.request.x, self.request.y)[: 1 + in_plane]):
            if text is None and trajectory is not None:
                axes.append(axis_around(trajectory.points[:, k], _AROUND))
            else:
                axes.append(parse_axis(text or default))
        return axes

    def _replaced(self, path: Path, shard: tuple[int, int] | None) -> list[Path]:
        """The files of points that --force makes anew: never what another process measures."""
        whole, shards = path.with_suffix(".points"), path.parent.glob(f"{path.stem}.*.points")
        if self.request.merge is not None:
            return [whole]
        if shard is None:
            return [whole, *shards]
        return [_shard_file(path, *shard), *([whole] if shard[0] == 1 else [])]

    def _check(self, shard: tuple[int, int] | None) -> None:
        asked = self.request
        lines, in_parts = asked.num_directions > 1, shard is not None
        rules = [
            (asked.along_path and len(self.asked.checkpoints) != 2, f"--direction "
             f"{asked.direction} goes from one checkpoint to another: give exactly two."),
            (asked.along_path and asked.y is not None, f"--direction {asked.direction} is "
             "one-dimensional: leave --y out."),
            (lines and (asked.y is not None or asked.direction != "random"
             or asked.directions_file is not None), "--num-directions is for random lines."),
            (lines and bool(self.points.halvings or in_parts or asked.merge),
             "--num-directions goes with neither --refine, --shard, --merge nor torchrun."),
            ((in_parts or asked.merge is not None) and self.asked.out is None,
             "--shard, --merge and torchrun need a folder: -o."),
            (in_parts and asked.merge is not None, "--shard and torchrun measure, --merge puts "
             "together what was measured: give one of them."),
            (asked.shard is not None and self.points.halvings > 0, "--refine needs the whole "
             "grid: give it with --merge, not with --shard."),
        ]  # fmt: skip
        for broken, message in rules:
            if broken:
                raise click.UsageError(message)


def _shard_file(path: Path, index: int, count: int) -> Path:
    return path.with_name(f"{path.stem}.{index}-of-{count}.points")


def _measured_shards(path: Path, count: int) -> tuple[Path, ...]:
    files = tuple(_shard_file(path, i, count) for i in range(1, count + 1))
    for i, file in enumerate(files, 1):
        if not file.exists():
            raise ValueError(
                f"{file} is missing: run the same command with --shard {i}/{count} in place of "
                f"--merge {count} first."
            )
    return files


def _torchrun_shard() -> tuple[int, int] | None:
    """Under torchrun, this process's part of the points; processes do not wait for each other."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    return (int(os.environ["RANK"]) + 1, count) if count > 1 else None


def _on_own_device(settings: TargetSettings) -> TargetSettings:
    if settings.device == "cuda" and "LOCAL_RANK" in os.environ:
        return replace(settings, device=f"cuda:{os.environ['LOCAL_RANK']}")
    return settings
