from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from synthetic_comparison import comparison

from landscape.page.style import INK
from landscape.plotting import COLUMN_WIDTH, PAGE_WIDTH
from landscape.report.sections.verdict.lead import overview_lead
from landscape.report.sections.verdict.section import verdict_section


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
            "group-0 and group-3 are flatter than kaiming, group-2 is sharper than kaiming. "
            "Undecided: group-1 against kaiming.",
        ),
        (
            ["undecided", "sharper", "undecided"],
            "group-1 is sharper than kaiming. Undecided: group-0 and group-2 against kaiming.",
        ),
        (
            ["equivalent"] * 3,
            "group-0, group-1 and group-2 are as flat as kaiming.",
        ),
    ],
)
def test_the_lead_names_who_is_flatter_than_whom(verdicts, lead):
    assert overview_lead(many(verdicts)) == lead


def named(verdicts):
    """One pair for each pair of names and its verdict."""
    (pair,) = comparison().pairs
    pairs = [
        replace(pair, group=group, baseline=baseline, verdict=verdict)
        for (group, baseline), verdict in verdicts.items()
    ]
    return comparison(pairs=tuple(pairs))


def test_what_came_out_alike_under_all_conditions_is_told_once():
    schemes = {
        ("ikun_v1", "kaiming"): "flatter",
        ("ikun_v2", "kaiming"): "flatter",
        ("ikun_v1", "lecun"): "undecided",
        ("ikun_v1", "xavier"): "undecided",
    }
    verdicts = {
        (f"{a}-{optimizer}", f"{b}-{optimizer}"): verdict
        for (a, b), verdict in schemes.items()
        for optimizer in ("adam", "sgd")
    }
    assert overview_lead(named(verdicts)) == (
        "ikun_v1 and ikun_v2 are flatter than kaiming (adam and sgd alike). "
        "Undecided: ikun_v1 against lecun and xavier."
    )
    # Where the optimisers do not agree, each is named.
    verdicts["ikun_v2-sgd", "kaiming-sgd"] = "sharper"
    assert overview_lead(named(verdicts)) == (
        "ikun_v1 is flatter than kaiming, ikun_v2-adam is flatter than kaiming-adam, ikun_v2-sgd "
        "is sharper than kaiming-sgd (otherwise adam and sgd alike). "
        "Undecided: ikun_v1 against lecun and xavier."
    )


def test_a_condition_that_not_all_were_compared_under_stays_in_the_names():
    verdicts = {
        ("a-adam", "b-adam"): "flatter",
        ("a-sgd", "b-sgd"): "flatter",
        ("c-sgd", "b-sgd"): "flatter",
    }
    assert overview_lead(named(verdicts)) == (
        "a-adam is flatter than b-adam, a-sgd and c-sgd are flatter than b-sgd."
    )


def test_what_is_too_much_for_a_sentence_is_counted():
    verdicts = {(f"a{i}", f"b{i}"): "flatter" for i in range(5)}
    assert overview_lead(named({**verdicts, ("c", "d"): "undecided"})) == (
        "Of 6 comparisons: 5 with flatter minima than the baseline's, 1 undecided."
    )
    many_undecided = {(f"a{i}", f"b{i}"): "undecided" for i in range(5)}
    assert overview_lead(named({**many_undecided, ("c", "d"): "sharper"})) == (
        "c is sharper than d; 5 of 6 comparisons are undecided."
    )


def test_many_pairs_share_one_figure_and_one_table_and_the_rest_is_folded():
    section = verdict_section(many(["flatter", "undecided", "sharper"]))
    assert [figure.name for figure in section.figures] == ["verdict"]
    overview, *details = section.tables
    assert [row[0].text for row in overview.cells] == ["group-0", "group-1", "group-2"]
    assert not overview.folded
    assert details
    assert all(table.folded for table in details)
    assert len({table.name for table in section.tables}) == len(section.tables)


def test_reasons_are_given_for_the_decided_pairs():
    section = verdict_section(many(["flatter", "undecided", "undecided"]))
    assert section.paragraphs[0].startswith("Flatter: group-0 against kaiming, ")
    assert sum("against" in words for words in section.paragraphs) == 1
    # Those of many differ in their numbers alone, which the table has.
    several = verdict_section(many(["flatter", "flatter", "sharper"]))
    assert not any("against" in words for words in several.paragraphs)
    assert "0.587" in {cell.text for row in several.tables[0].cells for cell in row}


