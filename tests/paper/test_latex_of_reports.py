"""Every table that reports hold, as LaTeX compiles it."""

import re
from pathlib import Path

import numpy as np
import pytest
import synthetic_comparison
import synthetic_measures
import synthetic_study
from latex import compiled, complaints, needs_latex, tables_of
from shipped import shipped_report
from synthetic_results import (
    curves,
    density,
    direction,
    eigenvalues,
    layers,
    line,
    plane,
    preflight,
    trace,
)

import landscape.report.sections.all
from landscape.page.latex.table import to_latex
from landscape.page.material import gather
from landscape.report.notebook import load_comparison, load_results, load_study
from landscape.report.sections.study import split_study
from landscape.results import SlopeRow

HOSTILE = (
    "<script>&\"'$x_1$=cmd \\input{x}%#",
    "Überprüfung-網絡-é-s0",
    "an_unbroken_name_" * 8,
    "W" * 100,
)


def shipped(name):
    """The tables of a shipped report, from its results."""
    folder = shipped_report(name)
    results, further = load_results(folder), []
    if (study := load_study(folder)) is not None:
        results, further = split_study(study, results)
    return tables_of(gather(results, None), comparison=load_comparison(folder), further=further)


def synthetic():
    """Those, and the kinds that only a path, a sweep of slopes and a study have."""
    path = direction(1, kind="between", normalisation="none", description="towards kaiming-s1")
    slopes = (SlopeRow(factor=2.0, operator="ggn", ratio=0.5, rank_correlation=None),)
    results = [
        *synthetic_measures.all_results(),
        line("kaiming-s0", direction=path, axis=np.linspace(0, 1, 41), slope=None, curvature=None),
        synthetic_measures.fidelity("kaiming-s0", slope_sweep=slopes),
    ]
    _, further = split_study(synthetic_study.study(), [])
    return tables_of(
        gather(results, "kaiming-s0"),
        comparison=synthetic_comparison.comparison(),
        further=further,
    )


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
    assert all(table.rows for table in found.values())
    for name, table in found.items():
        (tmp_path / f"{name}.tex").write_text(to_latex(table), encoding="ascii")
    body = "\n".join(rf"\typeout{{=== {name}}}\input{{{name}}}\clearpage" for name in found)
    assert complaints(compiled(tmp_path, body)) == []


def test_the_tables_tried_are_of_every_kind_that_reports_hold():
    sections = Path(landscape.report.sections.all.__file__).parent
    named = re.compile(r'Table\(\s*name=f?"([a-z-]+)')
    kinds = {kind for path in sections.rglob("*.py") for kind in named.findall(path.read_text())}
    tried = [*shipped("demo"), *shipped("ikun-study"), *synthetic(), *hostile()]
    assert len(kinds) > 20
    assert {kind for kind in kinds if not any(name.startswith(kind) for name in tried)} == set()
