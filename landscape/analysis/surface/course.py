"""Where a line or plane goes from a checkpoint: its directions, rescaled to the checkpoint."""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.analysis.progress import Progress
from landscape.analysis.target import Target
from landscape.curvature.graphs import rebatched
from landscape.curvature.scaling import relative_scale
from landscape.objective.risk import EmpiricalRisk
from landscape.parameters import ParameterLayout
from landscape.results import DirectionSpec, Trajectory
from landscape.surface.bezier import train_bend
from landscape.surface.direction_files import RawDirections, load_directions
from landscape.surface.directions import normalise, random_directions, sha256_of_direction
from landscape.surface.evaluate import Weights, bezier_weights, chord_weights, line_weights
from landscape.surface.trajectory import trajectory_plane

_BEND_BATCH = 64  # examples a step: for equal work, the curve comes out lower than with more


class Course(NamedTuple):
    """Points Σ_k w_k V_k, with w a function of one or two coordinates."""

    vectors: tuple[Tensor, ...]  # V_0 … V_K, shape (P,); V_0 is the checkpoint's θ
    weights: Weights
    specs: tuple[DirectionSpec, ...]  # one a coordinate
    raw: RawDirections  # for save_directions
    straight: bool = True  # point = θ + Σ_k x_k d_k with d_k = vectors[k]
    trajectory: Trajectory | None = None


def random_course(target: Target, *, dimensions: int, normalisation: str, draw: int = 0) -> Course:
    """Directions drawn with the target's seed, the same for every checkpoint of a network.

    ``draw`` counts further, independent draws with the same seed.
    """
    purpose = f"surface direction {draw}"
    vectors = random_directions(target.risk.layout, dimensions, target.generator(purpose))
    raw = RawDirections(tuple(vectors), "random", target.settings.seed)
    return course_along(target, raw, normalisation=normalisation)


def course_along(target: Target, raw: RawDirections, *, normalisation: str) -> Course:
    """The line or plane through θ along given raw directions, each rescaled to the weights.

    As :func:`normalise` does, or with ``symmetry`` as noise of that scale is: d = S ε, ε the raw
    direction at the length √P. Moved along a symmetry S becomes J S O, J the move and O orthogonal,
    so that a moved copy has the same losses along the direction O'ε.
    """
    theta, layout = target.risk.theta, target.risk.layout
    if normalisation == "symmetry":
        walked = _scaled(target.risk, raw.vectors)
    else:
        walked = [normalise(v, theta, layout, normalisation) for v in raw.vectors]
    texts = raw.descriptions or ("",) * len(walked)
    specs = tuple(
        DirectionSpec(
            kind=raw.kind,
            normalisation=normalisation,
            seed=raw.seed,
            sha256=sha256_of_direction(vector),
            norm=d.double().norm().item(),
            description=text,
        )
        for vector, d, text in zip(raw.vectors, walked, texts, strict=True)
    )
    return Course((theta, *walked), line_weights, specs, raw)


def file_course(target: Target, path: Path, *, dimensions: int, normalisation: str) -> Course:
    """The first one or two directions of a file, shared between checkpoints of one network.

    A stored Bezier curve is walked as such, from this target.
    """
    raw = load_directions(path, target.risk.layout)
    theta = target.risk.theta
    if raw.kind == "bezier":
        bend, end = (theta + v.to(theta) for v in raw.vectors)
        spec = _spec_of_curve(raw, raw.vectors[1])
        return Course((theta, bend, end), bezier_weights, (spec,), raw, straight=False)
    if len(raw.vectors) < dimensions:
        raise ValueError(
            f"{path} holds {len(raw.vectors)} direction(s); this surface needs {dimensions}. "
            "Leave --y out, or make a file with two directions."
        )
    raw = raw._replace(vectors=raw.vectors[:dimensions], descriptions=raw.descriptions[:dimensions])
    return course_along(target, raw, normalisation=normalisation)


def between_course(target: Target, other: Target) -> Course:
    """The straight line from ``target`` (0) to ``other`` (1), both ends exact."""
    _check_same_network(target, other)
    start, end = target.risk.theta, other.risk.theta
    step = end - start
    raw = RawDirections((step,), "between", None, (f"towards {other.subject.label}",))
    spec = _spec_of_curve(raw, step)
    return Course((start, end), chord_weights, (spec,), raw, straight=False)


