"""Eigenvalues at both ends, density and trace of a checkpoint's operator, from one Krylov run."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator

from landscape.analysis.memory import MemoryPlan, basis_rows, plan_memory
from landscape.analysis.progress import Progress, quiet
from landscape.analysis.provenance import Clock, start_clock
from landscape.analysis.spectrum.edge import stability_edge
from landscape.analysis.spectrum.population import (
    Stated,
    grouped_operator,
    of_largest,
    of_norm,
    of_trace,
    split_of,
    stated,
)
from landscape.analysis.spectrum.results import (
    density_result,
    operator_spec,
    root_of,
    selected,
    vouched,
)
from landscape.analysis.spectrum.rounding import InFloat64, largest_in_float64
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.catalog import SCALES
from landscape.curvature.operators import make_operator
from landscape.curvature.scaling import need_weights
from landscape.linalg.eigen import Eigenpairs
from landscape.linalg.grouped import Split
from landscape.linalg.krylov import SpectralRun, analyse_spectrum
from landscape.linalg.restart import Basis
from landscape.linalg.verify import num_verification
from landscape.objective.risk import EmpiricalRisk
from landscape.results import Eigenvalues, SpectralDensity, TensorTrace, Trace
from landscape.store.identity import identity_of
from landscape.store.states import StateFile
from landscape.store.units import told
from landscape.values import Eigenvalue

METHOD = "thick-restart Lanczos, full reorthogonalisation"
TRACE_METHOD = "deflated quadrature of the same Krylov run"
EXACT_METHOD = "exact: all eigenvalues, from the same Krylov run"
_BOUNDS = "; residuals are upper bounds (99 %)"


class Spectrum(NamedTuple):
    """What one run gives."""

    eigenvalues: Eigenvalues
    density: SpectralDensity
    trace: Trace
    eigenpairs: Eigenpairs  # with the eigenvectors, which results do not store


def spectrum(
    target: Target, *, settings: SpectrumSettings, state: Path | None = None, progress: Progress
) -> Spectrum:
    """Analyse the operator's spectrum; with ``state``, a killed run goes on where it was.

    With ``num_shards`` of 2 or more, the run is repeated on that many disjoint parts of the
    examples, for the spread that the choice of examples brings.

    Raises
    ------
    ValueError
        For settings out of range, an unknown operator, or parameters that match nothing.
    DoesNotApply
        For a scale where all weights are 0, or whose optimiser's state is not known.
    """
    clock = start_clock()
    risk = selected(target.risk, settings.params)
    if settings.scale != "none" and SCALES[settings.scale].of_weights:
        need_weights(risk.theta)
    plan = memory_plan(target, settings)
    parts = target.shards(settings.num_shards) if settings.num_shards else []
    known = stated(target)
    A = grouped_operator(target, settings) if known.is_sampled else None
    asked = vars(settings) | max_basis(plan) | ({} if A is None else {"groups": len(A.groups)})
    whole = StateFile(state, identity_of(target, asked))
    files = [whole.beside(f"shard-{number}") for number in range(len(parts))]
    run = run_spectrum(
        risk,
        settings=settings,
        rng=target.generator("spectrum"),
        file=whole,
        plan=plan,
        split=None if A is None else split_of(A, settings.num_largest),
        progress=progress,
    )
    shards = [
        run_spectrum(
            selected(part.risk, settings.params),
            settings=replace(settings, num_smallest=0, num_probes=2),
            rng=target.generator("spectrum"),
            file=file,
            plan=plan,
        )
        for part, file in zip(parts, files, strict=True)
    ]
    rounding = largest_in_float64(target, settings, run.eigenpairs)
    for file in (whole, *files):
        file.remove()
    return _results(target, settings, run, shards, known, rounding, clock)


def run_spectrum(
    risk: EmpiricalRisk,
    *,
    settings: SpectrumSettings,
    rng: Generator,
    file: StateFile | None = None,
    plan: MemoryPlan | None = None,
    split: Split | None = None,
    progress: Progress = quiet,
) -> SpectralRun:
    """The Krylov run behind :func:`spectrum`, on any risk; ``plan`` limits its memory."""
    file = file or StateFile(None, {})
    A = make_operator(
        risk,
        settings.operator,
        scale=settings.scale,
        weight_decay=settings.weight_decay,
        graph_budget=plan.graphs if plan else None,
    )
    folder = file.path.parent if file.path else Path(tempfile.gettempdir())
    wanted = min(A.dim, settings.num_largest + settings.num_smallest)
    # The search takes two to three matvecs a wanted pair where the spectrum is a network's.
    expected = 3 * wanted + 20 + settings.num_probes * settings.num_steps
    with file.flushed():
        return analyse_spectrum(
            A,
            num_largest=settings.num_largest,
            num_smallest=settings.num_smallest,
            tol=settings.tol,
            num_probes=settings.num_probes,
            num_steps=settings.num_steps,
            verify_matvecs=num_verification(wanted),
            max_matvecs=max(
                settings.max_matvecs, settings.num_probes * settings.num_steps + 2 * wanted
            ),
            rng=rng,
            basis=Basis(
                max_rows=min(A.dim, plan.max_basis) if plan else None,
                dtype=_basis_dtype(settings),
                allocate=basis_rows(A.device, folder, plan.place if plan else None),
            ),
            keep=told(file, progress, expected),
            split=split,
            block_sizes=risk.layout.sizes,
        )


def memory_plan(target: Target, settings: SpectrumSettings) -> MemoryPlan | None:
    """How the target's memory is divided for this run; None where no budget was given."""
    if target.settings.memory is None:
        return None
    return plan_memory(
        selected(target.risk, settings.params),
        target.settings.memory,
        num_pairs=settings.num_largest + settings.num_smallest,
        num_spare=settings.num_steps,
        basis_dtype=_basis_dtype(settings),
    )


