"""Where ``landscape surface`` walks: courses from options."""

from pathlib import Path

import click
from torch import Tensor

from landscape.analysis.progress import Progress
from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.surface.course import (
    Course,
    between_course,
    bezier_course,
    file_course,
    random_course,
    theta_of_state,
    trajectory_course,
)
from landscape.analysis.surface.eigenvector import eigenvector_course
from landscape.analysis.target import Target
from landscape.checkpoint.load import load_checkpoint
from landscape.cli.surface_settings import SurfaceRequest


def course_of(
    request: SurfaceRequest,
    target: Target,
    other: Target,
    *,
    dimensions: int,
    state: Path | None,
    progress: Progress,
) -> Course:
    """The course that is asked for, from ``target``, or from it to ``other``.

    With ``state``, a search for eigenvectors goes on where it was.
    """
    if request.directions_file is not None:
        return file_course(
            target, request.directions_file, dimensions=dimensions,
            normalisation=request.normalise or "filter",
        )  # fmt: skip
    if request.direction == "random":
        how = request.normalise or "filter"
        return random_course(target, dimensions=dimensions, normalisation=how)
    if request.direction == "eigenvector":
        return eigenvector_course(
            target,
            request.operator or OperatorSettings.operator,
            ranks=_ranks(request.eigenvectors, dimensions),
            normalisation=request.normalise or "none",
            tol=1e-3,
            max_matvecs=request.max_matvecs,
            state=state,
            progress=progress,
        )
    if request.direction == "between":
        return between_course(target, other)
    if request.direction == "bezier":
        return bezier_course(
            target,
            other,
            num_steps=request.bend_steps,
            learning_rate=request.bend_lr,
            progress=progress,
        )
    return trajectory_course(target, _snapshots(request.snapshots, target))


def _snapshots(folder: Path | None, target: Target) -> list[Tensor]:
    folder = folder or Path(target.subject.checkpoint).with_suffix(".snapshots")
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.p*t*"))
    if not files:
        raise click.UsageError(
            f"no snapshots in {folder}; train with --snapshots K, or name their folder."
        )
    theta, layout = target.risk.theta, target.risk.layout
    return [theta_of_state(dict(load_checkpoint(f).state), layout, theta) for f in files]


def _ranks(text: str | None, dimensions: int) -> tuple[int, ...]:
    parts = (text or ("1", "1,2")[dimensions - 1]).split(",")
    if len(parts) != dimensions or not all(p.strip().lstrip("-").isdecimal() for p in parts):
        raise click.UsageError(
            f"--eigenvectors must be {('one number', 'two numbers, I,J')[dimensions - 1]}; "
            f"got {text!r}."
        )
    return tuple(int(p) for p in parts)
