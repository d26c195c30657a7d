"""Every table that reports hold, as LaTeX compiles it."""

from pathlib import Path

import pytest
import synthetic_comparison
import synthetic_measures
from latex import compiled, complaints, needs_latex, tables_of
from synthetic_results import (
    curves,
    density,
    eigenvalues,
    layers,
    line,
    plane,
    preflight,
    trace,
)

from landscape.page.latex.table import to_latex
from landscape.page.material import gather
from landscape.report.notebook import load_comparison, load_results, load_study
from landscape.report.sections.study import split_study

REPORTS = Path(__file__).parents[2] / "reports"
HOSTILE = (
    "<script>&\"'$x_1$=cmd \\input{x}%#",
    "Überprüfung-網絡-é-s0",
    "an_unbroken_name_" * 8,
    "W" * 100,
)


def shipped(name):
    """The tables of a shipped report, from its results."""
    folder = REPORTS / name
    results, further = load_results(folder), []
    if (study := load_study(folder)) is not None:
        results, further = split_study(study, results)
    return tables_of(gather(results, None), comparison=load_comparison(folder), further=further)


def synthetic():
    results = synthetic_measures.all_results()
    return tables_of(gather(results, "kaiming-s0"), comparison=synthetic_comparison.comparison())


def hostile():
    makers = (curves, density, eigenvalues, layers, line, plane, preflight, trace)
    results = [make(label) for label in HOSTILE for make in makers]
    return tables_of(gather(results, None))


@needs_latex
@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(lambda: shipped("demo"), id="demo"),
        pytest.param(lambda: shipped("ikun-study"), id="study"),
        pytest.param(synthetic, id="synthetic"),
        pytest.param(hostile, id="hostile"),
    ],
)
def test_every_table_compiles_and_fits(tables, tmp_path):
    found = tables()
    assert len(found) > 10
    for name, table in found.items():
        (tmp_path / f"{name}.tex").write_text(to_latex(table), encoding="ascii")
    body = "\n".join(rf"\typeout{{=== {name}}}\input{{{name}}}\clearpage" for name in found)
    assert complaints(compiled(tmp_path, body)) == []
