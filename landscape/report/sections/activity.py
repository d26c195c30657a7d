"""Activity: how much the neurons of spiking networks fire, and what their spikes cost."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    PartOf,
    count_column,
    estimate_column,
    number_column,
    parts_of,
    text_column,
)
from landscape.page.material import Material, grouped, mismatch_note
from landscape.page.section import ReportFigure, Section
from landscape.page.table import Column, Table
from landscape.plotting import layers_fired, legend_above, plot_activity
from landscape.results import Activity, ActivityRow, SynapseRow
from landscape.results.activity import ANALOG

_MOST_STEPS = 8  # that a cell holds
_MOST_TOLD = 4  # networks that a caption tells of one by one


def activity_section(material: Material) -> Section | None:
    """Rates of the layers, drawn and in a table, and the operations of the layers of weights."""
    results = material.of(Activity)
    if not results:
        return None
    mismatch = mismatch_note(results)
    left_out = grouped((r.subject.label, name) for r in results for name in r.uncounted)
    return Section(
        key="activity",
        title="Activity",
        summary=f"{results[0].firing.firing_rate.mean:.3g} spikes per neuron and time step in "
        f"{results[0].subject.label}",
        paragraphs=(
            "The curvature of a spiking network grows with its activity: a weight meets the spikes "
            "of its input, and a surrogate passes gradients where membranes are near the "
            "threshold. Compare flatness of networks that fire alike, or say that they do not.",
            *([mismatch] if mismatch else []),
        ),
        figures=(_figure(material, results),),
        tables=(_rates(results), *([_operations(results)] if _has_synapses(results) else [])),
        notes=tuple(f"Operations not counted for {labels}: {name}." for name, labels in left_out),
    )


def _figure(material: Material, results: list[Activity]) -> ReportFigure:
    return ReportFigure(
        name="activity",
        draw=partial(_draw, material, results),
        height=0.9 + len(layers_fired(results)) * max(0.26, 0.09 * len(results)),
        caption="Firing rate of each layer: the mark is the mean over time steps, the line reaches "
        "from the step with the lowest rate to that with the highest.",
        alt=f"Firing rate by layer for {', '.join(r.subject.label for r in results)}; the numbers "
        "are in the table.",
    )


def _draw(material: Material, results: list[Activity], figure: Figure, _log: bool) -> None:
    ax = figure.subplots()
    plot_activity(results, ax, strokes=material.strokes)
    legend_above(ax, figure)


def _rates(results: list[Activity]) -> Table[PartOf[Activity, ActivityRow]]:
    columns: list[Column[PartOf[Activity, ActivityRow]]] = [
        CHECKPOINT_OF_PART,
        text_column("neurons", lambda row: row.part.name),
        count_column("number", lambda row: row.part.num_neurons),
        estimate_column(
            "firing rate",
            lambda row: row.part.firing_rate,
            formula="spikes / (neurons × time steps × examples)",
        ),
        text_column("by time step", lambda row: _steps(row.part.by_step), hint=_all_steps),
        count_column("dead", lambda row: row.part.num_dead),
        count_column("saturated", lambda row: row.part.num_saturated),
    ]
    return Table(
        name="activity",
        caption="Spikes of each layer of neurons.",
        columns=columns,
        rows=parts_of(results, lambda r: r.firing.layers),
        note="± the standard error over examples. Dead: fired at no step of any example; "
        "saturated: at every step of all.",
    )


def _steps(rates: tuple[float, ...]) -> str:
    if len(rates) <= _MOST_STEPS:
        return ", ".join(f"{rate:.2g}" for rate in rates)
    return f"{rates[0]:.2g} … {rates[-1]:.2g}, from {min(rates):.2g} to {max(rates):.2g}"


def _all_steps(row: PartOf[Activity, ActivityRow]) -> str:
    return ", ".join(f"{rate:.3g}" for rate in row.part.by_step)


def _has_synapses(results: list[Activity]) -> bool:
    return any(r.synapses for r in results)


def _totals(results: list[Activity]) -> str:
    """What an example takes, network by network; of many, from the least to the most."""
    if len(results) <= _MOST_TOLD:
        return "; ".join(f"{r.subject.label}: {_cost([r])}" for r in results)
    return f"{_cost(results)} ({len(results)} networks)"


def _range(values: Sequence[float]) -> str:
    low, high = (f"{end:,.0f}" for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _cost(results: list[Activity]) -> str:
    synaptic = _range([r.synaptic_operations for r in results])
    macs = [r.macs for r in results if r.macs]
    return f"{synaptic} synaptic operations" + (f" and {_range(macs)} MACs" if macs else "")


def _operations(results: list[Activity]) -> Table[PartOf[Activity, SynapseRow]]:
    columns: list[Column[PartOf[Activity, SynapseRow]]] = [
        CHECKPOINT_OF_PART,
        text_column("weights", lambda row: row.part.name),
        text_column("inputs", lambda row: row.part.inputs),
        number_column("operations", lambda row: row.part.operations, unit="an example"),
        number_column("connections", lambda row: row.part.connections, unit="an example"),
    ]
    analog = any(row.inputs == ANALOG for r in results for row in r.synapses)
    return Table(
        name="synaptic-operations",
        caption=f"Operations of each layer of weights. An example takes: {_totals(results)}.",
        columns=columns,
        rows=parts_of(results, lambda r: r.synapses),
        note="A spike that comes to a layer causes one synaptic operation, an addition, for each "
        "output that it goes into. Connections: as if each input were one spike, borders without "
        "their padding."
        + (
            " Analog inputs take a multiplication and an addition (MAC) at each connection."
            if analog
            else ""
        ),
    )
