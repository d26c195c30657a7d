"""Spectra: density overlay, eigenvalues at both ends, and traces."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    plot_trace,
)
from landscape.report.sections.eigenvalue_tables import (
    eigenvalue_list,
    eigenvalue_table,
)
from landscape.report.sections.fidelity import fidelity_sentences
from landscape.report.sections.probe_tables import density_table, trace_table
from landscape.results import (
    Eigenvalues,
    OperatorSpec,
    Result,
    SpectralDensity,
    Trace,
)

_HOW_TO_READ = (
    "Of a density see how wide the bulk around zero is, how far isolated eigenvalues, the sharp "
    "directions, reach to the right, and how much lies left of zero, where the operator bends "
    "down. Ticks at its foot are converged eigenvalues; its log axis ends where a tenth of one "
    "eigenvalue would peak."
)


def spectra_section(material: Material) -> Section | None:
    """Densities, eigenvalues and traces, a figure and a table for each operator."""
    figures: list[ReportFigure] = []
    tables: list[Table[Any]] = []
    used: list[Result] = []
    shapes = [r for r in material.runs(SpectralDensity) if r.tells_shape]
    for spec, suffix, densities in by_operator(shapes):
        groups = material.groups if material.is_banded else None
        figures.append(_density_figure(material, spec, suffix, densities, groups))
    for spec, suffix, densities in by_operator(material.of(SpectralDensity)):
        used += densities
        tables.append(density_table(spec, suffix, densities))
    for spec, suffix, ends in by_operator(material.of(Eigenvalues)):
        used += ends
        figures.append(_eigenvalue_figure(material, spec, suffix, ends))
        tables.append(eigenvalue_table(material, spec, suffix, ends))
        tables.append(eigenvalue_list(spec, suffix, ends))
    for spec, suffix, traces in by_operator(material.of(Trace)):
        used += traces
        if len(traces) > 1:
            figures.append(_trace_figure(material, spec, suffix, traces))
        tables.append(trace_table(material, spec, suffix, traces))
    if not used:
        return None
    return Section(
        key="spectra",
        title="Spectra",
        summary=_found(material),
        paragraphs=(*_paragraphs(used), *fidelity_sentences(material), _HOW_TO_READ),
        figures=tuple(figures),
        tables=tuple(tables),
    )


def first_density(material: Material, groups: Mapping[str, str]) -> ReportFigure | None:
    """The density of the first screen: at the filter scale, where there is one.

    ``groups`` names what each label is drawn as.
    """
    found = by_operator([r for r in material.runs(SpectralDensity) if r.tells_shape])
    if not found:
        return None
    spec, suffix, results = max(found, key=lambda group: group[0].scale == "filter")
    known = [r for r in results if r.subject.label in groups]
    figure = _density_figure(material, spec, suffix, known or results, groups)
    bands = "the range of the runs" if _shared(known, groups) else "95 %, over probes and steps"
    return replace(
        figure,
        height=2.5,
        caption=(
            f"Eigenvalue density of the {_of(spec, results)}. Isolated bumps at the right are the "
            f"sharp directions. Ticks: converged eigenvalues; bands: {bands}."
        ),
    )


def _shared(results: Sequence[Result], groups: Mapping[str, str] | None) -> bool:
    """Whether several of them share a line."""
    groups = groups or {}
    names = {groups.get(r.subject.label, r.subject.label) for r in results}
    return len(names) < len(results)


def _found(material: Material) -> str:
    ends, traces = material.of(Eigenvalues), material.of(Trace)
    specs = [(r.operator, r) for r in ends] + [(r.operator, r) for r in traces]
    operators = dict.fromkeys(_of(spec, [result]) for spec, result in specs)
    if not ends:
        return "; ".join(operators)
    missing = sum(not e.converged for r in ends for e in (*r.largest, *r.smallest))
    count = sum(len(r.largest) + len(r.smallest) for r in ends)
    converged = "all converged" if not missing else f"{missing} not converged"
    return f"{'; '.join(operators)}; {count} eigenvalues, {converged}"


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
    material: Material,
    spec: OperatorSpec,
    suffix: str,
    results: list[SpectralDensity],
    groups: Mapping[str, str] | None = None,
) -> ReportFigure:
    def draw(figure: Figure, log: bool) -> None:
        ax = figure.subplots()
        plot_density(results, ax, strokes=material.strokes, groups=groups, log=log)
        legend_above(ax, figure)

    first = results[0]
    return ReportFigure(
        name=f"density{suffix}",
        draw=draw,
        height=3.2,
        scales=(True, False),
        caption=(
            f"Eigenvalue density of the {_of(spec, results)}. "
            + (
                "Lines and bands: median and range of the runs of a recipe. "
                if _shared(results, groups)
                else f"Bands: 95 %, over n = {first.num_probes} probes of "
                f"{first.num_steps} Lanczos steps. "
                if first.stderr.any()
                else "All eigenvalues are known, hence no bands. "
            )
            + f"Kernel: standard deviation {_kernel_widths(results)}."
        ),
        alt=(
            f"Overlaid eigenvalue densities of {_names(results, groups)} on a "
            "logarithmic axis, each with a peak at zero and isolated eigenvalues; the converged "
            f"eigenvalues reach up to {_highest(results, groups)}."
        ),
    )


def _highest(results: Sequence[SpectralDensity], groups: Mapping[str, str] | None) -> str:
    tops: dict[str, float] = {}
    for r in results:
        if r.atoms.size:
            name = _name(r, groups)
            tops[name] = max(float(r.atoms.max()), tops.get(name, -math.inf))
    return ", ".join(f"{top:.3g} ({name})" for name, top in tops.items()) or "nowhere"


def _names(results: Sequence[Result], groups: Mapping[str, str] | None) -> str:
    return ", ".join(dict.fromkeys(_name(r, groups) for r in results))


def _name(result: Result, groups: Mapping[str, str] | None) -> str:
    label = result.subject.label
    return label if groups is None else groups.get(label, label)


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
            f"Largest and smallest eigenvalues of the {_of(spec, results)}. Bars: {bars}. "
            f"Hollow: not converged to {results[0].tol:g} of the norm."
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
            f"Trace of the {_of(spec, results)}. "
            + (
                f"Bars: ± 1 standard error over n = {results[0].num_probes} probes."
                if results[0].num_probes
                else "Exact, hence no bars."
            )
            + (" Small marks: the trace on each disjoint data shard." if shards else "")
        ),
        alt="Traces: " + ", ".join(f"{r.subject.label} {r.trace.mean:.3g}" for r in results) + ".",
    )
