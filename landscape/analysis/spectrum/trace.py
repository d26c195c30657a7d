"""The trace alone, by the estimator that promises least error at a budget of matvecs."""

from pathlib import Path

from landscape.analysis.memory import memory_of_sketch
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.population import (
    grouped_operator,
    of_norm,
    of_trace,
    stated,
)
from landscape.analysis.spectrum.results import (
    operator_of,
    operator_spec,
    root_of,
    vouched,
)
from landscape.analysis.spectrum.settings import TraceSettings
from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.distributed import alone
from landscape.linalg.estimate_trace import estimate_trace
from landscape.linalg.trace import frobenius_squared
from landscape.linalg.units import within
from landscape.results import Trace
from landscape.store.identity import identity_of
from landscape.store.units import journal, told
from landscape.values import Estimate, joint

# One product in six goes to the Frobenius norm, which needs fewer, and never more than so many.
_SHARE_OF_NORM = 6
_MOST_FOR_NORM = 100


def trace_of(
    target: Target, *, settings: TraceSettings, state: Path | None = None, progress: Progress
) -> Trace:
    """Trace, Frobenius norm and effective rank tr²/‖A‖_F², each with its standard error.

    With ``state``, a killed run goes on after its last matvec. Of a target that is shared by
    probes, each process computes other products.

    Raises
    ------
    ValueError
        For settings out of range, parameters that match nothing, or xnystrace on an operator
        that may have negative eigenvalues.
    """
    clock = start_clock()
    psd = OPERATORS[settings.operator].is_definite and settings.weight_decay >= 0
    if settings.method == "xnystrace" and not psd:
        raise ValueError(
            "xnystrace needs an operator without negative eigenvalues, "
            f"{' or '.join(n for n, kind in OPERATORS.items() if kind.is_definite)}; got "
            f"{settings.operator}. Take --method xtrace."
        )
    with alone(target.by_probes):  # the risk's sums are over what this process has: all
        A = operator_of(target, settings)
        known = stated(target)
        by_groups = grouped_operator(target, settings) if known.is_sampled else A
    for_norm = min(max(2, settings.num_matvecs // _SHARE_OF_NORM), _MOST_FOR_NORM)
    groups = {} if by_groups is A else {"groups": len(by_groups.parts)}
    memory = memory_of_sketch(A, target.settings.memory)
    # Another budget may choose another method, whose units are other ones.
    budget = {} if target.settings.memory is None else {"sketch": memory}
    identity = identity_of(target, vars(settings) | groups | budget)
    counted = [A] if by_groups is A else [A, by_groups]
    with journal(state, identity, counted=counted, shared=target.by_probes) as kept:
        keep = told(kept, progress, settings.num_matvecs)
        trace, method = estimate_trace(
            A,
            num_matvecs=settings.num_matvecs - for_norm,
            rng=target.generator("trace"),
            rel_error=settings.rel_error,
            psd=psd,
            method=settings.method,
            memory=memory,
            keep=within(keep, "trace"),
        )
        if settings.rel_error is not None:  # the trace may have ended early
            for_norm = max(2, min(for_norm, A.num_matvecs // (_SHARE_OF_NORM - 1)))
        squared, sums = frobenius_squared(
            by_groups,
            num_matvecs=for_norm,
            rng=target.generator("Frobenius norm"),
            keep=within(keep, "norm"),
        )
    matvecs = sum(each.num_matvecs for each in counted)
    return Trace(
        subject=target.subject,
        provenance=clock.provenance_of(target, matvecs),
        operator=operator_spec(target, settings),
        trace=vouched(trace, target),
        frobenius_norm=root_of(squared, target),
        effective_rank=_ratio(trace, squared),
        method=method,
        num_probes=trace.num_probes,
        num_matvecs=matvecs,
        population=of_trace(known, trace, sums),
        frobenius_population=of_norm(known, squared, sums),
        no_population=known.of_probes,
    )


def _ratio(trace: Estimate, squared: Estimate) -> Estimate | None:
    """tr²/‖A‖_F², its error to first order; the two estimates are independent."""
    if not squared.mean > 0:
        return None
    rank = trace.mean**2 / squared.mean
    if trace.mean == 0:
        return Estimate(rank)
    relative, dof = joint(
        (2 * trace.error / abs(trace.mean), trace.dof), (squared.error / squared.mean, squared.dof)
    )
    return Estimate.of(rank, rank * relative, dof=dof)
