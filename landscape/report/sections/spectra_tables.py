"""The tables of the spectra."""

from collections.abc import Sequence

from landscape.report.material import Material, Reference, operator_text, relative
from landscape.report.table import (
    UNCONVERGED,
    Cell,
    Column,
    Table,
    count_cell,
    number_cell,
    text_cell,
)
from landscape.results import (
    Eigenvalue,
    Eigenvalues,
    Estimate,
    LayerTable,
    OperatorSpec,
    Result,
    SpectralDensity,
    Trace,
)

_CHECKPOINT = Column(key="checkpoint", title="checkpoint")
_RELATIVE = Column(
    key="relative",
    title="relative",
    formula="value over that of the baseline checkpoint",
    optional=True,
)
_MATVECS = Column(key="num_matvecs", title="matvecs", formula="products of the operator and a v")
_NOT_CONVERGED = f"{UNCONVERGED} not converged: the residual is above the tolerance."


def _unit(spec: OperatorSpec) -> str:
    return "loss/θ²" if spec.scale == "none" else "loss"


def _title(spec: OperatorSpec, results: Sequence[Result]) -> str:
    spiking = any(r.subject.spiking for r in results)
    return f"{operator_text(spec, spiking=spiking)}, {results[0].subject.split} examples"


def _eigenvalue_cell(pair: Eigenvalue | None, stderr: float | None = None) -> Cell:
    if pair is None:
        return text_cell(None)
    error = pair.residual if stderr is None else stderr
    return number_cell(pair.value, error, converged=pair.converged)


def _estimate_cell(estimate: Estimate | None) -> Cell:
    return number_cell(estimate.mean, estimate.stderr) if estimate else text_cell(None)


def eigenvalue_table(
    material: Material, spec: OperatorSpec, suffix: str, results: Sequence[Eigenvalues]
) -> Table:
    """A row for each checkpoint: the ends of its spectrum."""
    with_shards = any(r.shard_stderr for r in results)
    error = "the solver's residual, which bounds its error"
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
        caption=f"Ends of the spectrum: {_title(spec, results)}.",
        columns=(
            _CHECKPOINT,
            Column(
                key="lambda_max",
                title="λ_max",
                unit=_unit(spec),
                better="↓",
                formula="max vᵀAv over ‖v‖ = 1",
                source="thick-restart Lanczos: Wu & Simon 2000, SIMAX 22:602",
            ),
            _RELATIVE,
            Column(key="lambda_last", title=last, unit=_unit(spec), optional=True),
            Column(
                key="lambda_min", title="λ_min", unit=_unit(spec), formula="min vᵀAv over ‖v‖ = 1"
            ),
            Column(
                key="stability_edge",
                title="edge of stability",
                unit=_unit(spec),
                formula="(2 + 2 momentum) / learning rate: full-batch descent keeps λ_max near it",
                source="Cohen et al. 2021, arXiv 2103.00065",
                optional=True,
            ),
            _MATVECS,
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
                    )
                )
    return Table(
        name=f"eigenvalues-all{suffix}",
        caption=f"All computed eigenvalues: {_title(spec, results)}.",
        columns=(
            _CHECKPOINT,
            Column(key="end", title="end"),
            Column(key="rank", title="rank"),
            Column(key="eigenvalue", title="eigenvalue", unit=_unit(spec)),
            Column(key="residual", title="residual", unit=_unit(spec), formula="‖Av - λv‖₂"),
        ),
        rows=tuple(rows),
        note=_NOT_CONVERGED,
        folded=True,
    )


