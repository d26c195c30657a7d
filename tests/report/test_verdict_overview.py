from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from synthetic_comparison import comparison

from landscape.plotting import PAGE_WIDTH
from landscape.report.sections.verdict import verdict_section
from landscape.report.sections.verdict_overview import overview_lead


def many(verdicts, *, change=lambda row: row):
    """One pair for each verdict, otherwise alike."""
    whole = comparison()
    pairs = tuple(
        replace(
            whole.pairs[0],
            group=f"group-{i}",
            verdict=verdict,
            measures=tuple(change(m) for m in whole.pairs[0].measures)
            if i == 0
            else whole.pairs[0].measures,
        )
        for i, verdict in enumerate(verdicts)
    )
    return comparison(pairs=pairs)


@pytest.mark.parametrize(
    ("verdicts", "lead"),
    [
        (
            ["undecided"] * 4,
            "All 4 comparisons are undecided: none shows flatter minima, none sharper.",
        ),
        (
            ["flatter", "undecided", "sharper", "flatter"],
            "Of 4 comparisons: 2 with flatter minima than the baseline's, 1 with sharper minima, "
            "1 undecided.",
        ),
        (
            ["equivalent"] * 3,
            "Of 3 comparisons: 3 with minima as flat as the baseline's, within the bounds.",
        ),
    ],
)
def test_the_lead_counts_the_verdicts(verdicts, lead):
    assert overview_lead(many(verdicts)) == lead


def test_many_pairs_share_one_figure_and_one_table_and_the_rest_is_folded():
    section = verdict_section(many(["flatter", "undecided", "sharper"]))
    assert [figure.name for figure in section.figures] == ["verdict"]
    overview, *details = section.tables
    assert [row[0].text for row in overview.rows] == ["group-0", "group-1", "group-2"]
    assert not overview.folded
    assert details
    assert all(table.folded for table in details)
    assert len({table.name for table in section.tables}) == len(section.tables)


def test_reasons_are_given_for_the_decided_pairs():
    section = verdict_section(many(["flatter", "undecided", "undecided"]))
    assert section.paragraphs[0].startswith("Flatter: group-0 against kaiming, ")
    assert sum("against" in words for words in section.paragraphs) == 1


def test_a_pair_without_a_ratio_has_words_and_no_point():
    def no_ratio(row):
        is_primary = row.measure == "lambda_max[filter]"
        return row if is_primary else replace(row, scale="difference", estimate=-1e-4)

    section = verdict_section(many(["undecided"] * 3, change=no_ratio))
    figure = Figure(figsize=(PAGE_WIDTH, 3))
    section.figures[0].draw(figure, True)
    deciding, *others = figure.axes
    assert len(others) == 2
    for ax in figure.axes:
        words = [text.get_text() for text in ax.texts]
        assert [w.endswith("(no ratio)") for w in words] == [ax is not deciding, False, False]
