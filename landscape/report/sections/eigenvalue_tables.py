"""The tables of eigenvalues: of the whole network, and of its layers."""

from collections.abc import Sequence
from typing import NamedTuple

from landscape.page.cells import UNCONVERGED, Cell, number_cell, text_cell
from landscape.page.columns import (
    CHECKPOINT,
    CHECKPOINT_OF_PART,
    PartOf,
    count_column,
    estimate_column,
    number_column,
    parts_of,
    population_column,
    text_column,
)
from landscape.page.material import Material
from landscape.page.table import Column, Table
from landscape.report.sections.spectra_columns import MATVECS, relative_column, title_of
from landscape.results import Eigenvalues, LayerRow, LayerTable, OperatorSpec, spectrum_unit
from landscape.values import Eigenvalue

_NOT_CONVERGED = (
    f"{UNCONVERGED} not converged: the residual is above the tolerance, or the search ended while "
    "it still found eigenvalues that belong before this one."
)
_RANKS = (
    "A residual bounds the distance to an eigenvalue, not to that of the rank; rank shown: with "
    "99 % probability no eigenvalue that was missed lies further out."
)
_OWN_PROBES = "± of traces is one standard error over probes."
_SHARED_PROBES = (
    "± is one standard error over the probes of the whole network, of which each layer's trace is "
    "read off; –: it is not below 0.3 of the trace. The standard budget gives each layer probes of "
    "its own, and its eigenvalues."
)
_JOINED = (
    "Layers in one row make one block, since a row each would take more matvecs than the budget "
    "allows; landscape analyze --all-layers gives each its own."
)


def eigenvalue_table(
    material: Material, spec: OperatorSpec, suffix: str, results: Sequence[Eigenvalues]
) -> Table[Eigenvalues]:
    """A row for each checkpoint: the ends of its spectrum."""
    unit = spectrum_unit(spec)
    counts = {len(r.largest) for r in results}
    columns: list[Column[Eigenvalues]] = [
        CHECKPOINT,
        Column(
            key="lambda_max",
            title="λ_max",
            cell=lambda r: _of_largest(r, 0) if r.largest else text_cell(None),
            unit=unit,
            better="↓",
            formula="max vᵀAv over ‖v‖ = 1",
            source="thick-restart Lanczos: Wu & Simon 2000, SIMAX 22:602",
        ),
        population_column(
            "λ_max, 95 %",
            lambda r: r.largest[0].population if r.largest else None,
            key="lambda_max_interval",
            unit=unit,
            formula="for the set that the examples stand for; on few of them λ_max is too large",
            source="Kato 1995, section II.2: eigenvalues to second order",
            optional=True,
        ),
        relative_column(
            material,
            results,
            lambda r: r.largest[0].value if r.largest else None,
            lambda r: _stderr_of(r, 0),
        ),
        Column(
            key="lambda_last",
            title=f"λ_{counts.pop()}" if len(counts) == 1 else "last computed",
            cell=lambda r: _of_largest(r, -1) if len(r.largest) > 1 else text_cell(None),
            unit=unit,
            optional=True,
        ),
        Column(
            key="lambda_min",
            title="λ_min",
            cell=lambda r: _eigenvalue_cell(r.smallest[0] if r.smallest else None),
            unit=unit,
            formula="min vᵀAv over ‖v‖ = 1",
        ),
        number_column(
            "edge of stability",
            lambda r: r.stability_edge,
            key="stability_edge",
            unit=unit,
            formula="where the optimiser's steps leave a quadratic; of SGD with momentum m and no "
            "dampening, (2 + 2 m) / learning rate",
            source="Cohen et al. 2021, arXiv 2103.00065; Adam: 2022, arXiv 2207.14484",
            optional=True,
        ),
        number_column(
            "λ_max / edge",
            lambda r: r.share_of_edge,
            key="share_of_edge",
            digits=2,
            formula="near 1 the learning rate has set λ_max",
            source="Cohen et al. 2021, arXiv 2103.00065",
            optional=True,
        ),
        MATVECS,
    ]
    return Table(
        name=f"eigenvalues{suffix}",
        caption=f"Ends of the spectrum: {title_of(spec, results)}.",
        columns=columns,
        rows=results,
        note=" ".join(
            said
            for said in (
                _over_examples(results),
                _of_rounding(results),
                _NOT_CONVERGED,
                _of_edges(results),
            )
            if said
        ),
    )


def _of_edges(results: Sequence[Eigenvalues]) -> str:
    """Which optimisers the edges are of, and at which rate; or why there is none."""
    said = {(r.stability_edge is None, r.stability_of) for r in results if r.stability_of}
    return " ".join(
        f"No edge of stability: {words}." if unknown else f"The edge is that of {words}."
        for unknown, words in sorted(said)
    )


