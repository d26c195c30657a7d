"""The formal Hessian of the same weights under several surrogates.

The spikes do not depend on the surrogate, and neither does the loss; so a curvature that differs
between surrogates is a choice of theirs, and what the loss itself does decides between them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.progress import Progress, quiet
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.results import operator_spec
from landscape.analysis.spectrum.run import Spectrum, spectrum
from landscape.analysis.surrogates.settings import FIDELITY, OPERATOR, SPECTRUM
from landscape.analysis.target import Target
from landscape.objective.risk import EmpiricalRisk
from landscape.results import DoesNotApply, Fidelity
from landscape.results.surrogates import SurrogateRow, SurrogateTable
from landscape.snn.exchanged import exchanges, own_surrogate
from landscape.snn.surrogate import Surrogate

OWN = "its own"  # where it has no name here


class _Variant(NamedTuple):
    name: str
    is_own: bool
    risk: EmpiricalRisk
    grad_norm: float


def surrogate_table(
    target: Target,
    surrogates: Sequence[Surrogate],
    *,
    state: Path | None = None,
    progress: Progress,
) -> SurrogateTable:
    """λ_max, trace and Frobenius norm under the network's own surrogate and each of ``surrogates``.

    Each Hessian is put to the test of :func:`landscape.analysis.fidelity.run.fidelity`, along its
    own top eigenvector and two random directions.

    Parameters
    ----------
    state
        File whose neighbours keep an unfinished surrogate's work until its end.

    Raises
    ------
    DoesNotApply
        If the surrogates cannot be exchanged, or the exchange moves the loss, or no gradient.
    """
    clock = start_clock()
    variants = _variants(target, surrogates)
    rows, tests, num_matvecs = [], [], 0
    for place, variant in enumerate(variants):
        progress(place, len(variants))
        own = replace(target, risk=variant.risk)
        found = spectrum(own, settings=SPECTRUM, state=_beside(state, place), progress=quiet)
        test = fidelity(
            own,
            settings=replace(FIDELITY, operators=(OPERATOR,)),
            eigenpairs={OPERATOR: found.eigenpairs},
            state=_beside(state, place, "fidelity"),
            progress=quiet,
        )
        num_matvecs += found.eigenvalues.num_matvecs + test.num_matvecs
        tests.append(test)
        rows.append(_row(variant, found, test))
    progress(len(variants), len(variants))
    return SurrogateTable(
        subject=target.subject,
        provenance=clock.provenance_of(target, num_matvecs),
        operator=operator_spec(target, SPECTRUM),
        rows=tuple(rows),
        reference_radius=tests[0].reference_radius,
        num_matvecs=num_matvecs,
        num_evaluations=sum(test.num_evaluations for test in tests),
    )


def _variants(target: Target, surrogates: Sequence[Surrogate]) -> list[_Variant]:
    """The network's own surrogate first, unless it is among ``surrogates``."""
    risk, own = target.risk, own_surrogate(target.model)
    loss = risk.evaluate().loss
    found = []
    if own not in surrogates:
        found.append(_Variant(OWN if own is None else str(own), True, risk, _grad_norm(risk)))
    for surrogate in surrogates:
        other = risk.altered(exchanges(target.model, surrogate))
        if (moved := other.evaluate().loss) != loss:
            raise DoesNotApply(
                f"its loss is {loss!r}, and {moved!r} with the surrogate {surrogate}: the neurons "
                "use it for more than derivatives."
            )
        is_own = surrogate == own
        found.append(_Variant(str(surrogate), is_own, other, _grad_norm(other)))
    norms = {variant.grad_norm for variant in found}
    if len({variant.name for variant in found}) > 1 and len(norms) == 1 and norms != {0.0}:
        raise DoesNotApply("its gradient is the same under all surrogates: no neuron uses them.")
    return found


def _grad_norm(risk: EmpiricalRisk) -> float:
    return float(risk.gradient().double().norm())


def _row(variant: _Variant, found: Spectrum, test: Fidelity) -> SurrogateRow:
    at = test.radii.index(test.reference_radius)
    top = next(d for d in test.directions if d.kind == "top")
    return SurrogateRow(
        surrogate=variant.name,
        is_own=variant.is_own,
        grad_norm=variant.grad_norm,
        largest=found.eigenvalues.largest[0],
        trace=found.trace.trace,
        frobenius_norm=found.trace.frobenius_norm,
        ratio=top.ratios[0][at],
        verdict=test.verdicts[0].verdict,
    )


def _beside(state: Path | None, place: int, what: str = "spectrum") -> Path | None:
    return None if state is None else state.with_name(f"{state.stem}-{place}-{what}{state.suffix}")
