"""What a run will cost: a few losses and matvecs timed, the rest counted."""

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


@dataclass(frozen=True)
class Rates:
    """What single passes over the examples take, and what they hold."""

    loss_seconds: float
    first_seconds: float  # of the product that builds the graphs
    matvec_seconds: float
    vector_bytes: int  # of a vector of length P
    copy_rate: float  # bytes of a long vector that are read in a second
    largest_graph: int  # bytes
    kept_bytes: int


def forecast(target: Target, suite: SuiteSettings, names: Sequence[str]) -> list[ForecastLine]:
    """Forecast the analyses called ``names`` on ``target``."""
    return counted(measured_rates(target, suite), target, suite, names)


def measured_rates(target: Target, suite: SuiteSettings) -> Rates:
    """Time the operator of ``suite`` and the loss of ``target``, whatever the budget."""
    loss_seconds = _timed(target.risk.evaluate, target.device)
    A = make_operator(target.risk, suite.operator, weight_decay=suite.weight_decay)
    v = torch.ones(A.dim, dtype=A.dtype, device=A.device)
    # The first builds the graphs, and compiles where it compiles.
    first_seconds = _once(lambda: A @ v, target.device)
    matvec_seconds = _timed(lambda: A @ v, target.device)
    graphs = _graphs(A)
    return Rates(
        loss_seconds,
        first_seconds,
        matvec_seconds,
        vector_bytes=A.dim * A.dtype.itemsize,
        copy_rate=_copy_rate(A),
        largest_graph=graphs.largest_graph,
        kept_bytes=graphs.bytes_kept + graphs.largest_graph,
    )


def counted(
    rates: Rates, target: Target, suite: SuiteSettings, names: Sequence[str]
) -> list[ForecastLine]:
    """Forecast from ``rates``, for one budget after the other: no further pass over the examples.

    Symmetries of the network are looked for on a few of them, once.
    """
    work = Work(
        target,
        suite,
        graph_bytes=rates.largest_graph,
        kept_bytes=rates.kept_bytes,
        names=names,
    )
    # A Krylov step also orthogonalises: two passes over the basis, twice.
    passes = 4 * rates.vector_bytes * min(work.basis, work.search_of(work.num_pairs)) / 2
    orthogonalise = passes / rates.copy_rate
    lines = []
    for name in names:
        cost: Cost = resolve(ANALYSES[name].cost)(work)
        seconds = cost.num_matvecs * (rates.matvec_seconds + orthogonalise)
        seconds += cost.num_losses * rates.loss_seconds
        if cost.num_matvecs > 1:
            seconds += max(0.0, rates.first_seconds - rates.matvec_seconds)
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