def as_difference(row):
    return replace(
        row,
        scale="difference",
        estimate=-1e-4,
        interval=replace(row.interval, low=-3e-4, high=2e-4),
    )


def as_differences_but_the_deciding(row):
    return row if row.measure == "lambda_max[filter]" else as_difference(row)


def drawn(report_figure, width):
    figure = Figure(figsize=(width, 3))
    report_figure.draw(figure, True)
    return figure


def points(ax):
    """Rows that have a mark."""
    marks = [line for line in ax.get_lines() if line.get_linestyle() == "None"]
    return [mark.get_ydata()[0] for mark in marks]


def test_a_pair_without_a_ratio_stands_among_the_differences_in_their_unit():
    section = verdict_section(many(["undecided"] * 3, change=as_differences_but_the_deciding))
    figure = drawn(section.figures[0], PAGE_WIDTH)
    deciding, *others = figure.axes
    assert points(deciding) == [0, 1, 2]
    assert [points(ax) for ax in others] == [[1, 2], [0]] * 2
    assert [ax.get_xlabel() for ax in others] == [
        "← flatter  sharper →\nratio to baseline",
        "← flatter  sharper →\ndifference from baseline\n(10⁻⁴ loss)",
    ] * 2
    # Each measure's verdicts stand once, at the right of its last panel; beside those of the first
    # the verdict of all measures together.
    assert [len(ax.texts) for ax in figure.axes] == [6, 0, 3, 0, 3]
    assert [text.get_fontweight() for text in deciding.texts] == ["normal"] * 3 + ["bold"] * 3
    assert "no ratio" in section.figures[0].caption


def test_on_a_phone_a_panel_holds_the_pairs_that_it_draws():
    section = verdict_section(many(["undecided"] * 3, change=as_differences_but_the_deciding))
    figure = drawn(section.figures[0], COLUMN_WIDTH)
    assert [len(points(ax)) for ax in figure.axes] == [3, 2, 1, 2, 1]
    assert [len(ax.texts) for ax in figure.axes] == [3, 2, 1, 2, 1]


def test_without_any_ratio_there_are_no_panels_of_ratios():
    pairs = tuple(
        replace(p, measures=tuple(map(as_difference, p.measures)))
        for p in many(["undecided"] * 3).pairs
    )
    section = verdict_section(comparison(pairs=pairs))
    for ax in drawn(section.figures[0], PAGE_WIDTH).axes:
        assert "difference" in ax.get_xlabel()
        assert points(ax) == [0, 1, 2]


@pytest.mark.parametrize("width", [COLUMN_WIDTH, PAGE_WIDTH])
def test_one_pair_has_an_axis_of_ratios_and_one_for_each_difference(width):
    (pair,) = comparison().pairs
    rows = tuple(map(as_differences_but_the_deciding, pair.measures))
    section = verdict_section(comparison(pairs=(replace(pair, measures=rows),)))
    figure = drawn(section.figures[0], width)
    assert [points(ax) for ax in figure.axes] == [[0]] * 5
    ratios, *others = [ax.get_xlabel() for ax in figure.axes]
    assert ratios == "← flatter  sharper →\nratio to kaiming"
    assert all("10⁻⁴ loss" in label for label in others)
    assert "difference -0.0001 loss" in section.figures[0].alt


def test_ratios_are_turned_over_where_more_is_flatter_so_that_left_is_flatter_for_all():
    section = verdict_section(comparison())
    (ax,) = drawn(section.figures[0], PAGE_WIDTH).axes
    marks = [line for line in ax.get_lines() if line.get_linestyle() == "None"]
    titles = [label.get_text() for label in ax.get_yticklabels()]
    (place,) = (i for i, title in enumerate(titles) if "tolerated noise" in title)
    assert titles[place].startswith("1 / ")
    assert marks[place].get_xdata()[0] == pytest.approx(1 / 1.7)
    # A colour is a network's or a group's; a verdict is told by words and by a filled mark.
    assert {line.get_color() for line in marks} == {INK}
