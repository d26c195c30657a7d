import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from synthetic_comparison import comparison
from synthetic_results import eigenvalues, trace

from landscape.cli.report import report
from landscape.files import LOCK, OutputError, exclusive_lock
from landscape.results import save_result


@pytest.fixture
def folder(tmp_path):
    for label in ("a-s0", "b-s0"):
        for result in (eigenvalues(label), trace(label)):
            save_result(result, tmp_path / "results" / label / f"{type(result).__name__}.json")
        (tmp_path / "results" / label / "settings.json").write_text("{}")
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


def test_the_verdict_in_the_folder_comes_first(folder):
    save_result(comparison(), folder / "comparison.json")
    run(folder)
    page = (folder / "index.html").read_text()
    assert "The minima of ikun_v1 are flatter than those of kaiming." in page


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
