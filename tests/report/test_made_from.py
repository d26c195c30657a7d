"""A report is kept where it would come out the same, and made again where anything changed."""

import pytest
from synthetic_results import eigenvalues, trace

from landscape.report import write_report
from landscape.report.made_from import is_current, remember
from landscape.results import save_result


@pytest.fixture
def folder(tmp_path):
    results = [eigenvalues("a-s0")]
    save_result(results[0], tmp_path / "results" / "a-s0" / "eigenvalues.json")
    write_report(tmp_path, results, title="t")
    return tmp_path


def test_a_report_is_current_once_it_is_remembered(folder):
    assert not is_current(folder, "t", None)
    remember(folder, "t", None)
    assert is_current(folder, "t", None)
    assert not is_current(folder, "another title", None)
    assert not is_current(folder, "t", "a-s0")


def another_result(folder):
    save_result(trace("a-s0"), folder / "results" / "a-s0" / "trace.json")


def no_figure(folder):
    next((folder / "figures").glob("*.svg")).unlink()


def edited_page(folder):
    (folder / "index.html").write_text("mine")


def a_verdict(folder):
    (folder / "comparison.json").write_text("{}")


@pytest.mark.parametrize("change", [another_result, no_figure, edited_page, a_verdict])
def test_any_change_makes_it_stale(folder, change):
    remember(folder, "t", None)
    change(folder)
    assert not is_current(folder, "t", None)
