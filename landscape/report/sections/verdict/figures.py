"""The figures of a verdict: of one pair of groups by all measures, and of many pairs by few."""

import math
import operator
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.page.section import ReportFigure
from landscape.plotting import TEXT_WIDTH, EffectRow, figure_text, plot_differences, plot_ratios
from landscape.report.sections.verdict.tables import measures_shown, row_of, run_counts
from landscape.results.comparison import ComparedMeasure, Comparison, MeasureRow, PairRow

_ONE_LINE = 3  # so many panels stand side by side
_WORD = 42  # points that the longest verdict by a measure takes


def pair_figure(comparison: Comparison, pair: PairRow, number: int) -> ReportFigure:
    """Ratios of all measures on one axis; below it differences, an axis each, in their units."""
    settings = comparison.settings
    ratios = [m for m in pair.measures if m.scale == "ratio"]
    differences = [m for m in pair.measures if m.scale != "ratio"]
    counts = ", ".join(
        f"n = {a} pair{'s' * (a > 1)} of runs with one seed"
        if pair.paired
        else f"n = {a} and {b} runs"
        for a, b in sorted({m.num_runs for m in pair.measures})
    )
    low, high = settings.bounds
    height = (0.87 + 0.33 * len(ratios)) * bool(ratios) + 0.87 * len(differences)
    what = "Ratio of {} to {}" if ratios else "Difference of {} from {}"
    bands = f" Shaded: {low:g} to {high:g}, within which all of an equivalent's interval lies."
    below = (
        " Below: differences, where a value is not positive and there is no ratio; no bounds were "
        "declared for them."
    )
    return ReportFigure(
        name="verdict" if not number else f"verdict-{number + 1}",
        draw=partial(_draw_pair, comparison, ratios, differences, pair.baseline),
        height=height,
        caption=(
            f"{what.format(pair.group, pair.baseline)} by measure. Points: estimates; bars: "
            f"{1 - settings.alpha:.0%} interval over runs ({counts}), each on its own; the words "
            f"at the right are corrected for all measures.{bands * bool(ratios)} Hollow: "
            "undecided. Diamond, bold: the measure that "
            + (
                "was declared to decide before looking."
                if settings.primary_declared
                else "decides, chosen by rule."
            )
            + below * bool(ratios and differences)
        ),
        alt="Estimates with intervals. " + " ".join(_spoken(comparison, m) for m in pair.measures),
    )


def _draw_pair(
    comparison: Comparison,
    ratios: Sequence[MeasureRow],
    differences: Sequence[MeasureRow],
    baseline: str,
    figure: Figure,
    _log: bool,
) -> None:
    heights = [len(ratios)] * bool(ratios) + [1] * len(differences)
    axes = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights).flat)
    if ratios:
        plot_ratios(
            [_measure_row(comparison, m) for m in ratios],
            axes.pop(0),
            bounds=comparison.settings.bounds,
            baseline=baseline,
            most_ticks=5,
        )
    for m, ax in zip(differences, axes, strict=True):
        plot_differences(
            [_measure_row(comparison, m)],
            ax,
            unit=comparison.measure(m.measure).unit,
            baseline=baseline,
            most_ticks=4,
        )
    for ax in figure.axes:
        _break_label(ax)


def _measure_row(comparison: Comparison, row: MeasureRow) -> EffectRow:
    measure = comparison.measure(row.measure)
    estimate, interval = _less_is_flatter(comparison, row)
    return EffectRow(
        title=_turned_title(measure, row.scale),
        estimate=estimate,
        interval=interval,
        verdict=row.verdict,
        primary=row.measure == comparison.settings.primary,
    )


class _Panel(NamedTuple):
    """One axis of the figure of many pairs."""

    measure: str
    scale: str  # ratio | difference
    pairs: list[PairRow]  # those that have a value on it


def overview_figure(comparison: Comparison) -> ReportFigure:
    """All pairs by the measures that decide: panels of ratios, and of differences in their units.

    A pair stands in one of a measure's two panels: with a value that is not positive it has no
    ratio.
    """
    panels = _panels(comparison)
    settings, pairs = comparison.settings, comparison.pairs
    low, high = settings.bounds
    runs = " to ".join(map(str, run_counts(comparison)))
    title = comparison.measure(settings.primary).title
    words = [m.verdict for p in pairs for m in p.measures]
    hollow = ", hollow is undecided" * ("undecided" in words)
    differences = " Differences: where a value is not positive and there is no ratio."
    return ReportFigure(
        name="verdict",
        draw=partial(_draw_overview, comparison, panels),
        height=(0.95 + 0.2 * len(pairs)) * len(_lines(panels)),
        narrow_height=sum(0.95 + 0.2 * len(p.pairs) for p in panels),
        caption=(
            "Each group against its baseline. Points: estimates; bars: "
            f"{1 - settings.alpha:.0%} interval over runs ({runs} a group), each on its own; the "
            "words beside them are corrected for all tests: flatter and sharper are told from 1, "
            f"equivalent lies within {low:g} to {high:g} (shaded){hollow}. Bold, where there "
            "is room: the verdict, undecided too where measures do not say the same."
            f"{differences * any(p.scale != 'ratio' for p in panels)} "
            f"{title[0].upper()}{title[1:]} decides"
            f"{', as declared before looking' if settings.primary_declared else ''}, where a "
            "measure of the loss itself agrees."
        ),
        alt="Estimates with intervals. "
        + " ".join(
            f"{p.group} against {p.baseline}, {_spoken(comparison, row)}"
            for p in pairs
            if (row := row_of(p, settings.primary))
        ),
    )


