import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic_comparison import comparison
from synthetic_results import eigenvalues, line, plane, trace

from landscape.cli.commands.report import report
from landscape.files import LOCK, OutputError, exclusive_lock
from landscape.results import PlaneMeasures, save_result


@pytest.fixture
def folder(tmp_path):
    for label in ("a-s0", "b-s0"):
        for result in (eigenvalues(label), trace(label)):
            save_result(result, tmp_path / "results" / label / f"{type(result).__name__}.json")
        (tmp_path / "results" / label / "settings.json").write_text('{"settings": {}, "done": {}}')
    return tmp_path


def run(*arguments):
    outcome = CliRunner().invoke(report, [str(a) for a in arguments], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output.split()


def test_a_report_is_made_again_from_its_results(folder):
    assert run(folder, "--title", "Mine", "--baseline", "b-s0") == [str(folder / "index.html")]
    first = (folder / "index.html").read_bytes()
    run(folder)  # title and baseline as before
    assert (folder / "index.html").read_bytes() == first
    assert json.loads((folder / "summary.json").read_text())["baseline"] == "b-s0"


@pytest.mark.parametrize("damage", ["{", "{}", '{"settings": [], "done": {}}'])
def test_a_damaged_record_of_settings_is_named(folder, damage):
    path = folder / "results" / "b-s0" / "settings.json"
    path.write_text(damage)
    outcome = CliRunner().invoke(report, [str(folder)], catch_exceptions=False)
    assert outcome.exit_code == 0
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"warning: {path} is damaged")


def test_the_verdict_in_the_folder_comes_first(folder):
    save_result(comparison(), folder / "comparison.json")
    run(folder)
    page = (folder / "index.html").read_text()
    assert "ikun_v1 is flatter than kaiming: " in page


def test_the_figures_files_are_as_wide_as_asked_and_the_page_stays(folder):
    save_result(line("a-s0"), folder / "results" / "a-s0" / "line.json")
    run(folder)
    page = (folder / "index.html").read_bytes()
    figures = sorted((folder / "figures").glob("*.svg"))
    assert len(figures) > 2
    run(folder, "--width", "3.25in")
    assert (folder / "index.html").read_bytes() == page
    for path in figures:
        assert 'viewBox="0 0 234 ' in path.read_text()  # points, 72 an inch
    for width, message in (("3.25", "as 3.25in"), ("99in", "from 1in to 20in")):
        outcome = CliRunner().invoke(report, [str(folder), "--width", width])
        assert outcome.exit_code == 2
        assert message in outcome.output


def test_notebook_and_tensorboard_on_request(folder):
    output = run(folder, "--notebook", "--tensorboard", folder / "tb")
    assert output[1] == str(folder / "report.ipynb")
    assert list((folder / "tb").glob("events.*"))


def test_a_folder_without_results_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"holds no results .*'landscape analyze"):
        CliRunner().invoke(report, [str(tmp_path)], catch_exceptions=False)


def test_a_folder_in_use_is_left_alone(folder):
    with (
        exclusive_lock(folder / LOCK),
        pytest.raises(OutputError, match="in use by another run"),
    ):
        run(folder)
    assert not (folder / "index.html").exists()
    run(folder)


def test_texts_of_results_are_no_mathematics_and_no_markup(tmp_path):
    hostile = "<script>alert(1)</script>$x^{$"
    result = eigenvalues("a-s0")
    result = replace(
        result,
        operator=replace(result.operator, params=hostile, scale="$x^{$"),
        subject=replace(result.subject, label=hostile.replace("/", "-"), notes=(hostile,)),
    )
    save_result(result, tmp_path / "results" / "a" / "eigenvalues.json")
    run(tmp_path)
    assert "<script>alert" not in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"title": [1], "baseline": {"a": 1}}',
        '{"title": "%s"}' % ("T" * 9**6),
    ],
)
def test_a_damaged_summary_is_no_obstacle(folder, summary):
    (folder / "summary.json").write_text(summary)
    run(folder)
    assert json.loads((folder / "summary.json").read_text())["title"] == folder.name


CUT = PlaneMeasures(
    threshold=0.1,
    sublevel_area=1.0,
    sublevel_fraction=1.0,
    sublevel_cut=True,
    asymmetry=None,
    roughness=None,
    nonconvex_fraction=None,
    convexity=np.zeros((0, 0)),
)


@pytest.mark.parametrize("values", [np.nan, np.inf, -np.inf, 0.0, 0.5])
def test_planes_and_lines_of_any_values_are_drawn_and_told(tmp_path, values):
    flat = plane("a-s0")
    flat = replace(
        flat,
        losses=np.full_like(flat.losses, values),
        measures=CUT,
    )
    straight = line("a-s0")
    straight = replace(straight, losses=np.full_like(straight.losses, values), spread=None)
    for result in (flat, straight):
        save_result(result, tmp_path / "results" / "a" / f"{type(result).__name__}.json")
    run(tmp_path)
    assert list((tmp_path / "figures").glob("*.svg"))
