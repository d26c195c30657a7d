"""Grid points: loss-landscapes on SpikingJelly's network, and ours, over the same line."""

import copy
import statistics
from collections.abc import Callable

import loss_landscapes
import torch
from loss_landscapes.metrics import Loss as TheirLoss

from benchmarks.measure import alternate, ratio
from benchmarks.problem import Problem, unit_vector
from benchmarks.record import Comparison, Row
from landscape.surface.evaluate import Span, line_weights, measure_points
from landscape.surface.store import PointStore

_LEAST_RATIO = 3.0
_MOST_OF_FORWARD = 1.1


def compare_grid(problem: Problem, *, num_points: int, rounds: int) -> Comparison:
    """A line of points from the weights along a random direction, both libraries in turns."""
    risk = problem.risk
    direction = unit_vector(risk.num_params, seed=3) * (0.3 * risk.theta.norm())
    losses: dict[str, list[float]] = {}
    # loss-landscapes takes its first step before it measures.
    points = [((n + 1) / num_points,) for n in range(num_points)]

    def ours() -> None:
        with PointStore(None, {}) as store:
            span = Span([risk.theta, direction])
            measure_points(
                points,
                span,
                line_weights,
                lambda theta: {"loss": risk.evaluate(theta).loss},
                store,
                lambda done, total: None,
            )
            losses["landscape"] = [store.values[p]["loss"] for p in points]

    theirs = _interpolation(problem, risk.theta + direction, num_points, losses)
    ours_network = problem.networks["landscape"]

    def bare() -> None:
        with torch.no_grad():
            for _ in points:
                ours_network(problem.inputs)

    seconds = alternate({"landscape": ours, "theirs": theirs, "bare": bare}, rounds=rounds)
    faster = ratio(seconds["theirs"], seconds["landscape"])
    of_bare = ratio(seconds["landscape"], seconds["bare"])
    first, second = losses["landscape"], losses["theirs"]
    difference = max(abs(a - b) for a, b in zip(first, second, strict=True))

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
        extra={"largest_difference_of_losses": difference},
    )


def _interpolation(
    problem: Problem, end: torch.Tensor, num_points: int, losses: dict[str, list[float]]
) -> Callable[[], None]:
    start_network = problem.networks["SpikingJelly"]
    metric = TheirLoss(problem.criterion, problem.inputs, problem.targets)

    def run() -> None:
        # It leaves the network that it walks with displaced: each run gets a copy.
        first, last = copy.deepcopy(start_network), copy.deepcopy(start_network)
        with torch.no_grad():
            for p, piece in zip(last.parameters(), problem.risk.layout.split(end), strict=True):
                p.copy_(piece)
        values = loss_landscapes.linear_interpolation(first, last, metric, steps=num_points)
        losses["theirs"] = [float(x) for x in values]

    return run
