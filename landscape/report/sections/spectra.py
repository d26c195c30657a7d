"""Spectra: density overlay, eigenvalues at both ends, traces, and the blocks of the layers."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from landscape.catalog import OPERATORS
from landscape.page.material import Material, by_operator, mismatch_note, operator_text
from landscape.page.section import ReportFigure, Section
from landscape.page.table import Table
from landscape.plotting import (
    legend_above,
    plot_density,
    plot_eigenvalues,
    plot_layers,
    plot_trace,
    shows_traces,
)
from landscape.report.sections.eigenvalue_tables import (
    eigenvalue_list,
    eigenvalue_table,
    layer_table,
)
from landscape.report.sections.fidelity import fidelity_sentences
from landscape.report.sections.probe_tables import density_table, trace_table
from landscape.results import (
    Eigenvalues,
    LayerTable,
    OperatorSpec,
    Result,
    SpectralDensity,
    Trace,
)


def spectra_section(material: Material) -> Section | None:
    """Densities, eigenvalues and traces, a figure and a table for each operator."""
    figures: list[ReportFigure] = []
    tables: list[Table[Any]] = []
    used: list[Result] = []
    for spec, suffix, densities in by_operator(material.of(SpectralDensity)):
        used += densities
        figures.append(_density_figure(material, spec, suffix, densities))
        tables.append(density_table(spec, suffix, densities))
    for spec, suffix, ends in by_operator(material.of(Eigenvalues)):
        used += ends
        figures.append(_eigenvalue_figure(material, spec, suffix, ends))
        tables.append(eigenvalue_table(material, spec, suffix, ends))
        tables.append(eigenvalue_list(spec, suffix, ends))
    for spec, suffix, traces in by_operator(material.of(Trace)):
        used += traces
        figures.append(_trace_figure(material, spec, suffix, traces))
        tables.append(trace_table(material, spec, suffix, traces))
    if not used:
        return None
    return Section(
        key="spectra",
        title="Spectra",
        paragraphs=(*_paragraphs(used), *fidelity_sentences(material)),
        figures=tuple(figures),
        tables=tuple(tables),
    )


def layers_section(material: Material) -> Section | None:
    """The blocks of the layers."""
    tables = material.of(LayerTable)
    if not tables:
        return None
    several = ", or of several that share a row" if any(t.joined for t in tables) else ""
    figures = [
        _layer_figure(material, spec, suffix, members)
        for spec, suffix, members in by_operator(tables)
    ]
    return Section(
        key="layers",
        title="Layer by layer",
        paragraphs=(
            f"Each block holds the parameters of one layer{several}, all others fixed. Batch norm "
            "makes the scale of the weights before it functionally irrelevant, so a raw value "
            "compares between checkpoints only where the weights have the same scale.",
        ),
        figures=tuple(figures),
        tables=tuple(layer_table(*group) for group in by_operator(tables)),
    )


def _paragraphs(results: Sequence[Result]) -> tuple[str, ...]:
    keys: dict[tuple[str, bool], None] = {}
    for result in results:
        spec: OperatorSpec = result.operator  # type: ignore[attr-defined]
        keys[(spec.name, result.subject.spiking)] = None
    known = [(OPERATORS[name], spiking) for name, spiking in keys if name in OPERATORS]
    sentences = [told for kind, s in known if (told := kind.explained(spiking=s))]
    mismatch = mismatch_note(results)
    return (*sentences, *([mismatch] if mismatch else []))


def _kernel_widths(results: Sequence[SpectralDensity]) -> str:
    widths = [r.bandwidth for r in results]
    low, high = f"{min(widths):.2g}", f"{max(widths):.2g}"
    return low if low == high else f"{low} to {high}, by the range of each spectrum"


def _of(spec: OperatorSpec, results: Sequence[Result]) -> str:
    return operator_text(spec, spiking=any(r.subject.spiking for r in results))


def _density_figure(
    material: Material, spec: OperatorSpec, suffix: str, results: list[SpectralDensity]
) -> ReportFigure:
    def draw(figure: Figure, log: bool) -> None:
        ax = figure.subplots()
        plot_density(results, ax, strokes=material.strokes, log=log)
        legend_above(ax, figure)

    first = results[0]
    return ReportFigure(
        name=f"density{suffix}",
        draw=draw,
        height=3.2,
        scales=(True, False),
        caption=(
            f"Eigenvalue density of the {_of(spec, results)}. See how wide the bulk around zero "
            "is, how far the isolated eigenvalues reach to the right, and how much lies left of "
            "zero. "
            + (
                f"Bands: ± 1 standard error over n = {first.num_probes} probes of "
                f"{first.num_steps} Lanczos steps. "
                if first.stderr.any()
                else "All eigenvalues are known, hence no bands. "
            )
            + "Ticks at the foot: converged eigenvalues. Kernel: standard deviation "
            f"{_kernel_widths(results)}. The log axis ends where a tenth of one eigenvalue would "
            "peak."
        ),
        alt=(
            f"Overlaid eigenvalue densities of {_names(results)} on a "
            "logarithmic axis, each with a peak at zero and isolated eigenvalues; the converged "
            f"eigenvalues reach up to {_list_of_tops(results)}."
        ),
    )


def _list_of_tops(results: Sequence[SpectralDensity]) -> str:
    tops = [f"{r.atoms.max():.3g} ({r.subject.label})" for r in results if r.atoms.size]
    return ", ".join(tops) or "nowhere"


def _names(results: Sequence[Result]) -> str:
    return ", ".join(dict.fromkeys(r.subject.label for r in results))


def _eigenvalue_figure(
    material: Material, spec: OperatorSpec, suffix: str, results: list[Eigenvalues]
) -> ReportFigure:
    def draw(figure: Figure, _log: bool) -> None:
        ax = figure.subplots()
        plot_eigenvalues(results, ax, strokes=material.strokes)
        legend_above(ax, figure)

    shards = sorted({len(r.shards) for r in results if r.shard_stderr})
    bars = (
        f"± 1 standard error over n = {shards[0]} data shards for the largest, none for the others"
        if shards
        else "95 % intervals of the largest for the set that the examples stand for; none for the "
        "others"
        if any(r.largest and r.largest[0].population for r in results)
        else "none: no error over examples is known"
    )
    return ReportFigure(
        name=f"eigenvalues{suffix}",
        draw=draw,
        height=3.0,
        caption=(
            f"Largest (above zero) and smallest eigenvalues of the {_of(spec, results)}. Higher "
            "at rank 1 means sharper; values below zero are directions in which the operator "
            f"bends down. Bars: {bars}. Hollow: not converged to {results[0].tol:g} of the norm."
        ),
        alt="Eigenvalues against rank. "
        + " ".join(
            f"{r.subject.label}: from {r.largest[0].value:.3g} down to {r.largest[-1].value:.3g}."
            for r in results
            if r.largest
        ),
    )


def _trace_figure(
    material: Material, spec: OperatorSpec, suffix: str, results: list[Trace]
) -> ReportFigure:
    def draw(figure: Figure, _log: bool) -> None:
        plot_trace(results, figure.subplots(), strokes=material.strokes)

    shards = any(r.shards for r in results)
    height = 0.7 + 0.28 * len(results)
    return ReportFigure(
        name=f"trace{suffix}",
        draw=draw,
        height=height,
        caption=(
            f"Trace of the {_of(spec, results)}: further left is flatter on average over "
            "directions. "
            + (
                f"Bars: ± 1 standard error over n = {results[0].num_probes} probes."
                if results[0].num_probes
                else "Exact, hence no bars."
            )
            + (" Small marks: the trace on each disjoint data shard." if shards else "")
        ),
        alt="Traces: " + ", ".join(f"{r.subject.label} {r.trace.mean:.3g}" for r in results) + ".",
    )


def _layer_figure(
    material: Material, spec: OperatorSpec, suffix: str, results: list[LayerTable]
) -> ReportFigure:
    num_layers = len({row.name for r in results for row in r.rows})
    height = 0.9 + num_layers * max(0.26, 0.09 * len(results))
    of_traces = shows_traces(results)
    bare = any(
        row.largest is not None and row.largest.value <= 0 for r in results for row in r.rows
    )
    caption = (
        f"Trace of each layer's block of the {_of(spec, results)}, on a log axis: see where the "
        "curvature sits. Bars are one standard error over the probes, which are those of the "
        "whole; layers without a mark have a trace that these do not tell, or none above zero."
        if of_traces
        else f"Largest eigenvalue of each layer's block of the {_of(spec, results)}, on a log "
        "axis: see which layer carries the sharpness. Hollow: not converged. One value a "
        "checkpoint; its error over examples is not known."
        + (" Layers without a mark have no positive eigenvalue." if bare else "")
    )
    return ReportFigure(
        name=f"layers{suffix}",
        draw=partial(_draw_layers, material, results),
        height=height,
        caption=caption,
        alt=f"{'Trace' if of_traces else 'Largest eigenvalue'} by layer for {_names(results)}; the "
        "numbers are in the table.",
    )


def _draw_layers(material: Material, results: list[LayerTable], figure: Figure, _log: bool) -> None:
    ax = figure.subplots()
    plot_layers(results, ax, strokes=material.strokes)
    legend_above(ax, figure)