def _over_examples(results: Sequence[Eigenvalues]) -> str:
    """What the errors are over, and which set the intervals are for."""
    said = []
    if any(r.shard_stderr for r in results):
        said.append("± is the standard error over data shards.")
    elif any(_stderr_of(r, 0) for r in results):
        said.append("± is the standard error over examples, to first order.")
    known = [p for r in results if r.largest and (p := r.largest[0].population) is not None]
    sets = dict.fromkeys(p.of for p in known if not p.no_error)
    exact = dict.fromkeys(p.no_error for p in known if p.no_error)
    warnings = dict.fromkeys(w for p in known for w in p.warnings)
    if sets:
        said.append(f"The interval is for {'; '.join(sets)}.")
    said += [f"{words[0].upper()}{words[1:]}." for words in (*exact, *warnings)]
    reasons = dict.fromkeys(r.no_population for r in results if r.no_population)
    said += [f"No error over examples: {reason}." for reason in reasons]
    return " ".join(said)


def _of_rounding(results: Sequence[Eigenvalues]) -> str:
    """Where float64 has another matrix than these numbers are of."""
    return " ".join(f"{r.subject.label}: {r.of_rounding}." for r in results if r.of_rounding)


class _Listed(NamedTuple):
    """An eigenvalue in the list of all."""

    result: Eigenvalues
    end: str  # largest | smallest
    rank: int  # from 1
    found: Eigenvalue
    stderr: float | None  # over data shards, or examples


def eigenvalue_list(
    spec: OperatorSpec, suffix: str, results: Sequence[Eigenvalues]
) -> Table[_Listed]:
    """Every eigenvalue with its residual."""
    unit = spectrum_unit(spec)
    columns: list[Column[_Listed]] = [
        text_column("checkpoint", lambda row: row.result.subject.label),
        text_column("end", lambda row: row.end),
        count_column("rank", lambda row: row.rank),
        Column(
            title="eigenvalue",
            cell=lambda row: number_cell(
                row.found.value, row.stderr, converged=row.found.converged
            ),
            unit=unit,
        ),
        number_column("residual", lambda row: row.found.residual, unit=unit, formula="‖Av - λv‖₂"),
        text_column("rank shown", lambda row: "yes" if row.found.rank_shown else "no"),
    ]
    return Table(
        name=f"eigenvalues-all{suffix}",
        caption=f"All computed eigenvalues: {title_of(spec, results)}.",
        columns=columns,
        rows=[row for result in results for row in _listed(result)],
        note=f"{_RANKS} {_NOT_CONVERGED}",
        folded=True,
    )


def _listed(result: Eigenvalues) -> list[_Listed]:
    largest = [
        _Listed(result, "largest", rank, found, _stderr_of(result, rank - 1))
        for rank, found in enumerate(result.largest, 1)
    ]
    smallest = [
        _Listed(result, "smallest", rank, found, None)
        for rank, found in enumerate(result.smallest, 1)
    ]
    return largest + smallest


def layer_table(
    spec: OperatorSpec, suffix: str, results: Sequence[LayerTable]
) -> Table[PartOf[LayerTable, LayerRow]]:
    """A row for each layer of each checkpoint, or for several layers that make one block."""
    unit = spectrum_unit(spec)
    rows = parts_of(results, lambda r: r.rows)
    traces_only = all(row.part.largest is None for row in rows)
    columns: list[Column[PartOf[LayerTable, LayerRow]]] = [
        text_column("layer", lambda row: _layer_name(row.part)),
        CHECKPOINT_OF_PART,
        count_column("parameters", lambda row: row.part.num_params, key="num_params"),
        Column(
            key="lambda_max",
            title="λ_max",
            cell=lambda row: _eigenvalue_cell(row.part.largest),
            unit=unit,
            better="↓",
            optional=True,
        ),
        Column(
            key="lambda_min",
            title="λ_min",
            cell=lambda row: _eigenvalue_cell(row.part.smallest),
            unit=unit,
            optional=True,
        ),
        number_column(
            "residual",
            lambda row: _residual(row.part),
            unit=unit,
            digits=2,
            formula="‖Av - λv‖₂, the larger of both ends",
            optional=True,
        ),
        estimate_column("trace", lambda row: row.part.trace, unit=unit, better="↓"),
    ]
    return Table(
        name=f"layers{suffix}",
        caption=f"Blocks of the layers: {title_of(spec, results)}.",
        columns=columns,
        rows=rows,
        note=(_SHARED_PROBES if traces_only else f"{_OWN_PROBES} {_NOT_CONVERGED}")
        + (f" {_JOINED}" if any(r.joined for r in results) else ""),
        folded=len(rows) > 24,
    )


def _residual(row: LayerRow) -> float | None:
    return max((e.residual for e in (row.largest, row.smallest) if e is not None), default=None)


def _layer_name(row: LayerRow) -> str:
    return row.name + (f" ({row.num_layers} layers)" if row.num_layers > 1 else "")


def _of_largest(result: Eigenvalues, index: int) -> Cell:
    return _eigenvalue_cell(result.largest[index], _stderr_of(result, index))


def _stderr_of(result: Eigenvalues, index: int) -> float | None:
    """Of a largest eigenvalue: over data shards where there are any, else over groups."""
    if result.shard_stderr:
        return result.shard_stderr[index]
    known = result.largest[index].population
    return None if known is None else known.stderr or None


def _eigenvalue_cell(pair: Eigenvalue | None, stderr: float | None = None) -> Cell:
    if pair is None:
        return text_cell(None)
    return number_cell(pair.value, stderr, converged=pair.converged)
