"""Curvature while a network trains: what a probe measures at a step, and its course over steps."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from landscape.results.arrays import Array, Shape
from landscape.results.base import Result, ResultError
from landscape.results.subject import Provenance, Subject
from landscape.values import Eigenvalue, Estimate

LAMBDA_MAX, TRACE = "lambda_max", "trace"
CRITICAL, PRECONDITIONED = "critical_sharpness", "preconditioned_lambda_max"
MEASURES = (LAMBDA_MAX, TRACE, CRITICAL, PRECONDITIONED)
FILE = "probe.jsonl"  # in the folder of a run


HESSIAN = "Hessian"  # of a network without spikes


@dataclass(frozen=True, kw_only=True)
class CriticalStep:
    """The smallest learning rate at which the optimiser's next update raises the loss, η_c.

    Kalra et al. 2026, arXiv 2601.16979: critical sharpness is 2 / η_c. It lies in [low, high], the
    last rate at which the loss fell and the first at which it did not; 0 where it rises at once.
    """

    low: float
    high: float

    @property
    def rate(self) -> float:
        """The middle of the bracket, in logarithms."""
        return math.sqrt(self.low * self.high)

    @property
    def sharpness(self) -> float | None:
        """2 / η_c; None where no rate lowers the loss."""
        return 2 / self.rate if self.rate > 0 else None


@dataclass(frozen=True, kw_only=True)
class ProbeValues:
    """What a probe measured at one step, with errors; None where it was not asked for or not had.

    Attributes
    ----------
    matrix
        Whose eigenvalues and trace these are: the Hessian, or a spiking network's formal one.
    lambda_max, preconditioned_lambda_max
        Values with the residuals of products made in this call.
    turned
        Which of these two belong to another direction than at the call before.
    trace
        The mean over probes with its standard error.
    critical
        Of the step along the optimiser's next update.
    step_rise
        By which that update raises the loss of the probe's examples at the learning rate in use.
    learning_rate, edge, edge_of
        The optimiser's; its edge of stability, and the measure that it is the edge of.
    absent
        Why a measure that was asked for is not there, by its name.
    warnings
        Alarms that were raised at this step.
    notes
        What should be known of the numbers; at the first call of a probe.
    num_matvecs, num_evaluations
        Hessian-vector products and forward passes over the probe's examples.
    seconds, share
        That this call took; that all calls took of the time since the first one.
    """

    step: int
    matrix: str
    loss: float
    lambda_max: Eigenvalue | None = None
    preconditioned_lambda_max: Eigenvalue | None = None
    turned: tuple[str, ...] = ()
    trace: Estimate | None = None
    critical: CriticalStep | None = None
    step_rise: float | None = None
    learning_rate: float | None = None
    edge: float | None = None
    edge_of: str = ""
    absent: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    num_matvecs: int
    num_evaluations: int
    seconds: float
    share: float

    def scalars(self, prefix: str = "") -> dict[str, float]:
        """All numbers that there are, flat, for any logger: ``wandb.log(values.scalars())``."""
        numbers = {
            name: value
            for name, value in self.record().items()
            if isinstance(value, int | float) and name != "step"
        }
        return {f"{prefix}{name}": float(value) for name, value in numbers.items()}

    def record(self) -> dict[str, Any]:
        """One flat object: a line of the probe's file. None: not there."""
        found: dict[str, Any] = {"step": self.step, "matrix": self.matrix, "loss": self.loss}
        for name in (LAMBDA_MAX, PRECONDITIONED):
            pair = getattr(self, name)
            found[name] = None if pair is None else pair.value
            found[f"{name}_residual"] = None if pair is None else pair.residual
        estimate, critical = self.trace, self.critical
        found[TRACE] = None if estimate is None else estimate.mean
        found[f"{TRACE}_stderr"] = None if estimate is None else estimate.stderr
        found[CRITICAL] = None if critical is None else critical.sharpness
        found["critical_rate"] = None if critical is None else critical.rate
        found["critical_rate_low"] = None if critical is None else critical.low
        found["critical_rate_high"] = None if critical is None else critical.high
        found |= {
            "step_rise": self.step_rise,
            "learning_rate": self.learning_rate,
            "edge": self.edge,
            "edge_of": self.edge_of or None,
            "turned": list(self.turned),
            "absent": dict(self.absent),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "num_matvecs": self.num_matvecs,
            "num_evaluations": self.num_evaluations,
            "seconds": round(self.seconds, 6),
            "share": round(self.share, 6),
        }
        is_lost = {k for k, v in found.items() if isinstance(v, float) and not math.isfinite(v)}
        return found | dict.fromkeys(is_lost)


BySteps = Annotated[Array, Shape("S", measured=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeCurves(Result):
    """What a probe left of a training, call by call; NaN where a call has no value."""

    matrix: str
    steps: Annotated[Array, Shape("S")]
    loss: BySteps
    learning_rate: BySteps
    edge: BySteps
    lambda_max: BySteps
    lambda_max_residual: BySteps
    preconditioned_lambda_max: BySteps
    preconditioned_lambda_max_residual: BySteps
    trace: BySteps
    trace_stderr: BySteps
    critical_sharpness: BySteps
    edge_of: str = ""  # the measure that the edge is one of; empty: no edge is known
    turned: tuple[int, ...] = ()  # steps at which a sharpest direction was another one
    warnings: tuple[str, ...] = ()  # with their steps
    notes: tuple[str, ...] = ()

    @property
    def sharpness(self) -> str:
        """Which eigenvalue is drawn: the one that the edge is of."""
        return self.edge_of or LAMBDA_MAX


_COLUMNS = (
    "loss",
    "learning_rate",
    "edge",
    LAMBDA_MAX,
    f"{LAMBDA_MAX}_residual",
    PRECONDITIONED,
    f"{PRECONDITIONED}_residual",
    TRACE,
    f"{TRACE}_stderr",
    CRITICAL,
)


def probe_curves(text: str, *, subject: Subject, provenance: Provenance) -> ProbeCurves | None:
    """The course of a training from the JSON Lines that a probe writes; None: no line yet.

    Raises
    ------
    ResultError
        If a line is none of a probe's.
    """
    try:
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not records:
            return None
        columns = {
            name: np.array([_number(record.get(name)) for record in records]) for name in _COLUMNS
        }
        return ProbeCurves(
            subject=subject,
            provenance=provenance,
            matrix=str(records[-1]["matrix"]),
            steps=np.array([float(record["step"]) for record in records]),
            edge_of=next((e for r in reversed(records) if (e := r["edge_of"]) in MEASURES), ""),
            turned=tuple(int(r["step"]) for r in records if r["turned"]),
            warnings=_told(records, lambda r: [f"step {r['step']}: {w}" for w in r["warnings"]]),
            notes=_told(records, lambda r: r["notes"]),
            **columns,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            "a probe's file must be JSON Lines with a step and what was measured at it on each "
            f"line; got {text[:60]!r} ({error})."
        ) from error


def _told(
    records: Iterable[Mapping[str, Any]], words: Callable[[Mapping[str, Any]], list[str]]
) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(w) for record in records for w in words(record)))


def _number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]
