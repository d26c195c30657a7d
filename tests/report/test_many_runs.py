"""Reports of many runs: bands of all, few one by one, long tables as files, no file left over."""

import csv
import json

import numpy as np
import pytest
from synthetic_results import LABELS, curves, density, eigenvalues, line, trace

from landscape.page.detail import MOST_SHOWN
from landscape.page.material import gather
from landscape.page.style import COLOURS, figure_style, new_figure
from landscape.page.table import MOST_PRINTED
from landscape.report import write_report
from landscape.report.first.entries import entries_of
from landscape.report.sections.spectra import first_density, spectra_section
from landscape.report.sections.training import training_section

RUNS = [f"{recipe}-s{seed}" for recipe in ("kaiming", "lecun") for seed in range(10)]


def drawn(figure, log=False):
    with figure_style():
        canvas = new_figure(6, 3)
        figure.draw(canvas, log)
    return canvas


def test_a_band_holds_the_runs_that_the_page_does_not_show_one_by_one():
    first = curves(RUNS[0])
    results = [curves(label) for label in RUNS]
    results[7] = curves(RUNS[7], train_loss=3 * first.train_loss)
    material = gather(results, None, most=MOST_SHOWN)
    assert RUNS[7] not in material.labels
    panel = drawn(training_section(material).figures[0]).axes[0]
    assert len(panel.get_lines()) == 2
    highest = max(path.vertices[:, 1].max() for c in panel.collections for path in c.get_paths())
    assert highest == pytest.approx(3 * first.train_loss.max())


def test_so_does_that_of_a_density_whose_text_says_what_the_band_is():
    material = gather([density(label) for label in RUNS], None, most=MOST_SHOWN)
    figure = spectra_section(material).figures[0]
    assert len(drawn(figure, log=True).axes[0].get_lines()) >= 2
    assert "median and range of the runs of a recipe" in figure.caption
    assert "kaiming, lecun" in figure.alt
    alone = spectra_section(gather([density(LABELS[0])], None)).figures[0]
    assert "95 %" in alone.caption


@pytest.mark.parametrize(
    ("steps", "bound", "is_drawn"), [(9, 0.1, False), (10, 0.1, True), (2, 0.0, True)]
)
def test_of_few_steps_there_is_no_curve_unless_they_find_all(steps, bound, is_drawn):
    few = density(LABELS[0], num_steps=steps, wasserstein_bound=bound)
    material = gather([few], None)
    assert (first_density(material, {}) is not None) is is_drawn
    assert bool(spectra_section(material).figures) is is_drawn
    assert [t.name for t in spectra_section(material).tables] == ["density"]


def test_of_many_recipes_one_run_of_the_first_ones_is_shown_and_all_are_in_the_first_screen():
    labels = [f"r{number}-s{seed}" for number in range(12) for seed in range(3)]
    material = gather([trace(label) for label in labels], None, most=MOST_SHOWN)
    assert material.labels == tuple(f"r{number}-s0" for number in range(MOST_SHOWN))
    assert {material.strokes[label].colour for label in material.labels} == set(COLOURS)
    entries = entries_of(material, None)
    assert [entry.name for entry in entries] == [f"r{number}" for number in range(12)]
    assert all(len(entry.labels) == 3 for entry in entries)


def test_a_long_table_is_a_file_for_programs_and_its_first_rows_on_the_page(tmp_path):
    labels = [f"run{i}" for i in range(MOST_PRINTED + 1)]
    page = write_report(tmp_path, [trace(label) for label in labels], title="t")
    assert {p.suffix for p in (tmp_path / "tables").glob("checkpoints.*")} == {".csv"}
    assert {p.suffix for p in (tmp_path / "tables").glob("first.*")} <= {".csv", ".md", ".tex"}
    with (tmp_path / "tables/checkpoints.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(labels)
    text = page.read_text(encoding="utf-8")
    assert f"The first {MOST_PRINTED} of {len(labels)} rows; the file has all." in text
    assert "tables/checkpoints.csv" in text
    assert "tables/checkpoints.md" not in text


def test_a_shorter_report_leaves_no_figure_or_table_of_the_longer_one(tmp_path):
    write_report(tmp_path, [line(LABELS[0]), eigenvalues(LABELS[0])], title="t", figures=["png"])
    of_the_user = tmp_path / "figures" / "mine.svg"
    of_the_user.write_text("<svg/>")
    outside = tmp_path / "mine.csv"
    outside.write_text("1")
    listed = tmp_path / "summary.json"
    summary = json.loads(listed.read_text(encoding="utf-8"))
    assert {"index.html", "figures/line.svg", "figures/line.png"} <= set(summary["files"])
    summary["files"] += ["mine.csv", "figures/../mine.csv", 3]
    listed.write_text(json.dumps(summary))
    write_report(tmp_path, [eigenvalues(LABELS[0])], title="t")
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    now = set(json.loads(listed.read_text(encoding="utf-8"))["files"])
    assert left == now | {"summary.json", "figures/mine.svg", "mine.csv"}
    assert "figures/line.svg" not in left


def test_values_that_are_not_finite_leave_the_band():
    broken = curves(RUNS[1], train_loss=np.full_like(curves(RUNS[1]).train_loss, np.nan))
    results = [curves(RUNS[0]), broken, *(curves(r) for r in RUNS[10:12])]
    panel = drawn(training_section(gather(results, None)).figures[0]).axes[0]
    assert len(panel.get_lines()) == 2


def test_a_density_is_zero_where_a_spectrum_does_not_reach():
    """One run of three has an eigenvalue far out: no median shows it, the band does."""
    near = [density(f"a-s{seed}") for seed in range(2)]
    grid = 4 * near[0].grid
    far = density("a-s2", grid=grid, density=np.full_like(grid, 0.5))
    other = density("b-s0")
    material = gather([*near, far, other], None)
    panel = drawn(spectra_section(material).figures[0]).axes[0]
    line, *_ = panel.get_lines()
    beyond = line.get_xdata() > 1.01 * near[0].grid[-1]
    assert beyond.any()
    assert np.all(line.get_ydata()[beyond] == 0)
    highest = max(
        path.vertices[path.vertices[:, 0] > 1.01 * near[0].grid[-1], 1].max()
        for path in panel.collections[0].get_paths()
    )
    assert highest == pytest.approx(0.5)
