"""The trace, by the estimator that promises least error, to a budget or to a relative error."""

from typing import Literal, Protocol, get_args

import torch
from torch import Generator

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.sketch import XNysTraceSketch, XTraceSketch, sketch_memory
from landscape.linalg.trace import exact_trace, hutchpp_trace, probe_forms
from landscape.linalg.units import Keep, afresh
from landscape.memory import DEFAULT_MEMORY
from landscape.values import Estimate

Method = Literal["auto", "exact", "hutchinson", "hutch++", "xtrace", "xnystrace"]

_FIRST_LOOK = 8  # probes before an estimate may say that it is good enough


class _Growing(Protocol):
    """An estimator that takes more probes and can say at any time what it has."""

    @property
    def num_probes(self) -> int: ...
    def add(self, count: int, rng: Generator) -> None: ...
    def estimate(self) -> Estimate: ...


class _Hutchinson:
    def __init__(self, A: SelfAdjointOperator, keep: Keep) -> None:
        self.A, self.keep = A, keep
        self.forms: list[float] = []

    @property
    def num_probes(self) -> int:
        return len(self.forms)

    def add(self, count: int, rng: Generator) -> None:
        self.forms += probe_forms(
            self.A, num_probes=count, rng=rng, keep=self.keep, first=self.num_probes
        )

    def estimate(self) -> Estimate:
        return estimate_mean(torch.tensor(self.forms, dtype=torch.float64))


def estimate_trace(
    A: SelfAdjointOperator,
    *,
    num_matvecs: int,
    rng: Generator,
    rel_error: float | None = None,
    psd: bool = False,
    method: Method = "auto",
    memory: int = DEFAULT_MEMORY,
    keep: Keep = afresh,
) -> tuple[Estimate, Method]:
    """Estimate tr A with ``num_matvecs`` products at most; returns the method used as well.

    Parameters
    ----------
    rel_error
        Stop as soon as the standard error is this share of the estimate, or less.
    psd
        Whether A is known to be positive semidefinite.
    method
        ``auto`` takes the least error to be had: the exact trace where n products are allowed
        (to a relative error: where n is so small that no estimate stops sooner), XNysTrace where A
        is positive semidefinite, XTrace otherwise, and Hutchinson where no sketch fits into
        ``memory`` bytes. With a few dominant eigenvalues XTrace is better than Hutchinson by orders
        of magnitude, on a flat spectrum worse by √2: a pilot that tried to tell the two apart cost
        more than it saved.
    keep
        Of the products where the estimator holds vectors, of their forms elsewhere.
    """
    if rel_error is not None and not rel_error > 0:
        raise ValueError(f"rel_error must be positive, or None; got {rel_error}.")
    chosen = _resolve(A, method, num_matvecs, psd, memory, stops=rel_error is not None)
    match chosen:
        case "exact":
            return exact_trace(A, keep), chosen
        case "hutch++":
            if rel_error is not None:
                raise ValueError("rel_error needs a method that grows, e.g. auto; got hutch++.")
            return hutchpp_trace(A, num_matvecs=num_matvecs, rng=rng, keep=keep), chosen
        case "hutchinson":
            return _grow(_Hutchinson(A, keep), num_matvecs, rel_error, rng), chosen
        case "xnystrace":
            num_probes = min(num_matvecs, A.dim)
            return _grow(XNysTraceSketch(A, num_probes, keep), num_probes, rel_error, rng), chosen
        case _:
            num_probes = min(num_matvecs // 2, A.dim)
            return _grow(XTraceSketch(A, num_probes, keep), num_probes, rel_error, rng), "xtrace"


def _resolve(
    A: SelfAdjointOperator, method: Method, num_matvecs: int, psd: bool, memory: int, *, stops: bool
) -> Method:
    """What ``auto`` means here; the named method otherwise."""
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}; got {method!r}.")
    least = {"exact": A.dim, "hutch++": 6, "hutchinson": 2, "xnystrace": 2}.get(method, 4)
    # To a relative error the exact trace is worth it only where no estimate could stop sooner.
    worth = A.dim <= 2 * _FIRST_LOOK if stops else A.dim <= num_matvecs
    all_columns = method == "auto" and worth and num_matvecs >= A.dim
    if num_matvecs < least and not all_columns:
        raise ValueError(f"num_matvecs must be at least {least} for {method}; got {num_matvecs}.")
    if method != "auto":
        return method
    if all_columns:
        return "exact"
    if sketch_memory(A.dim, num_matvecs, A.dtype) > memory:
        return "hutchinson"
    return "xnystrace" if psd else "xtrace"


def _grow(sketch: _Growing, num_probes: int, rel_error: float | None, rng: Generator) -> Estimate:
    """Add probes up to ``num_probes``, or until a look finds the error small enough."""
    if rel_error is None:
        sketch.add(num_probes, rng)
        return sketch.estimate()
    more = _FIRST_LOOK
    while True:
        sketch.add(min(more, num_probes - sketch.num_probes), rng)
        now = sketch.estimate()
        if now.error <= rel_error * abs(now.mean) or sketch.num_probes >= num_probes:
            return now
        # Looking rarely keeps the stop from waiting for a lucky low of the error itself.
        more = max(2, sketch.num_probes // 4)