def _basis_dtype(settings: SpectrumSettings) -> torch.dtype | None:
    return None if settings.basis_dtype is None else getattr(torch, settings.basis_dtype)


def max_basis(plan: MemoryPlan | None) -> dict[str, int]:
    """What a state must agree in beyond the settings: it holds so many rows at most."""
    return {"max_basis": plan.max_basis} if plan else {}


def _results(
    target: Target,
    settings: SpectrumSettings,
    run: SpectralRun,
    shards: list[SpectralRun],
    known: Stated,
    rounding: InFloat64,
    clock: Clock,
) -> Spectrum:
    spec = operator_spec(target, settings)
    own = run.num_matvecs + rounding.num_matvecs
    provenance = clock.provenance_of(target, own + sum(shard.num_matvecs for shard in shards))
    pairs = run.eigenpairs
    exact = run.trace.num_probes == 0 and target.is_trusted
    edge = stability_edge(target, settings)
    top, sums = (None, None) if run.groups is None else run.groups
    found = of_largest(known, settings, pairs.largest.tolist(), top)
    largest = _listed(pairs, slice(0, pairs.num_largest))
    if largest:
        largest = (replace(largest[0], population=found.first), *largest[1:])
    eigenvalues = Eigenvalues(
        subject=target.subject,
        provenance=provenance,
        operator=spec,
        largest=largest,
        smallest=_listed(pairs, slice(len(pairs.values) - pairs.num_smallest, None))[::-1],
        tol=settings.tol,
        num_matvecs=own,
        method=METHOD + ("" if num_verification(len(pairs.values)) is None else _BOUNDS),
        shards=tuple(tuple(shard.eigenpairs.largest.tolist()) for shard in shards),
        stability_edge=edge.value,
        stability_of=edge.words,
        orthogonality_loss=pairs.orthogonality_loss,
        basis_dtype=settings.basis_dtype or spec.dtype,
        largest_sum=found.sum,
        no_population=found.refused,
        largest_in_float64=rounding.value,
        no_float64=rounding.refused,
    )
    trace = Trace(
        subject=target.subject,
        provenance=provenance,
        operator=spec,
        trace=vouched(run.trace, target),
        frobenius_norm=root_of(run.frobenius_squared, target),
        effective_rank=vouched(run.effective_rank, target),
        method=EXACT_METHOD if exact else TRACE_METHOD,
        num_probes=run.trace.num_probes,
        num_matvecs=run.num_matvecs,
        deflated=int(pairs.accurate.sum()),
        shards=tuple(shard.trace.mean for shard in shards),
        population=of_trace(known, run.trace, sums),
        frobenius_population=of_norm(known, run.frobenius_squared, sums),
        no_population=known.of_probes,
        tensors=_by_tensor(target, settings, run),
    )
    density = density_result(
        target,
        settings,
        run.rules,
        atoms=pairs.values[pairs.accurate].double().numpy(),
        num_steps=settings.num_steps,
        exact=exact,
        num_matvecs=run.num_matvecs,
        provenance=provenance,
        orthogonality_loss=pairs.orthogonality_loss,
    )
    return Spectrum(eigenvalues, density, trace, pairs)


def _by_tensor(
    target: Target, settings: SpectrumSettings, run: SpectralRun
) -> tuple[TensorTrace, ...]:
    layout = selected(target.risk, settings.params).layout
    if not run.block_traces:
        return ()
    return tuple(
        TensorTrace(name=name, num_params=size, trace=vouched(found, target))
        for name, size, found in zip(layout.names, layout.sizes, run.block_traces, strict=True)
    )


def _listed(pairs: Eigenpairs, where: slice) -> tuple[Eigenvalue, ...]:
    found = zip(
        pairs.values[where].tolist(),
        pairs.residuals[where].tolist(),
        pairs.converged[where].tolist(),
        pairs.rank_shown[where].tolist(),
        strict=True,
    )
    return tuple(Eigenvalue(value=v, residual=r, converged=c, rank_shown=s) for v, r, c, s in found)
