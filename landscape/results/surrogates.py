"""The curvature of the same weights under several surrogates: the loss is the same under all."""

from dataclasses import dataclass

from landscape.results.base import Result
from landscape.results.fidelity import Ratio
from landscape.results.subject import OperatorSpec
from landscape.values import Eigenvalue, Estimate


@dataclass(frozen=True, kw_only=True)
class SurrogateRow:
    """The formal Hessian under one surrogate, and whether it predicts the loss."""

    surrogate: str  # e.g. atan(alpha=2)
    is_own: bool  # whether the network has it as it is
    grad_norm: float  # ‖∇L‖ of the surrogate's gradient
    largest: Eigenvalue
    trace: Estimate
    frobenius_norm: Estimate | None
    ratio: Ratio | None  # measured over predicted curvature along its own top eigenvector
    verdict: str  # of a fidelity test: usable | usable-above | misleading | undecided


@dataclass(frozen=True, kw_only=True, eq=False)
class SurrogateTable(Result):
    """A row for each surrogate."""

    operator: OperatorSpec
    rows: tuple[SurrogateRow, ...]
    reference_radius: float  # r = t / ‖θ‖ at which ratios are taken
    num_matvecs: int
    num_evaluations: int
