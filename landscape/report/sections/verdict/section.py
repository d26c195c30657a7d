"""The verdict, first on the page: the answer in words, and one figure."""

from dataclasses import replace

from landscape.page.section import Section
from landscape.report.sections.verdict.errors import error_table
from landscape.report.sections.verdict.figures import overview_figure, pair_figure
from landscape.report.sections.verdict.overview import (
    FEW_PAIRS,
    bearing_paragraphs,
    overview_paragraphs,
    overview_table,
)
from landscape.report.sections.verdict.tables import accuracy_table, group_table, verdict_table
from landscape.results.comparison import Comparison


def verdict_section(comparison: Comparison) -> Section:
    """A sentence and a reason for each pair of groups, then ratios with their intervals.

    More than ``FEW_PAIRS`` pairs are told together, each one's own tables folded.
    """
    if len(comparison.pairs) > FEW_PAIRS:
        return _overview(comparison)
    reasons = [f"{p.group} against {p.baseline}: {p.reason.rstrip('.')}." for p in comparison.pairs]
    reasons += bearing_paragraphs(comparison)
    reasons += [f"{p.group} was compared {p.matched.rstrip('.')}." for p in comparison.pairs]
    return Section(
        key="verdict",
        title="Verdict by every measure",
        summary=f"{len(comparison.measures)} measures, with intervals and tests",
        paragraphs=tuple(reasons),
        figures=tuple(pair_figure(comparison, p, i) for i, p in enumerate(comparison.pairs)),
        tables=(
            *(verdict_table(comparison, p, i) for i, p in enumerate(comparison.pairs)),
            *(error_table(comparison, p, i) for i, p in enumerate(comparison.pairs)),
            group_table(comparison),
        ),
        notes=comparison.notes,
    )


def _overview(comparison: Comparison) -> Section:
    pairs = list(enumerate(comparison.pairs))
    return Section(
        key="verdict",
        title="Verdict by every measure",
        summary=f"{len(comparison.pairs)} comparisons, each with its tests",
        paragraphs=overview_paragraphs(comparison),
        figures=(overview_figure(comparison),),
        tables=(
            overview_table(comparison),
            *(
                replace(
                    verdict_table(comparison, p, i),
                    caption=f"{p.group} against {p.baseline}: all measures.",
                    folded=True,
                )
                for i, p in pairs
            ),
            *(error_table(comparison, p, i) for i, p in pairs),
            group_table(comparison),
        ),
        notes=comparison.notes,
    )


def accuracy_section(comparison: Comparison) -> Section | None:
    """Flatness against test accuracy, kept apart: it has no part in the verdict."""
    table = accuracy_table(comparison)
    if table is None:
        return None
    return Section(
        key="accuracy",
        title="Flatness and test accuracy",
        summary="within each group, no part of the verdict",
        paragraphs=(
            "Apart from the verdict: do flatter runs of one recipe test better? Each group's mean "
            "is taken off both, so that a difference between groups cannot answer; what is left is "
            "an association, not a cause.",
        ),
        tables=(table,),
    )
