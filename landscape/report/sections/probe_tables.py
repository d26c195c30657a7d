"""The tables of what probes estimate: traces and norms, and the eigenvalue density."""

from collections.abc import Sequence

from landscape.report.material import Material, Reference, relative
from landscape.report.sections.spectra_columns import (
    MATVECS,
    RELATIVE,
    estimate_cell,
    title_of,
)
from landscape.report.table import CHECKPOINT, Column, Table, count_cell, number_cell, text_cell
from landscape.results import OperatorSpec, SpectralDensity, Trace, spectrum_unit


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
            estimate_cell(r.trace),
            text_cell(relative(r.trace.mean, r, reference)),
            estimate_cell(r.mean_curvature),
            estimate_cell(r.frobenius_norm),
            estimate_cell(r.effective_rank),
            text_cell(f"{r.method}, {r.num_probes} probes" if r.num_probes else r.method),
            count_cell(r.num_matvecs),
        )
        for r in results
    )
    return Table(
        name=f"trace{suffix}",
        caption=f"Trace and norms: {title_of(spec, results)}.",
        columns=(
            CHECKPOINT,
            Column(
                key="trace",
                title="trace",
                unit=spectrum_unit(spec),
                better="↓",
                formula="tr A = E[zᵀAz]",
                source="Hutchinson 1990",
            ),
            RELATIVE,
            Column(
                key="mean_curvature",
                title="trace / P",
                unit=spectrum_unit(spec),
                better="↓",
                formula="the mean eigenvalue",
            ),
            Column(
                key="frobenius_norm",
                title="‖A‖ Frobenius",
                unit=spectrum_unit(spec),
                better="↓",
                formula="√E‖Az‖²",
            ),
            Column(
                key="effective_rank", title="effective rank", formula="(tr A)² / ‖A‖² (Frobenius)"
            ),
            Column(key="method", title="method"),
            MATVECS,
        ),
        rows=rows,
        note="± is one standard error over probes.",
    )


def density_table(spec: OperatorSpec, suffix: str, results: Sequence[SpectralDensity]) -> Table:
    """Negative mass, and how the density was made."""
    rows = tuple(
        (
            text_cell(r.subject.label),
            estimate_cell(r.negative_mass),
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
        caption=f"Eigenvalue density: {title_of(spec, results)}.",
        columns=(
            CHECKPOINT,
            Column(
                key="negative_mass",
                title="negative mass",
                formula="fraction of eigenvalues below minus the threshold; its ± holds, beside "
                "the spread over probes, what the number of steps leaves open",
            ),
            Column(key="negative_threshold", title="threshold", unit=spectrum_unit(spec)),
            Column(
                key="wasserstein_bound",
                title="Wasserstein bound (99 %)",
                unit=spectrum_unit(spec),
                formula="with 99 % probability the un-smoothed density is no further than this "
                "from the true one: a worst case over all spectra, as a rule far above the error",
                source="Chen, Trogdon & Ubaru 2021, arXiv 2105.06595",
            ),
            Column(
                key="bandwidth",
                title="kernel width",
                unit=spectrum_unit(spec),
                formula="standard deviation of the Gaussian that smooths the drawn density",
            ),
            Column(key="num_probes", title="probes"),
            Column(key="num_steps", title="steps"),
            MATVECS,
        ),
        rows=rows,
        note="± is one standard error over probes.",
    )
