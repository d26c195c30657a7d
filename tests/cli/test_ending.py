"""The end of a command: the values that stand for a checkpoint, and what was written where."""

from dataclasses import replace

from compared_results import analysed, spectral, subject

from landscape.cli.ending import print_paths
from landscape.report.headline import headline_table


def cells(results):
    table = headline_table(results)
    return [[cell.text for cell in row] for row in table.cells], table


def test_a_row_holds_loss_accuracy_and_the_measures_that_stand_for_a_checkpoint():
    results = [r for seed in range(2) for r in analysed(subject("ikun_v1", seed), 1.0)]
    (row, _), table = cells(results)
    assert [c.title for c in table.columns[:3]] == ["checkpoint", "loss", "accuracy"]
    assert [c.title for c in table.columns[3:]] == ["λ_max", "trace", "expected rise"]
    assert row[0] == "ikun_v1-adam-s0"
    (rise,) = (
        m for r in analysed(subject("ikun_v1", 0), 1.0) for m in getattr(r, "rows", ())
        if (m.name, m.scale, m.radius) == ("expected_rise", "filter", 0.03)
    )  # fmt: skip
    assert table.cells[0][5].value == rise.value
    assert "expected rise (filter scale, ρ = 0.03), ± over noise pairs" in table.note
    assert "λ_max: largest eigenvalue (formal Hessian)" in table.note


def test_the_plain_operator_stands_before_the_scaled_one_whatever_the_order():
    results = analysed(subject("ikun_v1", 0), 1.0)
    assert cells(results)[0] == cells(results[::-1])[0]
    scaled = [r for r in results if getattr(getattr(r, "operator", None), "scale", "") != "none"]
    assert "filter scale, formal Hessian" in headline_table(scaled).note


def test_the_measure_that_bears_the_verdict_is_the_one_that_is_shown():
    results = [
        *analysed(subject("ikun_v1", 0), 1.0),
        *spectral(subject("ikun_v1", 0), 77.0, mean=0.5, scale="weight"),
    ]
    table = headline_table(results, "lambda_max[weight] hessian")
    assert table.cells[0][3].value == 77.0
    assert "largest eigenvalue (weight scale, formal Hessian)" in table.note
    assert "trace (weight scale, formal Hessian)" in table.note
    assert headline_table(results).cells[0][3].value == 1.4
    # One that the table has no column of otherwise.
    other = headline_table(results, "worst_rise[filter] ρ=0.003")
    assert "worst-case rise" in [column.title for column in other.columns]


def test_without_classes_there_is_no_accuracy_shown():
    results = [
        replace(r, subject=replace(r.subject, accuracy=None))
        for r in analysed(subject("ikun_v1", 0), 1.0)
    ]
    assert "accuracy" not in [c.title for c in headline_table(results).without_empty().columns]


def test_paths_are_those_that_are_there(tmp_path, capsys):
    (tmp_path / "index.html").touch()
    print_paths([("figures", tmp_path / "figures"), ("page", tmp_path / "index.html")])
    assert capsys.readouterr().out.split() == ["written", "page", str(tmp_path / "index.html")]
