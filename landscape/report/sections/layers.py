"""Layer by layer: the diagonal blocks of the operator."""

from functools import partial

from matplotlib.figure import Figure

from landscape.page.material import Material, by_operator, operator_text
from landscape.page.section import ReportFigure, Section
from landscape.plotting import layers_shown, legend_above, plot_layers, shows_traces
from landscape.report.sections.eigenvalue_tables import layer_table
from landscape.results import LayerTable, OperatorSpec


def layers_section(material: Material) -> Section | None:
    """The blocks of the layers."""
    tables = material.of(LayerTable)
    if not tables:
        return None
    several = ", or of several that share a row" if any(t.joined for t in tables) else ""
    figures = [
        _layer_figure(material, spec, suffix, members)
        for spec, suffix, members in by_operator(tables)
        if layers_shown(members)
    ]
    return Section(
        key="layers",
        title="Layer by layer",
        summary=_heaviest(tables[0]),
        paragraphs=(
            f"Each block holds the parameters of one layer{several}, all others fixed. Batch norm "
            "makes the scale of the weights before it functionally irrelevant, so a raw value "
            "compares between checkpoints only where the weights have the same scale.",
        ),
        figures=tuple(figures),
        tables=tuple(layer_table(*group) for group in by_operator(tables)),
    )


def _heaviest(table: LayerTable) -> str:
    """Which layer of the first network carries most of the trace."""
    traces = {row.name: row.trace.mean for row in table.rows if row.trace is not None}
    total = sum(trace for trace in traces.values() if trace > 0)
    if total <= 0:
        return ""
    top = max(traces, key=lambda name: traces[name])
    return f"{top} carries {traces[top] / total:.0%} of the trace in {table.subject.label}"


def _layer_figure(
    material: Material, spec: OperatorSpec, suffix: str, results: list[LayerTable]
) -> ReportFigure:
    of = operator_text(spec, spiking=any(r.subject.spiking for r in results))
    num_layers = len(layers_shown(results))
    height = 0.9 + num_layers * max(0.26, 0.09 * len(results))
    of_traces = shows_traces(results)
    bare = any(
        row.largest is not None and row.largest.value <= 0 for r in results for row in r.rows
    )
    caption = (
        f"Trace of each layer's block of the {of}, on a log axis: see where the "
        "curvature sits. Bars are one standard error over the probes, which are those of the "
        "whole. Layers whose trace these do not tell are left out; one without a mark has a trace "
        "that is not above zero."
        if of_traces
        else f"Largest eigenvalue of each layer's block of the {of}, on a log "
        "axis: see which layer carries the sharpness. Hollow: not converged. One value a "
        "checkpoint; its error over examples is not known."
        + (" Layers without a mark have no positive eigenvalue." if bare else "")
    )
    return ReportFigure(
        name=f"layers{suffix}",
        draw=partial(_draw_layers, material, results),
        height=height,
        caption=caption,
        alt=f"{'Trace' if of_traces else 'Largest eigenvalue'} by layer for "
        f"{', '.join(r.subject.label for r in results)}; the numbers are in the table.",
    )


def _draw_layers(material: Material, results: list[LayerTable], figure: Figure, _log: bool) -> None:
    ax = figure.subplots()
    plot_layers(results, ax, strokes=material.strokes)
    legend_above(ax, figure)
