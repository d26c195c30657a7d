"""The per-layer table: the diagonal blocks of the operator."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from landscape.analysis.layers.rows import Row, rows_within, usual_matvecs
from landscape.analysis.memory import MemoryPlan
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.results import operator_spec
from landscape.analysis.spectrum.run import max_basis, memory_plan, run_spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.linalg.units import unit
from landscape.results import LayerRow, LayerTable, Trace
from landscape.store.identity import identity_of
from landscape.store.states import StateFile
from landscape.store.units import journal
from landscape.values import Eigenvalue, Estimate, joint

_TOL = 1e-3  # a table of layers is read to three digits
_PRECISE = 0.3  # relative error above which a trace from shared probes says too little


def layer_table(
    target: Target,
    *,
    settings: SpectrumSettings,
    limit: int | None,
    state: Path | None = None,
    progress: Progress,
) -> LayerTable:
    """λ_max, λ_min and trace of each layer's block, the other layers held fixed.

    A layer is a module with parameters of its own; where their rows would take more than
    ``limit`` matvecs together, layers share rows. By interlacing, no block's λ_max exceeds that
    of the whole. With ``state``, a killed run goes on within the row where it was.
    """
    clock = start_clock()
    probes = {"num_probes": settings.num_probes, "num_steps": settings.num_steps}
    blocks = rows_within(_with_entries(target), **probes, limit=limit)
    usual = usual_matvecs(**probes)
    rows, matvecs = [], 0
    plan = memory_plan(target, settings)
    own = replace(
        settings,
        params="*",
        num_largest=1,
        num_smallest=1,
        tol=max(settings.tol, _TOL),
        num_shards=0,
    )
    identity = identity_of(target, vars(own) | max_basis(plan) | {"limit": limit or 0})
    with journal(state, identity) as keep:
        for done, row in enumerate(blocks):
            progress(done, len(blocks))
            file = keep.file.beside(str(done), layer=row.name)
            if limit is not None:  # what the rows before leave, and those after usually take
                left = limit - matvecs - usual * (len(blocks) - done - 1)
                own = replace(own, max_matvecs=min(settings.max_matvecs, left))
            block = partial(_block, target, row, own, plan, file)
            numbers = unit(keep, f"block {row.name}", block).tolist()
            file.remove()
            largest, smallest = (
                Eigenvalue(value=v, residual=r, converged=bool(c), rank_shown=bool(s))
                for v, r, c, s in (numbers[:4], numbers[4:8])
            )
            mean, stderr, dof, spent = numbers[8:]
            matvecs += int(spent)
            rows.append(
                LayerRow(
                    name=row.name,
                    num_params=target.risk.select(row.parameters).num_params,
                    largest=largest,
                    smallest=smallest,
                    trace=Estimate.of(mean, stderr, dof=dof or None),
                    num_layers=row.num_layers,
                )
            )
    progress(len(blocks), len(blocks))
    return LayerTable(
        subject=target.subject,
        provenance=clock.provenance_of(target, matvecs),
        operator=operator_spec(target, settings),
        rows=tuple(rows),
        num_matvecs=matvecs,
    )


def shared_layers(
    target: Target, settings: SpectrumSettings, limit: int | None, trace: Trace
) -> LayerTable:
    """The trace of each layer's block, from the probes of the whole network's ``trace``.

    Without a further product, and without eigenvalues. The variance of such a trace holds all other
    blocks: one whose error is not below 0.3 of it is left out.
    """
    clock = start_clock()
    of_tensor = {part.name: part for part in trace.tensors}
    rows = [
        LayerRow(
            name=row.name,
            num_params=sum(of_tensor[name].num_params for name in row.parameters),
            largest=None,
            smallest=None,
            trace=_precise_sum([of_tensor[name].trace for name in row.parameters]),
            num_layers=row.num_layers,
        )
        for row in rows_within(_with_entries(target), num_probes=0, num_steps=0, limit=limit)
    ]
    return LayerTable(
        subject=target.subject,
        provenance=clock.provenance_of(target),
        operator=operator_spec(target, settings),
        rows=tuple(rows),
        num_matvecs=0,
    )


def _with_entries(target: Target) -> list[str]:
    """The tensors of θ but those without entries, which have no curvature, and make no block."""
    layout = target.risk.layout
    return [name for name, size in zip(layout.names, layout.sizes, strict=True) if size]


def _precise_sum(traces: Sequence[Estimate]) -> Estimate | None:
    """Their sum with its error, where that is small enough; variances add up over tensors."""
    mean = sum(t.mean for t in traces)
    error, dof = joint(*((t.error, t.dof) for t in traces))
    if error == 0 or error < _PRECISE * abs(mean):
        return Estimate.of(mean, error, dof=dof)
    return None


def _block(
    target: Target,
    row: Row,
    settings: SpectrumSettings,
    plan: MemoryPlan | None,
    file: StateFile,
) -> Tensor:
    """At both ends value, residual, convergence, rank; trace, its error and dof; matvecs."""
    run = run_spectrum(
        target.risk.select(row.parameters),
        settings=settings,
        rng=target.generator(f"layer {row.name}"),
        file=file,
        plan=plan,
    )
    pairs = run.eigenpairs
    ends = [
        float(numbers[end])
        for end in (0, -1)
        for numbers in (pairs.values, pairs.residuals, pairs.converged, pairs.rank_shown)
    ]
    trace = run.trace
    found = [*ends, trace.mean, trace.error, trace.dof or 0.0, run.num_matvecs]
    return torch.tensor(found, dtype=torch.float64)