def _panels(comparison: Comparison) -> list[_Panel]:
    """A measure's ratios, then its differences; those of the deciding one first."""
    found = [
        _Panel(name, scale, [p for p in comparison.pairs if _on(p, name, scale)])
        for name in measures_shown(comparison)
        for scale in ("ratio", "difference")
    ]
    return [panel for panel in found if panel.pairs]


def _lines(panels: Sequence[_Panel]) -> list[list[_Panel]]:
    """Panels side by side: all, where they are few, else those of one measure."""
    if len(panels) <= _ONE_LINE:
        return [list(panels)]
    names = dict.fromkeys(p.measure for p in panels)
    return [[p for p in panels if p.measure == name] for name in names]


def _draw_overview(
    comparison: Comparison, panels: Sequence[_Panel], figure: Figure, _log: bool
) -> None:
    if figure.get_figwidth() < TEXT_WIDTH:
        heights = [len(p.pairs) for p in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for panel, ax in zip(panels, axes.flat, strict=True):
            _draw_panel(comparison, panel, panel.pairs, ax, most_ticks=6, show_verdicts=True)
        return
    lines = _lines(panels)
    grid = figure.add_gridspec(len(lines), 6)
    for i, line in enumerate(lines):
        width = 6 // len(line)
        for j, panel in enumerate(line):
            ax = figure.add_subplot(grid[i, j * width : (j + 1) * width])
            # Of a measure's two panels the second carries the words for both.
            last = j + 1 == len(line) or line[j + 1].measure != panel.measure
            _draw_panel(
                comparison,
                panel,
                comparison.pairs,
                ax,
                most_ticks=(10, 7, 5)[len(line) - 1],
                show_verdicts=last,
            )
            if j:
                ax.set_yticklabels([])
                if line[j - 1].measure == panel.measure:
                    ax.set_title("where a value\nis not positive", fontsize=7)
        if not i:
            _name_verdicts(comparison.pairs, ax)


def _name_verdicts(pairs: Sequence[PairRow], ax: Axes) -> None:
    """The verdict on each pair, of all measures together, beside the words of one measure."""
    for place, pair in enumerate(pairs):
        ax.annotate(
            pair.verdict,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            xytext=(_WORD, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            fontweight="bold",
        )


def _draw_panel(
    comparison: Comparison,
    panel: _Panel,
    pairs: Sequence[PairRow],
    ax: Axes,
    *,
    most_ticks: int,
    show_verdicts: bool,
) -> None:
    rows = [_pair_row(comparison, pair, panel) for pair in pairs]
    measure = comparison.measure(panel.measure)
    if panel.scale == "ratio":
        plot_ratios(
            rows,
            ax,
            bounds=comparison.settings.bounds,
            baseline="baseline",
            most_ticks=most_ticks,
            show_verdicts=show_verdicts,
        )
    else:
        plot_differences(
            rows,
            ax,
            unit=measure.unit,
            baseline="baseline",
            most_ticks=most_ticks,
            show_verdicts=show_verdicts,
        )
    _break_label(ax)
    name, bracket, details = _turned_title(measure, panel.scale).partition(" (")
    ax.set_title(
        f"{figure_text(name)}\n{figure_text(bracket[1:] + details, longest=40)}", fontsize=7
    )


def _break_label(ax: Axes) -> None:
    """Put the unit of a narrow axis on a line of its own."""
    ax.set_xlabel("\n(".join(ax.get_xlabel().rsplit(" (", 1)))


def _pair_row(comparison: Comparison, pair: PairRow, panel: _Panel) -> EffectRow:
    row = row_of(pair, panel.measure)
    drawn = row is not None and row.scale == panel.scale
    estimate, interval = _less_is_flatter(comparison, row) if row and drawn else (None, None)
    return EffectRow(
        title=f"{pair.group} / {pair.baseline}",
        estimate=estimate,
        interval=interval,
        verdict=row.verdict if row else "not compared",
    )


def _on(pair: PairRow, measure: str, scale: str) -> bool:
    row = row_of(pair, measure)
    return row is not None and row.scale == scale


def _less_is_flatter(
    comparison: Comparison, row: MeasureRow
) -> tuple[float, tuple[float, float] | None]:
    """The estimate and its interval, turned over where the measure is flatter for more."""
    ends = None if row.interval is None else (row.interval.low, row.interval.high)
    if comparison.measure(row.measure).larger_is == "sharper":
        return row.estimate, ends
    turn = _inverse if row.scale == "ratio" else operator.neg
    return turn(row.estimate), None if ends is None else (turn(ends[1]), turn(ends[0]))


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio > 0 else math.inf


def _turned_title(measure: ComparedMeasure, scale: str) -> str:
    if measure.larger_is == "sharper":
        return measure.title
    return f"1 / {measure.title}" if scale == "ratio" else f"− {measure.title}"


def _spoken(comparison: Comparison, row: MeasureRow) -> str:
    measure = comparison.measure(row.measure)
    unit = "" if row.scale == "ratio" else f" {measure.unit}"
    return f"{measure.title}: {row.scale} {row.estimate:.3g}{unit}, {row.verdict}."