def bezier_course(
    target: Target, other: Target, *, num_steps: int, learning_rate: float, progress: Progress
) -> Course:
    """A quadratic Bezier curve from ``target`` (0) to ``other`` (1), its bend trained.

    The bend is trained on small parts of the target's batches in turn, batch norm using each
    part's statistics, since running statistics of either end say nothing about the curve between
    them.
    """
    _check_same_network(target, other)
    start, end = target.risk.theta, other.risk.theta
    bend = train_bend(
        _batch_gradient(target.risk),
        start,
        end,
        num_steps=num_steps,
        learning_rate=learning_rate,
        rng=target.generator("bezier curve"),
        progress=progress,
    )
    text = f"to {other.subject.label}, bend trained for {num_steps} steps of {learning_rate:g}"
    raw = RawDirections((bend - start, end - start), "bezier", target.settings.seed, (text, text))
    spec = _spec_of_curve(raw, end - start)
    return Course((start, bend, end), bezier_weights, (spec,), raw, straight=False)


def trajectory_course(target: Target, snapshots: Sequence[Tensor]) -> Course:
    """The plane of a run's snapshots, shape (P,) each, through the target, its last."""
    theta = target.risk.theta
    earlier = [s for s in snapshots if not torch.equal(s, theta)]  # training stores the last too
    plane = trajectory_plane([*earlier, theta])
    texts = tuple(
        f"principal component {k} of {len(earlier) + 1} snapshots, {share:.1%} of their variance"
        for k, share in enumerate(plane.explained_variance, start=1)
    )
    raw = RawDirections(tuple(plane.directions), "trajectory", None, texts)
    course = course_along(target, raw, normalisation="none")
    trajectory = Trajectory(
        points=plane.coordinates.cpu().numpy(),
        errors=plane.errors.cpu().numpy(),
        explained_variance=plane.explained_variance,
        reconstruction_error=plane.reconstruction_error,
    )
    return course._replace(trajectory=trajectory)


def theta_of_state(state: dict[str, Tensor], layout: ParameterLayout, like: Tensor) -> Tensor:
    """θ of a checkpoint's tensors, shape (P,), for the parameters that ``layout`` names.

    Raises
    ------
    ValueError
        If one is missing or has another shape.
    """
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        if name not in state or state[name].shape != shape:
            got = tuple(state[name].shape) if name in state else "none"
            raise ValueError(
                f"the snapshot's {name!r} must have shape {tuple(shape)}; it has {got}. Snapshots "
                "must be of the run that the checkpoint comes from."
            )
    return layout.flatten(state).to(dtype=like.dtype, device=like.device)


def _scaled(risk: EmpiricalRisk, vectors: Sequence[Tensor]) -> list[Tensor]:
    S, length = relative_scale("symmetry", risk), risk.num_params**0.5
    raw = [v.to(risk.theta) for v in vectors]
    return [S @ (v * (length / float(v.norm().clamp_min(1e-300)))) for v in raw]


def _batch_gradient(risk: EmpiricalRisk) -> Callable[[Tensor], Tensor]:
    size = -(-max(risk.batch_sizes()) // -(-max(risk.batch_sizes()) // _BEND_BATCH))
    # Equal parts, so that none is left with too few examples for batch norm.
    small = rebatched(risk, size).with_batch_norm("train")
    turn = cycle([small.on([part]) for part in small.batches])
    return lambda theta: next(turn).gradient(theta)


def _spec_of_curve(raw: RawDirections, step: Tensor) -> DirectionSpec:
    return DirectionSpec(
        kind=raw.kind,
        normalisation="none",
        seed=raw.seed,
        sha256=sha256_of_direction(torch.cat(raw.vectors)),
        norm=step.double().norm().item(),
        description=raw.descriptions[0],
    )


def _check_same_network(target: Target, other: Target) -> None:
    mine, theirs = target.risk.layout, other.risk.layout
    if mine != theirs:
        differing = [
            f"{n} {tuple(a)}"
            for n, a in zip(mine.names, mine.shapes, strict=True)
            if n not in theirs.names or theirs.shapes[theirs.names.index(n)] != a
        ]
        raise ValueError(
            f"a path between two checkpoints needs the same network; {other.subject.label} does "
            f"not have {', '.join(differing[:3]) or 'the same order of parameters'}."
        )
