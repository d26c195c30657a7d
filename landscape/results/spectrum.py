"""Results about the spectrum of a curvature operator; eigenvalues in loss units per unit of θ²."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Annotated

import numpy as np

from landscape.results.arrays import Array, Shape
from landscape.results.base import Result
from landscape.results.subject import OperatorSpec
from landscape.values import Eigenvalue, Estimate, LargestSum, Population

_FEWEST_STEPS = 10  # of Lanczos, for a density that is drawn: default 25
_ROUNDING = 1e-4  # of ‖A‖: what float32's products are off by at most, with the same spikes


@dataclass(frozen=True, kw_only=True, eq=False)
class Eigenvalues(Result):
    """Eigenvalues at both ends of the spectrum."""

    operator: OperatorSpec
    largest: tuple[Eigenvalue, ...]  # descending
    smallest: tuple[Eigenvalue, ...]  # ascending
    tol: float  # relative to the spectral norm
    num_matvecs: int
    method: str  # e.g. thick-restart Lanczos
    shards: tuple[tuple[float, ...], ...] = ()  # the largest, on each disjoint data shard
    stability_edge: float | None = None  # for the largest: where the optimiser leaves a quadratic
    stability_of: str = ""  # the optimiser at its learning rate; or why there is no edge
    basis_dtype: str | None = None  # of the Lanczos vectors kept, where a Krylov run made these
    orthogonality_loss: float | None = None  # of them, the largest ‖QQᵀ - I‖₂, from below
    largest_sum: LargestSum | None = None  # None with too few pairs, or as of ``no_population``
    no_population: str = ""  # why nothing is said of the set that the examples stand for
    largest_in_float64: float | None = None  # vᵀAv there, v the largest's; of spikes in float32
    no_float64: str = ""  # why it is not known, where it was asked for

    @property
    def rounding_decides(self) -> bool:
        """Whether float64 puts the largest further off than residual, tolerance and rounding do.

        Of one matrix vᵀAv is the Ritz value itself, up to the rounding of products: so the two
        precisions have matrices of their own.
        """
        if self.largest_in_float64 is None:
            return False
        norm = max(abs(e.value) for e in (*self.largest, *self.smallest))
        first = self.largest[0]
        error = max(first.residual, max(self.tol, _ROUNDING) * norm)
        return abs(self.largest_in_float64 - first.value) > error

    @property
    def of_rounding(self) -> str:
        """What float64 says against the largest, or why it was not asked; empty: nothing."""
        if self.rounding_decides:
            return (
                f"in float64 vᵀAv of λ_max is {self.largest_in_float64:.6g}, here "
                f"{self.largest[0].value:.6g}: rounding decides a spike; use --dtype float64"
            )
        if self.no_float64:
            return f"whether rounding decides a spike is not known: {self.no_float64}"
        return ""

    @property
    def num_shown(self) -> tuple[int, int]:
        """How many of the largest, and of the smallest, have ranks that are shown."""
        largest, smallest = (
            sum(1 for _ in takewhile(lambda e: e.rank_shown, end))
            for end in (self.largest, self.smallest)
        )
        return largest, smallest

    @property
    def share_of_edge(self) -> float | None:
        """The largest eigenvalue over the edge of stability; near 1 the optimiser has set it."""
        if self.stability_edge is None or not self.largest:
            return None
        return self.largest[0].value / self.stability_edge

    @property
    def shard_stderr(self) -> tuple[float, ...]:
        """Standard error of each largest eigenvalue from the spread over data shards."""
        if len(self.shards) < 2:
            return ()
        spread = np.std(np.array(self.shards), axis=0, ddof=1) / np.sqrt(len(self.shards))
        return tuple(float(s) for s in spread)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpectralDensity(Result):
    """Eigenvalue density φ(λ) = (1/P) Σ_i δ(λ - λ_i), by stochastic Lanczos quadrature.

    Row k of ``nodes`` and ``weights`` is probe k's quadrature of the whole spectrum: its weights
    sum to 1, and shorter rows are filled up with weight 0. ``atoms`` are the converged
    eigenvalues, which stand among the nodes with weight 1/P each. ``density`` is φ convolved with
    a Gaussian of standard deviation ``bandwidth`` (units of λ).
    """

    operator: OperatorSpec
    nodes: Annotated[Array, Shape("K", "M")]  # num_probes, num_steps
    weights: Annotated[Array, Shape("K", "M")]
    atoms: Annotated[Array, Shape("a")]
    grid: Annotated[Array, Shape("G", ascending=True)]
    density: Annotated[Array, Shape("G")]
    stderr: Annotated[Array, Shape("G")]  # over probes
    bandwidth: float
    num_probes: int
    num_steps: int
    num_matvecs: int
    wasserstein_bound: float | None  # of the un-smoothed density, units of λ
    negative_mass: Estimate  # fraction of eigenvalues below -threshold; error: probes and steps
    negative_threshold: float
    orthogonality_loss: float | None = None  # of the Lanczos vectors, where they were kept

    @property
    def tells_shape(self) -> bool:
        """Whether there are nodes enough, or all eigenvalues, for a curve: else it is the kernel's.

        Moments, and with them traces and norms, are exact from two steps on.
        """
        return self.num_steps >= _FEWEST_STEPS or self.wasserstein_bound == 0


@dataclass(frozen=True, kw_only=True)
class TensorTrace:
    """The share that one tensor of parameters, a diagonal block of the operator, has in a trace."""

    name: str
    num_params: int
    trace: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace(Result):
    """Trace, Frobenius norm and effective rank tr²/‖A‖_F²."""

    operator: OperatorSpec
    trace: Estimate
    frobenius_norm: Estimate | None  # None where the method does not give it
    effective_rank: Estimate | None
    method: str
    num_probes: int
    num_matvecs: int
    deflated: int = 0  # converged eigenpairs whose share of the trace is exact
    shards: tuple[float, ...] = ()  # the trace on each disjoint data shard
    population: Population | None = None  # of the trace
    frobenius_population: Population | None = None
    no_population: str = ""  # why nothing is said of the set that the examples stand for
    tensors: tuple[TensorTrace, ...] = ()  # from the same probes, where a Krylov run gave them

    @property
    def mean_curvature(self) -> Estimate:
        """Trace / P: the mean eigenvalue."""
        return self.trace / self.operator.num_params


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One block of the operator: the parameters of one layer or more, all others held fixed."""

    name: str
    num_params: int
    largest: Eigenvalue | None  # None: not computed, as where probes are those of the whole
    smallest: Eigenvalue | None
    trace: Estimate | None  # None: those probes do not tell it well enough
    num_layers: int = 1  # that share this row


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTable(Result):
    """The diagonal blocks of the operator, layer by layer."""

    operator: OperatorSpec
    rows: tuple[LayerRow, ...]
    num_matvecs: int

    @property
    def joined(self) -> bool:
        """Whether layers share rows, since there are many of them."""
        return any(row.num_layers > 1 for row in self.rows)