def trace_table(
    material: Material, spec: OperatorSpec, suffix: str, results: Sequence[Trace]
) -> Table:
    """Trace, mean curvature, Frobenius norm and effective rank."""
    reference = next(
        (
            Reference(value=r.trace.mean, stderr=r.trace.stderr, result=r)
            for r in results
            if r.subject.label == material.baseline
        ),
        None,
    )
    rows = tuple(
        (
            text_cell(r.subject.label),
            _estimate_cell(r.trace),
            text_cell(relative(r.trace.mean, r, reference)),
            _estimate_cell(r.mean_curvature),
            _estimate_cell(r.frobenius_norm),
            _estimate_cell(r.effective_rank),
            text_cell(f"{r.method}, {r.num_probes} probes"),
            count_cell(r.num_matvecs),
        )
        for r in results
    )
    return Table(
        name=f"trace{suffix}",
        caption=f"Trace and norms: {_title(spec, results)}.",
        columns=(
            _CHECKPOINT,
            Column(
                key="trace",
                title="trace",
                unit=_unit(spec),
                better="↓",
                formula="tr A = E[zᵀAz]",
                source="Hutchinson 1990",
            ),
            _RELATIVE,
            Column(
                key="mean_curvature",
                title="trace / P",
                unit=_unit(spec),
                better="↓",
                formula="the mean eigenvalue",
            ),
            Column(
                key="frobenius_norm",
                title="‖A‖ Frobenius",
                unit=_unit(spec),
                better="↓",
                formula="√E‖Az‖²",
            ),
            Column(
                key="effective_rank", title="effective rank", formula="(tr A)² / ‖A‖² (Frobenius)"
            ),
            Column(key="method", title="method"),
            _MATVECS,
        ),
        rows=rows,
        note="± is one standard error over probes.",
    )


def density_table(spec: OperatorSpec, suffix: str, results: Sequence[SpectralDensity]) -> Table:
    """Negative mass, and how the density was made."""
    rows = tuple(
        (
            text_cell(r.subject.label),
            _estimate_cell(r.negative_mass),
            number_cell(r.negative_threshold),
            number_cell(r.wasserstein_bound),
            number_cell(r.bandwidth),
            count_cell(r.num_probes),
            count_cell(r.num_steps),
            count_cell(r.num_matvecs),
        )
        for r in results
    )
    return Table(
        name=f"density{suffix}",
        caption=f"Eigenvalue density: {_title(spec, results)}.",
        columns=(
            _CHECKPOINT,
            Column(
                key="negative_mass",
                title="negative mass",
                formula="fraction of eigenvalues below minus the threshold",
            ),
            Column(key="negative_threshold", title="threshold", unit=_unit(spec)),
            Column(
                key="wasserstein_bound",
                title="Wasserstein error",
                unit=_unit(spec),
                formula="bound on the distance of the un-smoothed density to the true one",
                source="Chen, Trogdon & Ubaru 2021, arXiv 2105.06595",
            ),
            Column(
                key="bandwidth",
                title="kernel width",
                unit=_unit(spec),
                formula="standard deviation of the Gaussian that smooths the drawn density",
            ),
            Column(key="num_probes", title="probes"),
            Column(key="num_steps", title="steps"),
            _MATVECS,
        ),
        rows=rows,
        note="± is one standard error over probes.",
    )


def layer_table(spec: OperatorSpec, suffix: str, results: Sequence[LayerTable]) -> Table:
    """A row for each layer of each checkpoint."""
    rows = tuple(
        (
            text_cell(row.name),
            text_cell(result.subject.label),
            count_cell(row.num_params),
            _eigenvalue_cell(row.largest),
            _eigenvalue_cell(row.smallest),
            _estimate_cell(row.trace),
        )
        for result in results
        for row in result.rows
    )
    return Table(
        name=f"layers{suffix}",
        caption=f"Blocks of the layers: {_title(spec, results)}.",
        columns=(
            Column(key="layer", title="layer"),
            _CHECKPOINT,
            Column(key="num_params", title="parameters"),
            Column(key="lambda_max", title="λ_max", unit=_unit(spec), better="↓"),
            Column(key="lambda_min", title="λ_min", unit=_unit(spec)),
            Column(key="trace", title="trace", unit=_unit(spec), better="↓"),
        ),
        rows=rows,
        note=f"± of eigenvalues is the residual, of traces one standard error. {_NOT_CONVERGED}",
        folded=len(rows) > 24,
    )
