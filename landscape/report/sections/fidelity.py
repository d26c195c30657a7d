"""Fidelity: how far the curvature describes the loss that the network really has."""

from collections import Counter
from functools import partial

from matplotlib.figure import Figure

from landscape.plotting import plot_fidelity, plot_fidelity_ratios
from landscape.report.material import Material, grouped, slug
from landscape.report.model import ReportFigure, Section
from landscape.report.sections.fidelity_tables import fidelity_tables
from landscape.report.table import CHECKPOINT, Cell, Column, Table, number_cell, text_cell
from landscape.results import operator_title
from landscape.results.fidelity import Fidelity, OperatorVerdict

_MOST_ON_PAGE = 6
_MOST_TOLD = 4  # networks that are told of one by one
_COLUMNS = (
    CHECKPOINT,
    Column(key="operator", title="operator"),
    Column(key="verdict", title="verdict"),
    Column(key="from", title="agrees from r", formula="distance over ‖θ‖"),
    Column(key="to", title="to r"),
    Column(
        key="negative",
        title="negative curvature",
        formula="whether the real loss falls where the operator says it does",
    ),
    Column(
        key="rank_correlation",
        title="rank correlation",
        formula="Spearman of vᵀAv with the measured κ(r) over directions, at the reference radius",
    ),
    Column(key="sentence", title="in words"),
)


def fidelity_section(material: Material) -> Section | None:
    """A figure and a sentence for each network, and a table of verdicts on the operators."""
    results = material.of(Fidelity)
    if not results:
        return None
    return Section(
        key="fidelity",
        title="Does the curvature describe the loss?",
        paragraphs=(
            "The rise of the real loss, measured along single directions, against what each "
            "operator predicts. Where measured and predicted part, the operator still ranks "
            "directions at best; its values are not curvatures of the loss.",
        ),
        figures=tuple(_figure(r, i < _MOST_ON_PAGE) for i, r in enumerate(results)),
        tables=(_table(results), *fidelity_tables(results)),
        notes=tuple(dict.fromkeys(f"Rule of the verdicts: {r.rule}" for r in results)),
    )


def fidelity_sentences(material: Material) -> list[str]:
    """One plain sentence for each network that was checked, or for several that share it.

    Of many networks a sentence for each operator: for how many of them it is good for what.
    """
    results = material.of(Fidelity)
    if len(results) > _MOST_TOLD:
        return [
            _tally(results, name) for name in dict.fromkeys(n for r in results for n in _names(r))
        ]
    return [
        f"Fidelity of {labels}: {sentence}"
        for sentence, labels in grouped((r.subject.label, r.sentence) for r in results)
    ]


def _names(result: Fidelity) -> list[str]:
    return [v.operator for v in result.verdicts]


def _tally(results: list[Fidelity], name: str) -> str:
    """How often an operator got which verdict."""
    found = Counter(
        v.verdict.replace("usable-above", "usable above some radius")
        for r in results
        for v in r.verdicts
        if v.operator == name
    )
    counts = ", ".join(f"{verdict} for {n}" for verdict, n in found.most_common())
    title = operator_title(name, spiking=any(r.subject.spiking for r in results))
    return (
        f"Fidelity of the {title} on the {found.total()} networks shown: {counts}; the section on "
        "fidelity has each."
    )


def _figure(result: Fidelity, on_page: bool) -> ReportFigure:
    sharpest = result.sharpest
    own = sharpest.exponent  # of the direction drawn; the sentence tells the mean of all
    exponent = "" if own is None else f" (here {own.mean:.2f})"
    return ReportFigure(
        name=f"fidelity-{slug(result.subject.label)}",
        draw=partial(_draw, result),
        height=2.7,
        narrow_height=4.9,
        caption=(
            f"{result.subject.label}. First panel: along {sharpest.name}, its sharpest direction, "
            "measured rise (mean of both sides, ± 1 standard error over "
            f"n = {result.subject.num_examples} examples) and predictions; a quadratic has slope "
            f"2 on these axes, a cusp 1{exponent}. Second panel: measured over predicted, each "
            "operator along its own top directions, which decide its verdict, with 95 % intervals "
            "over examples (off the axis where noise exceeds the rise); at 1 the "
            "operator is right at that radius."
        ),
        alt=(
            f"Measured rise of the loss of {result.subject.label} from {sharpest.kappa[0]:.3g} "
            f"effective curvature at radius {result.radii[0]:g} to {sharpest.kappa[-1]:.3g} at "
            f"{result.radii[-1]:g}, beside constant predictions."
        ),
        on_page=on_page,
    )


def _draw(result: Fidelity, figure: Figure, _log: bool) -> None:
    shape = (2, 1) if figure.get_figwidth() < 4 else (1, 2)
    left, right = figure.subplots(*shape, squeeze=False).flat
    plot_fidelity(result, left)
    plot_fidelity_ratios(result, right)
    for ax in (left, right):
        ax.legend(loc="best")


def _table(results: list[Fidelity]) -> Table:
    return Table(
        name="fidelity",
        caption="What each operator is good for.",
        columns=_COLUMNS,
        rows=tuple(_row(result, verdict) for result in results for verdict in result.verdicts),
    )


def _row(result: Fidelity, verdict: OperatorVerdict) -> tuple[Cell, ...]:
    return (
        text_cell(result.subject.label),
        text_cell(verdict.operator),
        text_cell(verdict.verdict),
        number_cell(verdict.low_radius),
        number_cell(verdict.high_radius),
        text_cell(verdict.negative),
        number_cell(verdict.rank_correlations[result.radii.index(result.reference_radius)]),
        text_cell(verdict.sentence),
    )
