"""What a run will cost: one loss, one gradient and two matvecs timed, the rest counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Work
from landscape.catalog import ANALYSES, resolve
from landscape.curvature.graphs import GraphCache
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.jacobian import JacobianOperator
from landscape.curvature.operators import make_operator
from landscape.linalg.operator import SelfAdjointOperator


@dataclass(frozen=True)
class ForecastLine:
    """One analysis: how many matvecs and losses it takes, at most how many bytes, how long."""

    name: str
    num_matvecs: int
    num_losses: int
    peak_bytes: int
    seconds: float


def forecast(target: Target, suite: SuiteSettings, names: Sequence[str]) -> list[ForecastLine]:
    """Forecast the analyses called ``names`` on ``target``."""
    loss_seconds = _timed(target.risk.evaluate, target.device)
    A = make_operator(target.risk, suite.operator, weight_decay=suite.weight_decay)
    v = torch.ones(A.dim, dtype=A.dtype, device=A.device)
    # The first builds the graphs, and compiles where it compiles.
    first_seconds = _once(lambda: A @ v, target.device)
    matvec_seconds = _timed(lambda: A @ v, target.device)
    graphs = _graphs(A)
    kept = graphs.bytes_kept + graphs.largest_graph
    work = Work(target, suite, graph_bytes=graphs.largest_graph, kept_bytes=kept)
    # A Krylov step also orthogonalises: two passes over the basis, twice.
    passes = 4 * A.dim * A.dtype.itemsize * min(work.basis, work.search) / 2
    orthogonalise = passes / _copy_rate(A)
    lines = []
    for name in names:
        cost: Cost = resolve(ANALYSES[name].cost)(work)
        seconds = cost.num_matvecs * (matvec_seconds + orthogonalise)
        seconds += cost.num_losses * loss_seconds
        if cost.num_matvecs > 1:
            seconds += max(0.0, first_seconds - matvec_seconds)
        lines.append(ForecastLine(name, *cost, seconds))
    return lines


def _graphs(A: SelfAdjointOperator) -> GraphCache[object]:
    while A.parts:  # scaled, or shifted by the weight decay: the curvature comes first
        A = A.parts[0]
    assert isinstance(A, HessianOperator | JacobianOperator)
    return A.graphs  # type: ignore[return-value]


def _once(run: Callable[[], object], device: torch.device) -> float:
    started = perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - started


def _timed(run: Callable[[], object], device: torch.device) -> float:
    """The median of three, after one that is not counted."""
    _once(run, device)
    return sorted(_once(run, device) for _ in range(3))[1]


def _copy_rate(A: SelfAdjointOperator) -> float:
    """Bytes a second that a long vector is read with."""
    rows = torch.ones(8, A.dim, dtype=A.dtype, device=A.device)
    v = torch.ones(A.dim, dtype=A.dtype, device=A.device)
    seconds = _timed(lambda: rows @ v, A.device)
    return rows.numel() * A.dtype.itemsize / max(seconds, 1e-9)
