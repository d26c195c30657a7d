"""The tables of eigenvalues: of the whole network, and of its layers."""

from collections.abc import Sequence

from landscape.report.material import Material, Reference, relative
from landscape.report.sections.spectra_columns import (
    MATVECS,
    RELATIVE,
    estimate_cell,
    title_of,
)
from landscape.report.table import (
    CHECKPOINT,
    UNCONVERGED,
    Cell,
    Column,
    Table,
    count_cell,
    number_cell,
    text_cell,
)
from landscape.results import Eigenvalues, LayerTable, OperatorSpec, spectrum_unit
from landscape.values import Eigenvalue

_NOT_CONVERGED = (
    f"{UNCONVERGED} not converged: the residual is above the tolerance, or the search ended while "
    "it still found eigenvalues that belong before this one."
)
_RANKS = (
    "A residual bounds the distance to an eigenvalue, not to that of the rank; rank shown: with "
    "99 % probability no eigenvalue that was missed lies further out."
)
_JOINED = (
    "Layers in one row make one block, since a row each would take more matvecs than the budget "
    "allows; landscape analyze --all-layers gives each its own."
)


def eigenvalue_table(
    material: Material, spec: OperatorSpec, suffix: str, results: Sequence[Eigenvalues]
) -> Table:
    """A row for each checkpoint: the ends of its spectrum."""
    with_shards = any(r.shard_stderr for r in results)
    error = "the solver's residual, which bounds the distance to an eigenvalue"
    if with_shards:
        error = "the standard error over data shards for the largest, the residual otherwise"
    reference = next(
        (
            Reference(value=r.largest[0].value, stderr=r.largest[0].residual, result=r)
            for r in results
            if r.largest and r.subject.label == material.baseline
        ),
        None,
    )
    rows = []
    for result in results:
        spread = result.shard_stderr
        first = result.largest[0] if result.largest else None
        rows.append(
            (
                text_cell(result.subject.label),
                _eigenvalue_cell(first, spread[0] if spread else None),
                text_cell(relative(first.value if first else None, result, reference)),
                _eigenvalue_cell(
                    result.largest[-1] if len(result.largest) > 1 else None,
                    spread[-1] if spread else None,
                ),
                _eigenvalue_cell(result.smallest[0] if result.smallest else None),
                number_cell(result.stability_edge),
                count_cell(result.num_matvecs),
            )
        )
    counts = {len(r.largest) for r in results}
    last = f"λ_{counts.pop()}" if len(counts) == 1 else "last computed"
    return Table(
        name=f"eigenvalues{suffix}",
        caption=f"Ends of the spectrum: {title_of(spec, results)}.",
        columns=(
            CHECKPOINT,
            Column(
                key="lambda_max",
                title="λ_max",
                unit=spectrum_unit(spec),
                better="↓",
                formula="max vᵀAv over ‖v‖ = 1",
                source="thick-restart Lanczos: Wu & Simon 2000, SIMAX 22:602",
            ),
            RELATIVE,
            Column(key="lambda_last", title=last, unit=spectrum_unit(spec), optional=True),
            Column(
                key="lambda_min",
                title="λ_min",
                unit=spectrum_unit(spec),
                formula="min vᵀAv over ‖v‖ = 1",
            ),
            Column(
                key="stability_edge",
                title="edge of stability",
                unit=spectrum_unit(spec),
                formula="(2 + 2 momentum) / learning rate: full-batch descent keeps λ_max near it",
                source="Cohen et al. 2021, arXiv 2103.00065",
                optional=True,
            ),
            MATVECS,
        ),
        rows=tuple(rows),
        note=f"± is {error}. {_NOT_CONVERGED}",
    )


def eigenvalue_list(spec: OperatorSpec, suffix: str, results: Sequence[Eigenvalues]) -> Table:
    """Every eigenvalue with its residual."""
    rows = []
    for result in results:
        spread = result.shard_stderr
        for end, pairs in (("largest", result.largest), ("smallest", result.smallest)):
            for i, pair in enumerate(pairs):
                stderr = spread[i] if end == "largest" and i < len(spread) else None
                rows.append(
                    (
                        text_cell(result.subject.label),
                        text_cell(end),
                        count_cell(i + 1),
                        number_cell(pair.value, stderr, converged=pair.converged),
                        number_cell(pair.residual),
                        text_cell("yes" if pair.rank_shown else "no"),
                    )
                )
    return Table(
        name=f"eigenvalues-all{suffix}",
        caption=f"All computed eigenvalues: {title_of(spec, results)}.",
        columns=(
            CHECKPOINT,
            Column(key="end", title="end"),
            Column(key="rank", title="rank"),
            Column(key="eigenvalue", title="eigenvalue", unit=spectrum_unit(spec)),
            Column(
                key="residual", title="residual", unit=spectrum_unit(spec), formula="‖Av - λv‖₂"
            ),
            Column(key="rank_shown", title="rank shown"),
        ),
        rows=tuple(rows),
        note=f"{_RANKS} {_NOT_CONVERGED}",
        folded=True,
    )


def layer_table(spec: OperatorSpec, suffix: str, results: Sequence[LayerTable]) -> Table:
    """A row for each layer of each checkpoint, or for several layers that make one block."""
    rows = tuple(
        (
            text_cell(row.name + (f" ({row.num_layers} layers)" if row.num_layers > 1 else "")),
            text_cell(result.subject.label),
            count_cell(row.num_params),
            _eigenvalue_cell(row.largest),
            _eigenvalue_cell(row.smallest),
            estimate_cell(row.trace),
        )
        for result in results
        for row in result.rows
    )
    return Table(
        name=f"layers{suffix}",
        caption=f"Blocks of the layers: {title_of(spec, results)}.",
        columns=(
            Column(key="layer", title="layer"),
            CHECKPOINT,
            Column(key="num_params", title="parameters"),
            Column(key="lambda_max", title="λ_max", unit=spectrum_unit(spec), better="↓"),
            Column(key="lambda_min", title="λ_min", unit=spectrum_unit(spec)),
            Column(key="trace", title="trace", unit=spectrum_unit(spec), better="↓"),
        ),
        rows=rows,
        note=f"± of eigenvalues is the residual, of traces one standard error. {_NOT_CONVERGED}"
        + (f" {_JOINED}" if any(r.joined for r in results) else ""),
        folded=len(rows) > 24,
    )


def _eigenvalue_cell(pair: Eigenvalue | None, stderr: float | None = None) -> Cell:
    if pair is None:
        return text_cell(None)
    error = pair.residual if stderr is None else stderr
    return number_cell(pair.value, error, converged=pair.converged)
