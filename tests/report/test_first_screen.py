"""What the first screen says: of one network, two, groups of seeds, a study."""

from dataclasses import replace

import pytest
from report_cases import CASES, undecided
from synthetic_comparison import comparison
from synthetic_measures import all_results
from synthetic_results import eigenvalues, plane, trace

from landscape.page.material import gather
from landscape.report.first.screen import first_screen
from landscape.report.sections.all import make_sections


def screen(results, verdict=None):
    material = gather(results, None)
    sections = make_sections(material)
    return first_screen("Report", material, verdict, sections)


@pytest.fixture(scope="module")
def screens():
    return {name: screen(*case()) for name, case in CASES.items()}


def test_the_headline_has_the_tendency_its_size_and_how_sure_it_is(screens):
    assert screens["one"].headline == "kaiming-s0: sharpest curvature 30.5, trace 37.4."
    assert screens["two"].headline == (
        "ikun_v1-s0 is lower by all 4 measures shown: sharpest curvature 17.1, 0.56 times that "
        "of kaiming-s0; one run each, no test."
    )
    assert screens["six"].headline == (
        "ikun_v1 looks flatter than kaiming by all 5 measures compared: lambda max 0.84 times as "
        "large, "
        "lower in 3 of 3 pairs; not decided at n = 3."
    )
    assert screens["study"].headline.startswith("All 11 comparisons are undecided")


def test_one_run_of_each_is_told_in_one_line():
    labels = ("ikun_v1-s0",), ("kaiming-s0",)
    found = screen(all_results(labels[0] + labels[1]), undecided(*labels))
    assert found.headline.endswith("0.84 times as large; not decided at n = 1.")
    assert found.notes[0].text == (
        "1 pair of runs: a tendency, not a verdict · 9 pairs could decide a ratio of 0.8 or 1.25"
    )


def test_a_decided_verdict_is_said_to_be():
    (pair,) = comparison().pairs
    runs = [trace(label) for label in (*pair.runs, *pair.baseline_runs)]
    found = screen(runs, comparison())
    assert found.headline == (
        "ikun_v1 is flatter than kaiming: lambda max 0.59 times as large; decided."
    )


def test_measures_that_disagree_are_counted():
    verdict = undecided(("ikun_v1-s0",), ("kaiming-s0",))
    (pair,) = verdict.pairs
    rows = tuple(replace(m, estimate=1.2) for m in pair.measures)
    found = screen(
        all_results(("ikun_v1-s0", "kaiming-s0")),
        replace(verdict, pairs=(replace(pair, measures=rows),)),
    )
    # Of more tolerated noise the minimum is flatter, of more of the other four sharper.
    assert found.headline.startswith(
        "No clear difference: ikun_v1 is flatter than kaiming by 1 of 5"
    )


@pytest.mark.parametrize(("name", "entries"), [("one", 1), ("two", 2), ("six", 2), ("study", 12)])
def test_there_are_four_tiles_a_surface_each_one_figure_and_one_table(screens, name, entries):
    found = screens[name]
    assert len(found.entries) == entries
    assert len(found.tiles) == 4
    assert len(found.surfaces.cards) == min(entries, 4)
    assert len(found.figures) == 1
    assert found.table.name == "overview"
    assert [tile.strip is None for tile in found.tiles[:3]] == [entries == 1] * 3 or name == "study"


def test_groups_have_their_median_and_range_and_a_colour_each(screens):
    curvature = screens["six"].tiles[0]
    assert [row.text for row in curvature.rows] == ["18.7", "27.4"]
    assert [row.error for row in curvature.rows] == ["17.1 – 21.1", "21.1 – 30.5"]
    assert len({row.colour for row in curvature.rows}) == 2
    assert "median, range of runs" in curvature.hint


def of_traces(count):
    """The tile of ``count`` networks whose traces are 0, 1, 2 and so on."""
    runs = [trace(f"net{i}") for i in range(count)]
    runs = [replace(r, trace=replace(r.trace, mean=float(i))) for i, r in enumerate(runs)]
    (tile,) = (t for t in screen(runs).tiles if t.title == "Trace")
    return tile


def test_of_more_than_four_entries_a_tile_names_each_beside_its_dot_on_an_axis_with_numbers():
    tile = of_traces(6)
    assert not tile.rows
    assert [dot.name for dot in tile.strip.dots] == [f"net{i}" for i in range(6)]
    places = [dot.x for dot in tile.strip.dots]
    assert places == sorted(places)
    # The ends of the axis are those of the first one's and the last one's range.
    assert tile.strip.ends[0] == "−0.855"
    assert tile.strip.sides == ("flatter", "sharper")
    assert (tile.strip.dots[0].low, tile.strip.dots[-1].high) == (4, 96)


