"""One call of a probe: what is asked for, of the network as it is now."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from landscape.analysis.target import Target
from landscape.catalog.optimizers import OPTIMIZERS, Optimizer, OptimizerKind, edge_of
from landscape.checkpoint.optimizer_state import OptimizerState
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.scaling import ScaledOperator, scale_of
from landscape.linalg.operator import Identity, SelfAdjointOperator
from landscape.linalg.trace import deflated_trace
from landscape.linalg.warm import LargestPair, largest_from
from landscape.objective.risk import EmpiricalRisk
from landscape.probe.critical import critical_step
from landscape.results.probe import (
    CRITICAL,
    HESSIAN,
    LAMBDA_MAX,
    PRECONDITIONED,
    TRACE,
    ProbeValues,
)
from landscape.values import Eigenvalue

TOL = 0.02  # residual over value at which a pair is good enough to be followed
LEAST, MOST = 4, 30  # products: Krylov steps from each random start, and all of them in a call
COLD = 12  # Krylov steps where nothing is known yet: few may settle on the second largest
NUM_PROBES = 4  # of a call's trace; their spread is its error
_TURNED = 0.7  # |cos| below which the sharpest direction is another one
_ROUNDING = 4.0  # eps |L|, of a difference of two losses
_FIRST_RATE = 0.1  # without an optimiser and an eigenvalue
_SAM = "sam-"
_NOT_STEPPED = "the optimiser has made no step yet"


@dataclass
class Memory:
    """What one call leaves to the next: warm rows by measure, and the last critical rate."""

    rows: dict[str, Tensor] = field(default_factory=dict)
    rate: float | None = None


@dataclass
class Found:
    """What a call found, by the names of the fields of ``ProbeValues``."""

    values: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    turned: list[str] = field(default_factory=list)
    num_matvecs: int = 0
    num_evaluations: int = 0


class Call:
    """Measures, each of which may fail by itself: a training goes on without it.

    Parameters
    ----------
    state
        The optimiser's; None: it was not passed.
    """

    def __init__(
        self, risk: EmpiricalRisk, state: OptimizerState | None, memory: Memory, rng: Generator
    ) -> None:
        self.risk, self.state, self.memory, self.rng = risk, state, memory, rng
        self.found = Found()
        self.loss = risk.evaluate().loss
        self.found.num_evaluations = 1
        self._hessian = HessianOperator(risk)
        self._pair: LargestPair | None = None

    def run(self, what: Collection[str], forgiven: type[Exception]) -> Found:
        """Measure ``what``, sharing the Hessian's graphs, and the optimiser's edge.

        A measure that ends with a ``forgiven`` error is absent.
        """
        measures: dict[str, Callable[[], None]] = {
            LAMBDA_MAX: self._lambda_max,
            TRACE: self._trace,
            PRECONDITIONED: self._preconditioned,
            CRITICAL: self._critical,
        }
        self._edge()
        for name, measure in measures.items():
            if name not in what:
                continue
            try:
                measure()
            except forgiven as error:
                self.found.absent[name] = reason_of(error)
        self.found.num_matvecs = self._hessian.num_matvecs
        return self.found

    def _lambda_max(self) -> None:
        self._pair = self._follow(LAMBDA_MAX, self._hessian)

    def _follow(self, name: str, A: SelfAdjointOperator) -> LargestPair:
        warm = self.memory.rows.pop(name, None)  # of a call that fails nothing is left
        least = COLD if warm is None else LEAST
        pair = largest_from(A, warm, rng=self.rng, tol=TOL, least=least, most=MOST)
        self.memory.rows[name] = pair.rows
        if warm is not None and pair.overlap < _TURNED:
            self.found.turned.append(name)
        self.found.values[name] = Eigenvalue(
            value=pair.value,
            residual=pair.residual,
            converged=pair.residual <= TOL * abs(pair.value),
        )
        return pair

    def _trace(self) -> None:
        """Ritz vectors of this call, whose part is known, leave the probes less to tell."""
        H, pair = self._hessian, self._pair
        rows = torch.zeros(0, H.dim, dtype=H.dtype, device=H.device) if pair is None else pair.rows
        known = 0.0 if pair is None else float(pair.values.sum())
        self.found.values[TRACE] = deflated_trace(
            H, rows, known, num_matvecs=NUM_PROBES, rng=self.rng
        )

    def _preconditioned(self) -> None:
        if self.state is None:
            raise ValueError("no optimizer was passed")
        if self._kind is None:
            raise ValueError(self.state.reason)
        if self._kind.scale != "optimizer":
            raise ValueError(f"{self._kind.title} has no preconditioner")
        S = scale_of("optimizer", self.risk)
        H: SelfAdjointOperator = self._hessian
        if not bool((S @ torch.ones_like(self.risk.theta)).any()):
            raise ValueError(_NOT_STEPPED)
        if self._decay:
            H = H + self._decay * Identity(H)
        self._follow(PRECONDITIONED, ScaledOperator(H, S))

    @property
    def _known(self) -> Optimizer | None:
        return None if self.state is None else self.state.optimizer

    @property
    def _kind(self) -> OptimizerKind | None:
        """Of the optimiser, or of that which sharpness-aware minimisation wraps."""
        return None if self._known is None else OPTIMIZERS[self._known.kind.removeprefix(_SAM)]

    @property
    def _decay(self) -> float:
        """Weight decay that is part of the gradient, and so of the preconditioned matrix."""
        if self._known is None or self._kind is None or self._kind.is_decoupled:
            return 0.0
        return self._known.weight_decay

    def _edge(self) -> None:
        if self.state is None:
            self.found.absent["edge"] = "no optimizer was passed"
            return
        known, kind = self._known, self._kind
        if known is None or kind is None:
            self.found.absent["edge"] = self.state.reason
            return
        self.found.values["learning_rate"] = known.learning_rate
        scale = kind.scale
        edge = edge_of(known, scale=scale, weight_decay=0.0 if scale == "none" else self._decay)
        if edge.value is None:
            self.found.absent["edge"] = edge.words
            return
        of = LAMBDA_MAX if scale == "none" else PRECONDITIONED
        self.found.values |= {"edge": edge.value, "edge_of": of}

    def _critical(self) -> None:
        risk, theta = self.risk, self.risk.theta
        gradient = risk.gradient()
        update = gradient
        if self.state is not None:
            if self._known is None:
                raise ValueError(self.state.reason)
            if self._known.kind.startswith(_SAM):
                raise ValueError("sharpness-aware minimisation steps along gradients of elsewhere")
            update = self.state.update(risk.layout, theta, gradient).to(theta)
        if not bool(update.any()) and bool(gradient.any()):
            raise ValueError(_NOT_STEPPED)
        slope = float(update.double() @ gradient.double())

        def rise(rate: float) -> float:
            self.found.num_evaluations += 1
            return risk.evaluate(theta - rate * update).loss - self.loss

        rounding = _ROUNDING * torch.finfo(risk.dtype).eps * abs(self.loss)
        found = critical_step(rise, slope, self._guess(), rounding=rounding)
        if found is None:
            self.memory.rate = None
            raise ValueError("the loss hardly falls along the update: no rate was found")
        self.memory.rate = found.rate or None
        self.found.values["critical"] = found
        if (rate := self.found.values.get("learning_rate")) is not None:
            change = rise(rate)
            self.found.values["step_rise"] = change if math.isfinite(change) else None

    def _guess(self) -> float:
        lambda_max = self.found.values.get(LAMBDA_MAX)
        if self.memory.rate is not None:
            return self.memory.rate
        if rate := self.found.values.get("learning_rate"):
            return float(rate)
        if lambda_max is not None and lambda_max.value > 0:
            return 2.0 / float(lambda_max.value)
        return _FIRST_RATE


def reason_of(error: Exception) -> str:
    """Why something could not be measured; of what is no refusal in words, its kind first."""
    if isinstance(error, ValueError):  # CheckpointError, DoesNotApply and UserCodeError too
        return str(error)
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def unmeasured(step: int, target: Target, what: Collection[str], reason: str) -> ProbeValues:
    """Of a call that failed as a whole."""
    return ProbeValues(
        step=step,
        matrix=matrix_of(target),
        loss=math.nan,
        absent=dict.fromkeys((*what, "edge"), reason),
        num_matvecs=0,
        num_evaluations=0,
        seconds=0.0,
        share=0.0,
    )


def matrix_of(target: Target) -> str:
    """Whose eigenvalues and trace are measured, in words."""
    if target.subject.spiking:
        return f"formal Hessian of the surrogate ({target.subject.surrogate})"
    return HESSIAN
