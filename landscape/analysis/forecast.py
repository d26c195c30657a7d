"""What a run will cost: one loss, one gradient and two matvecs timed, the rest counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from landscape.analysis.fidelity import operator_names
from landscape.analysis.layer_rows import rows_within, usual_matvecs
from landscape.analysis.sharpness_rows import cost_of
from landscape.analysis.suite import SuiteSettings
from landscape.analysis.target import Target
from landscape.curvature.graphs import GraphCache
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.jacobian import JacobianOperator
from landscape.curvature.operators import make_operator
from landscape.linalg.eigen import choose_max_basis, krylov_memory
from landscape.linalg.operator import SelfAdjointOperator
from landscape.snn.altered import has_smooth_twin

# Matvecs that thick-restart Lanczos takes a wanted pair, beyond a constant; measured on trained
# spiking networks (benchmarks/README.md).
_MATVECS_A_PAIR = 2.5
_MATVECS_AT_LEAST = 20
_PREFLIGHT_MATVECS = 16


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
    budget = suite.budget
    pairs = min(A.dim, budget.num_largest + budget.num_smallest)
    search = int(_MATVECS_AT_LEAST + _MATVECS_A_PAIR * pairs + pairs)
    spectrum = search + budget.num_probes * budget.num_steps
    basis = choose_max_basis(A.dim, pairs, A.dtype, num_spare=budget.num_steps)
    krylov = krylov_memory(A.dim, basis, A.dtype)
    kept = graphs.bytes_kept + graphs.largest_graph
    probes = {"num_probes": budget.layer_probes, "num_steps": budget.layer_steps}
    limit = None if suite.all_layers else budget.layers_max_matvecs
    rows = rows_within(target.risk.layout.names, **probes, limit=limit)
    fidelity = budget.fidelity
    sharp = cost_of(target, budget.sharpness)
    operators = len(operator_names(target, fidelity))
    num_directions = (
        operators * (fidelity.num_top + fidelity.num_bottom)
        + fidelity.num_random
        + fidelity.num_filter
    )
    slopes = len(fidelity.slopes) if has_smooth_twin(target.model) else 0
    smoothed = 0 if fidelity.smoothing_radius is None else 6 * fidelity.num_pairs
    counts = {  # name: matvecs, losses, bytes
        "preflight": (_PREFLIGHT_MATVECS, 4, graphs.largest_graph),
        "spectrum": (spectrum, 0, kept + krylov),
        "scaled": (spectrum, 0, kept + krylov),
        "layers": (len(rows) * usual_matvecs(**probes), 0, kept),
        "line": (1, budget.num_directions * budget.line_points, graphs.largest_graph),
        "plane": (0, budget.plane_points**2, graphs.largest_graph),
        "sharpness": (sharp.num_matvecs, sharp.num_losses, graphs.largest_graph),
        "fidelity": (
            operators * (fidelity.max_matvecs + num_directions)
            + slopes * operators * num_directions,
            1 + num_directions * (2 * len(fidelity.radii) + smoothed),
            kept,
        ),
        "training": (0, 0, 0),
    }
    # A Krylov step also orthogonalises: two passes over the basis, twice.
    passes = 4 * A.dim * A.dtype.itemsize * min(basis, search) / 2
    orthogonalise = passes / _copy_rate(A)
    lines = []
    for name in names:
        matvecs, losses, peak = counts[name]
        seconds = matvecs * (matvec_seconds + orthogonalise) + losses * loss_seconds
        if matvecs > 1:
            seconds += max(0.0, first_seconds - matvec_seconds)
        lines.append(ForecastLine(name, matvecs, losses, peak, seconds))
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
