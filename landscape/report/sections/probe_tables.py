"""The tables of what probes estimate: traces and norms, and the eigenvalue density."""

from collections.abc import Sequence

from landscape.page.columns import (
    CHECKPOINT,
    count_column,
    estimate_column,
    number_column,
    population_column,
    text_column,
)
from landscape.page.material import Material
from landscape.page.table import Column, Table
from landscape.report.sections.spectra_columns import MATVECS, relative_column, title_of
from landscape.results import OperatorSpec, SpectralDensity, Trace, spectrum_unit


def trace_table(
    material: Material, spec: OperatorSpec, suffix: str, results: Sequence[Trace]
) -> Table[Trace]:
    """Trace, mean curvature, Frobenius norm and effective rank."""
    unit = spectrum_unit(spec)
    columns: list[Column[Trace]] = [
        CHECKPOINT,
        estimate_column(
            "trace",
            lambda r: r.trace,
            unit=unit,
            better="↓",
            formula="tr A = E[zᵀAz]",
            source="Hutchinson 1990",
        ),
        population_column("trace, 95 %", lambda r: r.population, unit=unit, optional=True),
        relative_column(material, results, lambda r: r.trace.mean, lambda r: r.trace.stderr),
        estimate_column(
            "trace / P",
            lambda r: r.mean_curvature,
            key="mean_curvature",
            unit=unit,
            better="↓",
            formula="the mean eigenvalue",
        ),
        estimate_column(
            "‖A‖ Frobenius",
            lambda r: r.frobenius_norm,
            key="frobenius_norm",
            unit=unit,
            better="↓",
            formula="√E‖Az‖²",
        ),
        population_column(
            "‖A‖, 95 %",
            lambda r: r.frobenius_population,
            unit=unit,
            formula="for the set that the examples stand for: on few of them ‖A‖ is too large",
            optional=True,
        ),
        estimate_column(
            "effective rank", lambda r: r.effective_rank, formula="(tr A)² / ‖A‖² (Frobenius)"
        ),
        text_column(
            "method",
            lambda r: f"{r.method}, {r.num_probes} probes" if r.num_probes else r.method,
        ),
        MATVECS,
    ]
    return Table(
        name=f"trace{suffix}",
        caption=f"Trace and norms: {title_of(spec, results)}.",
        columns=columns,
        rows=results,
        note="± is one standard error over probes; intervals hold the choice of examples too.",
    )


def density_table(
    spec: OperatorSpec, suffix: str, results: Sequence[SpectralDensity]
) -> Table[SpectralDensity]:
    """Negative mass, and how the density was made."""
    unit = spectrum_unit(spec)
    columns: list[Column[SpectralDensity]] = [
        CHECKPOINT,
        estimate_column(
            "negative mass",
            lambda r: r.negative_mass,
            formula="fraction of eigenvalues below minus the threshold; its ± holds, beside "
            "the spread over probes, what the number of steps leaves open",
        ),
        number_column(
            "threshold", lambda r: r.negative_threshold, key="negative_threshold", unit=unit
        ),
        number_column(
            "Wasserstein bound (99 %)",
            lambda r: r.wasserstein_bound,
            key="wasserstein_bound",
            unit=unit,
            formula="with 99 % probability the un-smoothed density is no further than this "
            "from the true one: a worst case over all spectra, as a rule far above the error",
            source="Chen, Trogdon & Ubaru 2021, arXiv 2105.06595",
        ),
        number_column(
            "kernel width",
            lambda r: r.bandwidth,
            key="bandwidth",
            unit=unit,
            formula="standard deviation of the Gaussian that smooths the drawn density",
        ),
        count_column("probes", lambda r: r.num_probes, key="num_probes"),
        count_column("steps", lambda r: r.num_steps, key="num_steps"),
        MATVECS,
    ]
    return Table(
        name=f"density{suffix}",
        caption=f"Eigenvalue density: {title_of(spec, results)}.",
        columns=columns,
        rows=results,
        note="± is one standard error over probes.",
    )
