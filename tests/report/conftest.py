"""Invented results, and reports written from them."""

import pytest
import synthetic_comparison
import synthetic_measures

from landscape.report import write_report


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The folder of a report of everything, with a verdict."""
    folder = tmp_path_factory.mktemp("report")
    write_report(
        folder,
        synthetic_measures.all_results(),
        title="Two recipes",
        baseline="kaiming-s0",
        comparison=synthetic_comparison.comparison(),
    )
    return folder


@pytest.fixture(scope="session")
def page(report):
    return (report / "index.html").read_text(encoding="utf-8")
