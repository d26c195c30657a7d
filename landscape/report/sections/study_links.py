"""What flatness is good for: a study's correlations of flatness with what networks are used for."""

from functools import partial

from matplotlib.figure import Figure

from landscape.page.columns import count_column, interval_column, number_column, text_column
from landscape.page.section import ReportFigure, Section
from landscape.page.table import Column, Table
from landscape.plotting import legend_above, plot_links
from landscape.results.study import OutcomeLink, Study

_COLUMNS: list[Column[OutcomeLink]] = [
    text_column("measure", lambda link: link.title),
    text_column("outcome", lambda link: link.outcome),
    number_column(
        "rank correlation",
        lambda link: link.correlation,
        digits=2,
        key="correlation",
        formula="Spearman's, of sharpness and harm, each by its ranks within a recipe",
        source="van Elteren 1960",
    ),
    interval_column("interval", lambda link: link.interval),
    number_column("p", lambda link: link.p_value, digits=2),
    number_column("p (Holm)", lambda link: link.p_holm, digits=2, key="p_holm"),
    count_column("runs", lambda link: link.num_runs, key="num_runs"),
    count_column("recipes", lambda link: link.num_groups, key="num_recipes"),
]


def links_section(study: Study) -> Section | None:
    """A table and a figure of every primary measure against every outcome, within recipes."""
    found = study.links
    if not found:
        return None
    alpha = study.alpha
    outcomes = list(dict.fromkeys(link.outcome for link in found))
    return Section(
        key="good-for",
        title="What flatness is good for here",
        summary=_sentence(found, alpha).partition(": ")[0].rstrip("."),
        paragraphs=(
            f"{_sentence(found, alpha)} A correlation is of ranks within each recipe, pooled over "
            "recipes: whether recipes differ has no part in it. Positive: of two runs of one "
            "recipe the flatter one tends to fare better. p by shuffling seeds within recipes, "
            f"corrected for all {len(found)} correlations by Holm's procedure; an association is "
            "no cause.",
        ),
        figures=(
            ReportFigure(
                name="good-for",
                draw=partial(_draw, found, alpha),
                height=1.1 + 0.34 * len(outcomes),
                caption=(
                    "Rank correlation of sharpness with harm within recipes, and its "
                    f"{1 - alpha:.0%} interval, each on its own; what rises under noise, fewer "
                    "bits and shifted inputs is the loss. Filled: distinguishable from 0 after "
                    "correction."
                ),
                alt=f"Correlations of {len(outcomes)} outcomes. {_sentence(found, alpha)}",
            ),
        ),
        tables=(
            Table(
                name="good-for",
                caption="Sharpness against what becomes of the network, within recipes.",
                columns=_COLUMNS,
                rows=found,
                note="An interval that holds 0 is compatible with an association of either sign "
                "or none.",
            ),
        ),
    )


def _sentence(found: tuple[OutcomeLink, ...], alpha: float) -> str:
    if not any(link.p_value is not None for link in found):
        return "No correlation can be told: within recipes, nothing varies."
    decided = [
        f"{link.title} with {link.outcome} ({link.correlation:+.2f})"
        for link in found
        if link.p_holm is not None and link.p_holm <= alpha
    ]
    count = len(found)
    if not decided:
        if count == 1:
            return "The one correlation is not distinguishable from zero."
        return f"None of the {count} correlations is distinguishable from zero after correction."
    are = "is" if len(decided) == 1 else "are"
    return (
        f"{len(decided)} of the {count} correlations {are} distinguishable from zero after "
        f"correction: {'; '.join(decided)}."
    )


def _draw(found: tuple[OutcomeLink, ...], alpha: float, figure: Figure, _log: bool) -> None:
    ax = figure.subplots()
    plot_links(found, ax, alpha=alpha)
    legend_above(ax, figure)
