"""Grid points: loss-landscapes and Landscaper on SpikingJelly's network, and ours, on one line.

Landscaper is measured where it is installed: it brings scikit-learn, gudhi and topopy for its
topology, none of which a point needs, so it is no dependency of the benchmarks.
"""

import contextlib
import copy
import importlib.metadata
import importlib.util
import io
import statistics
from collections.abc import Callable

import loss_landscapes
import torch
from loss_landscapes.metrics import Loss as TheirLoss

from benchmarks.measure import alternate, ratio
from benchmarks.problem import Problem, unit_vector
from benchmarks.record import Comparison, Row
from landscape.objective.risk import EmpiricalRisk
from landscape.store.points import PointStore
from landscape.surface.evaluate import Span, line_weights, measure_points

_LEAST_RATIO = 3.0
_MOST_OF_FORWARD = 1.1
_DISTANCE = 0.15  # as a share of ‖θ‖


def compare_grid(problem: Problem, *, num_points: int, rounds: int) -> Comparison:
    """A line of points on both sides of the weights, the libraries in turns; an odd number."""
    risk = problem.risk
    step = _landscapers_step(risk, num_points)
    losses: dict[str, list[float]] = {}
    half = num_points // 2
    points = [(float(n - half),) for n in range(num_points)]

    def ours() -> None:
        with PointStore(None, {}) as store:
            span = Span([risk.theta, step])
            measure_points(
                points,
                span,
                line_weights,
                lambda theta: {"loss": risk.evaluate(theta).loss},
                store,
                lambda done, total: None,
            )
            losses["landscape"] = [store.values[p]["loss"] for p in points]

    # loss-landscapes takes its first step before it measures.
    ends = risk.theta - (half + 1) * step, risk.theta + half * step
    calls = {"landscape": ours, "theirs": _interpolation(problem, ends, num_points, losses)}
    if importlib.util.find_spec("landscaper"):
        calls["landscaper"] = _landscaper(problem, step, num_points, losses)
    ours_network = problem.networks["landscape"]

    def bare() -> None:
        with torch.no_grad():
            for _ in points:
                ours_network(problem.inputs)

    seconds = alternate(calls | {"bare": bare}, rounds=rounds)
    faster = ratio(seconds["theirs"], seconds["landscape"])
    of_bare = ratio(seconds["landscape"], seconds["bare"])
    differences = {
        f"largest_difference_of_losses_from_{name}": _difference(losses["landscape"], losses[key])
        for key, name in (("theirs", "loss-landscapes"), ("landscaper", "Landscaper"))
        if key in losses
    }

    def each(name: str) -> float:
        return statistics.median(seconds[name]) / num_points

    return Comparison(
        name="grid",
        title="One grid point",
        setting=f"{num_points} points of a line, {risk.num_examples} images, float32",
        rows=(
            Row(
                method="grid point",
                network="landscape",
                seconds=each("landscape"),
                ratio=1.0,
                target=f"≤ {_MOST_OF_FORWARD} x a bare forward pass",
                meets_target=of_bare <= _MOST_OF_FORWARD,
                note=f"{of_bare:.2f} x a bare forward pass; {1 / each('landscape'):.1f} points/s",
            ),
            *_landscaper_row(seconds, num_points),
            Row(
                method="loss-landscapes",
                network="SpikingJelly",
                seconds=each("theirs"),
                ratio=faster,
                target=f"≥ {_LEAST_RATIO:g}",
                meets_target=faster >= _LEAST_RATIO,
                note=f"{1 / each('theirs'):.1f} points/s",
            ),
        ),
        extra=differences,
    )


def _landscaper_row(seconds: dict[str, list[float]], num_points: int) -> list[Row]:
    if "landscaper" not in seconds:
        return []
    faster = ratio(seconds["landscaper"], seconds["landscape"])
    each = statistics.median(seconds["landscaper"]) / num_points
    return [
        Row(
            method=f"Landscaper {importlib.metadata.version('landscaper')}",
            network="SpikingJelly",
            seconds=each,
            ratio=faster,
            target=f"≥ {_LEAST_RATIO:g}",
            meets_target=faster >= _LEAST_RATIO,
            note=f"{1 / each:.1f} points/s",
        )
    ]


def _landscapers_step(risk: EmpiricalRisk, num_points: int) -> torch.Tensor:
    """Its step of a random direction: every tensor scaled to √size, the whole to a share of ‖θ‖."""
    pieces = risk.layout.split(unit_vector(risk.num_params, seed=3))
    direction = risk.layout.flatten([p * (p.numel() ** 0.5 / p.norm()) for p in pieces])
    scale = float(risk.theta.norm() * _DISTANCE / (num_points / 2) / direction.norm())
    return scale * direction


def _difference(ours: list[float], theirs: list[float]) -> float:
    # Landscaper adds noise to the highest of its values.
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a < max(ours)]
    return max(abs(a - b) for a, b in pairs)


def _landscaper(
    problem: Problem, step: torch.Tensor, num_points: int, losses: dict[str, list[float]]
) -> Callable[[], None]:
    # Late, since it may not be installed.
    from landscaper.compute import (  # type: ignore[import-not-found]  # noqa: PLC0415
        compute_loss_landscape,
    )

    network = copy.deepcopy(problem.networks["SpikingJelly"])
    pieces = [p.clone() for p in problem.risk.layout.split(step)]

    def loss(network: torch.nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> float:
        return float(problem.criterion(network(data[0]), data[1]))

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            values, _ = compute_loss_landscape(
                network,
                (problem.inputs, problem.targets),
                [pieces],
                loss,
                steps=num_points,
                distance=_DISTANCE,
                dim=1,
                device="cpu",
            )
        losses["landscaper"] = values.tolist()

    return run


def _interpolation(
    problem: Problem,
    ends: tuple[torch.Tensor, torch.Tensor],
    num_points: int,
    losses: dict[str, list[float]],
) -> Callable[[], None]:
    start_network = problem.networks["SpikingJelly"]
    metric = TheirLoss(problem.criterion, problem.inputs, problem.targets)

    def run() -> None:
        # It leaves the network that it walks with displaced: each run gets a copy.
        first, last = copy.deepcopy(start_network), copy.deepcopy(start_network)
        with torch.no_grad():
            for network, end in zip((first, last), ends, strict=True):
                pieces = problem.risk.layout.split(end)
                for p, piece in zip(network.parameters(), pieces, strict=True):
                    p.copy_(piece)
        values = loss_landscapes.linear_interpolation(first, last, metric, steps=num_points)
        losses["theirs"] = [float(x) for x in values]

    return run
