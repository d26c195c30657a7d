"""Fidelity: how far the curvature describes the loss that the network really has."""

from collections import Counter
from functools import partial

from matplotlib.figure import Figure

from landscape.page.detail import shown_in_detail
from landscape.page.material import Material, grouped, slug
from landscape.page.section import ReportFigure, Section
from landscape.plotting import plot_fidelity, plot_fidelity_ratios
from landscape.report.sections.fidelity_tables import direction_table, slope_table, verdict_table
from landscape.results import operator_title
from landscape.results.fidelity import Fidelity, OperatorVerdict

_MOST_ON_PAGE = 4
_MOST_TOLD = 4  # networks that are told of one by one


def fidelity_section(material: Material) -> Section | None:
    """Figures of some networks, a sentence for each, and a table of verdicts on the operators."""
    results = material.of(Fidelity)
    if not results:
        return None
    slopes = slope_table(results)
    on_page = shown_in_detail([r.subject.label for r in results], most=_MOST_ON_PAGE)
    return Section(
        key="fidelity",
        title="Does the curvature describe the loss?",
        summary=_summary(results),
        paragraphs=(
            "The rise of the real loss, measured along single directions, against what each "
            "operator predicts. Where measured and predicted part, the operator still ranks "
            "directions at best; its values are not curvatures of the loss.",
            "First panel of each figure: along the network's sharpest direction, the rise (mean of "
            "both sides, ± 1 standard error over examples) and the predictions; a quadratic has "
            "slope 2 on these axes, a cusp 1. Second panel: measured over predicted, each operator "
            "along its own top directions, which decide its verdict, with 95 % intervals over "
            "examples (off the axis where noise exceeds the rise); at 1 it is right there.",
        ),
        figures=tuple(_figure(r) for r in results if r.subject.label in on_page),
        tables=(
            verdict_table(results),
            direction_table(results),
            *([] if slopes is None else [slopes]),
        ),
        notes=tuple(dict.fromkeys(f"Rule of the verdicts: {r.rule}" for r in results)),
    )


def _summary(results: list[Fidelity]) -> str:
    """The verdicts on the first operator, each with the networks that it is of."""
    first = [(r.subject.label, r.verdicts[0]) for r in results if r.verdicts]
    if len(first) > _MOST_TOLD:
        counts = Counter(verdict.verdict for _, verdict in first)
        told = [(word, f"{n} of {len(first)} networks") for word, n in counts.most_common()]
    else:
        told = grouped([(label, _in_words(verdict)) for label, verdict in first])
    if not told:
        return ""
    spiking = any(r.subject.spiking for r in results)
    title = operator_title(
        next(r.verdicts[0].operator for r in results if r.verdicts), spiking=spiking
    )
    if len(told) == 1:
        return f"{title} {told[0][0]}"
    return f"{title} " + "; ".join(f"{words} for {labels}" for words, labels in told)


def _in_words(verdict: OperatorVerdict) -> str:
    low, high = verdict.low_radius, verdict.high_radius
    if low is None or high is None:
        return verdict.verdict
    return f"right from r = {low:g} to {high:g}"


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


def _figure(result: Fidelity) -> ReportFigure:
    sharpest = result.sharpest
    own = sharpest.exponent  # of the direction drawn; the sentence tells the mean of all
    exponent = "" if own is None else f", where the rise has slope {own.mean:.2f}"
    return ReportFigure(
        name=f"fidelity-{slug(result.subject.label)}",
        draw=partial(_draw, result),
        height=2.7,
        narrow_height=4.9,
        caption=(
            f"{result.subject.label}, sharpest along {sharpest.name}{exponent}; "
            f"n = {result.subject.num_examples} examples."
        ),
        alt=(
            f"Measured rise of the loss of {result.subject.label} from {sharpest.kappa[0]:.3g} "
            f"effective curvature at radius {result.radii[0]:g} to {sharpest.kappa[-1]:.3g} at "
            f"{result.radii[-1]:g}, beside constant predictions."
        ),
    )


def _draw(result: Fidelity, figure: Figure, _log: bool) -> None:
    shape = (2, 1) if figure.get_figwidth() < 4 else (1, 2)
    left, right = figure.subplots(*shape, squeeze=False).flat
    plot_fidelity(result, left)
    plot_fidelity_ratios(result, right)
    for ax in (left, right):
        if ax.get_legend_handles_labels()[0]:  # without any curvature there is nothing to name
            ax.legend(loc="best")