def test_of_very_many_entries_a_tile_names_the_flattest_and_the_sharpest():
    tile = of_traces(17)
    assert [row.name for row in tile.rows] == ["net0", "net16"]
    assert [dot.name for dot in tile.strip.dots] == [""] * 17


def test_where_nothing_tells_many_entries_apart_the_number_stands_in_the_tile(screens):
    tile = screens["study"].tiles[0]
    assert tile.strip is None
    assert {row.text for row in tile.rows} == {"21.1"}


def test_of_a_study_the_loss_on_the_examples_and_on_test_data_share_an_axis(screens):
    tile = screens["study"].tiles[-1]
    assert len(tile.strip.dots) == 12
    assert tile.strip.sides == ("lower", "higher")


def test_the_measure_that_decides_has_a_tile():
    verdict = comparison()
    runs = [trace(label) for pair in verdict.pairs for label in (*pair.runs, *pair.baseline_runs)]
    assert [t.title for t in screen(runs, verdict).tiles[:1]] == ["Trace"]
    by_norm = replace(verdict.settings, primary="frobenius_norm hessian")
    tiles = screen(runs, replace(verdict, settings=by_norm)).tiles
    assert [t.title for t in tiles[:2]] == ["Frobenius norm", "Trace"]
    assert tiles[0].hint.startswith("decides; ")


def test_the_error_of_a_tile_is_over_examples_and_never_the_solver_s_residual():
    found = eigenvalues("a-s0")
    (tile, _) = screen([found]).tiles
    assert tile.rows[0].error == "1.36 – 1.87"  # 0.8 and 1.1 of 1.7, for the whole set
    assert "95 % for all examples" in tile.hint
    without = tuple(replace(e, population=None) for e in found.largest)
    (tile, _) = screen([replace(found, largest=without)]).tiles
    assert tile.rows[0].error.startswith("± ")
    assert "over data shards" in tile.hint
    (tile, _) = screen([replace(found, largest=without, shards=())]).tiles
    assert tile.rows[0].error == ""


def test_what_failed_stands_beside_the_verdict(screens):
    (failed,) = (note for note in screens["six"].notes if note.failed)
    assert failed.text == "preflight failed for 6 networks"
    assert failed.anchor == "loaded"


def test_two_networks_have_a_row_of_ratios_and_one_none(screens):
    rows = [[cell.text for cell in row] for row in screens["two"].table.cells]
    assert [row[0] for row in rows] == ["ikun_v1-s0", "kaiming-s0", "ratio"]
    assert set(rows[2][1:5]) == {"0.561"}
    assert rows[0][5].startswith("≥")  # of two lower bounds there is no ratio
    assert rows[2][5] == "–"
    assert [c.title for c in screens["one"].table.columns][:2] == ["measure", "value"]


def test_ratios_of_groups_are_those_of_the_verdict():
    """The median of pairs' ratios, which the ratio of the groups' medians is not."""
    verdict = comparison()
    (pair,) = verdict.pairs
    row = replace(pair.measures[0], measure="trace hessian", estimate=0.587)
    judged = replace(verdict, pairs=(replace(pair, measures=(row,)),))
    runs = [trace(label) for label in (*pair.runs, *pair.baseline_runs)]
    assert shown_ratios(screen(runs, judged)) == [0.587]
    turned = replace(judged, groups=judged.groups[::-1])
    assert shown_ratios(screen(runs, turned)) == [1 / 0.587]


def test_the_measure_that_decides_has_a_column_of_its_own():
    verdict = comparison()
    primary = replace(verdict, settings=replace(verdict.settings, primary="frobenius_norm hessian"))
    (pair,) = verdict.pairs
    runs = [trace(label) for label in (*pair.runs, *pair.baseline_runs)]
    titles = [column.title for column in screen(runs, primary).table.columns]
    assert titles[:3] == ["group", "Frobenius norm", "trace"]


def shown_ratios(found):
    last = found.table.rows[-1]
    assert last.is_ratio
    return [value.value for value in last.values.values()]


def test_numbers_in_powers_of_ten_are_whole_in_files(screens):
    column = next(c for c in screens["two"].table.columns if c.title == "average-case")
    assert column.unit.startswith("10⁻³ loss")
    cell = column.cell(screens["two"].table.rows[0])
    assert cell.text.startswith("2.90")
    assert cell.value == pytest.approx(0.0021 * 1.38)


def test_planes_of_other_directions_are_not_among_the_surfaces():
    other = plane("a-s0")
    eigen = tuple(replace(d, kind="eigenvector", description="e") for d in other.directions)
    found = screen([plane("a-s0"), plane("b-s0"), replace(other, directions=eigen)])
    assert [p.subject.label for p in found.surfaces.planes] == ["a-s0", "b-s0"]
    losses = found.surfaces.data[0]["losses"]
    assert losses[0][:3] == [None] * 3
