"""The table of a paper against values computed by hand, and the paragraph on its methods."""

import csv
import io
import re
import statistics
import subprocess
from pathlib import Path

import pytest
from command_line import invoke
from compared_results import checkpoints, group, spectral, subject
from latex import compiled, complaints, needs_latex
from shipped import shipped_report
from synthetic_results import density, eigenvalues, line, plane, trace

from landscape.catalog import MEASURES
from landscape.page.formats import to_csv
from landscape.page.latex.table import to_latex
from landscape.paper.bibliography import BIBLIOGRAPHY, bibliography, keys_of
from landscape.paper.methods import methods_tex
from landscape.paper.numbers import chosen_numbers
from landscape.paper.settings import PaperSettings
from landscape.paper.table import paper_table
from landscape.results import result_path, save_result

ROOT = Path(__file__).parents[2]
TWO = [*group("ikun_v1", [1.0, 2.0, 4.0]), *group("kaiming", [3.0, 5.0])]


def rows_of(results, **settings):
    text = to_csv(paper_table(results, PaperSettings(**settings)))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_group_is_the_mean_and_standard_deviation_over_its_runs():
    ikun, kaiming = rows_of(TWO, measures=("lambda_max", "test_accuracy"))
    tops = [
        next(n for n in chosen_numbers([c], ("lambda_max",)) if n.name == "lambda_max hessian")
        .cell(c)
        .value
        for c in checkpoints(group("ikun_v1", [1.0, 2.0, 4.0]))
    ]
    assert float(ikun["lambda_max hessian"]) == pytest.approx(statistics.fmean(tops))
    assert float(ikun["lambda_max hessian_sd"]) == pytest.approx(statistics.stdev(tops))
    assert (ikun["initialisation"], ikun["n"]) == ("ikun_v1", "3")
    assert (kaiming["initialisation"], kaiming["n"]) == ("kaiming", "2")
    accuracies = [0.88 + 0.001 * seed for seed in (0, 1)]
    assert float(kaiming["test_accuracy_sd"]) == pytest.approx(statistics.stdev(accuracies))


def test_numbers_of_a_column_share_a_power_of_ten_which_the_heading_tells():
    results = [
        *spectral(subject("kaiming", 0, accuracy=0.5), 2e-5, mean=1.0),
        *spectral(subject("lecun", 0, accuracy=0.25), 4e-6, mean=1.0),
    ]
    table = paper_table(results, PaperSettings(measures=("lambda_max", "accuracy")))
    assert [c.heading for c in table.columns[2:]] == ["λ_max (10⁻⁵) ↓", "accuracy (%) ↑"]
    assert [[c.text for c in row[2:]] for row in table.cells] == [["2", "50"], ["0.4", "25"]]
    assert [[c.value for c in row[2:]] for row in table.cells] == [[2e-5, 0.5], [4e-6, 0.25]]


def test_of_a_run_the_last_checkpoint_counts():
    early = spectral(subject("kaiming", 0, epoch=5, label="kaiming-adam-s0-e5"), 99.0, mean=1.0)
    last = spectral(subject("kaiming", 0), 2.0, mean=1.0)
    (row,) = rows_of([*early, *last], measures=("lambda_max",))
    assert (row["n"], float(row["lambda_max hessian"])) == ("1", 2.0)


def test_a_checkpoint_is_its_value_with_its_error():
    parts = spectral(subject("kaiming", 0), 2.0, mean=1.0, shards=(1.9, 2.1, 2.3))
    solver = spectral(subject("kaiming", 1), 3.0, mean=1.0)
    rows = rows_of([*parts, *solver], by="checkpoint", measures=("lambda_max", "accuracy"))
    assert [row["checkpoint"] for row in rows] == ["kaiming-adam-s0", "kaiming-adam-s1"]
    assert float(rows[0]["lambda_max hessian_stderr"]) == pytest.approx(0.2 / 3**0.5)
    assert rows[1]["lambda_max hessian_stderr"] == ""  # a solver's residual is no error
    assert float(rows[0]["accuracy_stderr"]) == pytest.approx((0.92 * 0.08 / 1000) ** 0.5)


def test_unasked_the_table_has_eigenvalue_trace_sharpness_and_accuracy_in_one_column_of_a_paper():
    table = paper_table(TWO, PaperSettings())
    titles = [column.title for column in table.columns]
    assert titles[:4] == ["init.", "n", "λ_max", "tr"]
    assert titles[4:] == ["rise", "test accuracy"]
    assert "rise: expected rise (filter scale, ρ = 0.03), loss" in table.note
    assert to_latex(table).startswith("% 3.25 in wide: table")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lambda_mx", "nothing is called 'lambda_mx'.*Did you mean 'lambda_max'"),
        ("acuracy", "Did you mean 'accuracy'"),
        ("relative_flatness", "'relative_flatness' was not measured"),
        ("test_loss", "'test_loss' was not measured"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_those_near_to_it(name, message):
    with pytest.raises(ValueError, match=message):
        paper_table(TWO, PaperSettings(measures=(name,)))


def test_no_mean_is_taken_over_what_was_not_measured_alike():
    unlike = [
        *spectral(subject("kaiming", 0), 2.0, mean=1.0),
        *spectral(subject("kaiming", 1, loss_name="cross-entropy"), 2.0, mean=1.0),
    ]
    with pytest.raises(ValueError, match="measured alike; lambda_max hessian differs in loss: mse"):
        paper_table(unlike, PaperSettings(measures=("lambda_max",)))
    table = paper_table(unlike, PaperSettings(by="checkpoint", measures=("lambda_max",)))
    assert "λ_max was not measured alike: loss: mse" in table.note


def test_an_eigenvalue_that_has_not_converged_is_marked_in_the_mean_too():
    results = [*group("kaiming", [1.0]), eigenvalues("kaiming-s1")]
    open_one = eigenvalues("kaiming-s0", largest=(eigenvalues("kaiming-s0").largest[-1],))
    for by in ("group", "checkpoint"):
        settings = PaperSettings(by=by, measures=("lambda_max",))
        assert "†" in paper_table([open_one], settings).note
        assert "†" not in paper_table(results[-1:], settings).note


def test_every_source_of_a_measure_that_has_authors_is_in_the_bibliography():
    for kind in MEASURES.values():
        assert len(keys_of(kind.source)) == kind.source.count(" et al. "), kind.name


def all_of(label):
    return [make(label) for make in (eigenvalues, density, trace, line, plane)]


def test_the_methods_name_what_the_results_hold():
    tex = methods_tex([*all_of("kaiming-s0"), *all_of("kaiming-s1")], "train")
    assert tex.isascii()
    for words in (
        "2 checkpoints",
        "seeds 0, 1.",
        "1,000 train examples",
        "8 probes of 40 steps",
        "64 probes",
        "0.001 times the norm",
        "torch 2.13.0",
        r"\cite{ubaru2017,ghorbani2019}",
        r"\cite{lanczos1950,wu2000}",
        r"\cite{hutchinson1990}",
        r"\cite{li2018}",
    ):
        assert words in tex.replace(r"\allowbreak{}", "")
    cited = {k for keys in re.findall(r"\\cite\{([^}]+)\}", tex) for k in keys.split(",")}
    assert set(re.findall(r"^@\w+\{(\w+),$", bibliography(tex), re.M)) == cited


@needs_latex
def test_the_methods_compile_and_so_does_every_reference(tmp_path):
    tex = methods_tex([*all_of("kaiming-s0"), *all_of("kaiming-s1")], "train")
    every = "\n\n".join(BIBLIOGRAPHY.values())
    assert every.isascii()
    (tmp_path / "methods.tex").write_text(tex, encoding="ascii")
    (tmp_path / "methods.bib").write_text(every, encoding="ascii")
    body = r"\input{methods}\nocite{*}\bibliographystyle{plain}\bibliography{methods}"
    compiled(tmp_path, body)
    done = subprocess.run(
        ["bibtex", "paper"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout
    compiled(tmp_path, body)
    log = compiled(tmp_path, body)
    assert complaints(log) == []
    assert "undefined" not in log


@pytest.fixture
def report(tmp_path):
    for number, result in enumerate(TWO):
        save_result(result, result_path(tmp_path, result.subject.label, f"r{number}"))
    return tmp_path


def test_the_format_is_that_of_the_files_ending(report, tmp_path):
    starts = {"tex": "% 3.25 in wide", "md": "Flatness by", "csv": "initialisation,n,"}
    for ending, start in starts.items():
        path = tmp_path / f"flatness.{ending}"
        assert invoke("table", report, "-o", path).output.strip() == str(path)
        assert path.read_text(encoding="utf-8").startswith(start)
    assert invoke("table", report).output == (tmp_path / "flatness.tex").read_text()
    assert "must end in .tex" in invoke("table", report, "-o", "x.docx", code=2).output


def test_methods_come_with_their_references(report, tmp_path):
    invoke("table", report, "--methods", "-o", tmp_path / "methods.tex")
    tex, bib = ((tmp_path / f"methods.{s}").read_text() for s in ("tex", "bib"))
    assert "@article{lanczos1950," in bib
    assert invoke("table", report, "--methods").output == f"{tex}\n{bib}"
    wrong = invoke("table", report, "--methods", "--format", "csv", code=2)
    assert "--methods are LaTeX" in wrong.output


def test_groups_are_those_asked_for(report):
    found = invoke("table", report, "--group", "new=ikun*", "--format", "csv").output
    assert [line[:6] for line in found.splitlines()[1:]] == ["new,3,"]


def test_the_page_for_papers_shows_what_the_commands_print():
    page = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
    report = shipped_report("ikun-study")
    for arguments in (["--measures", "lambda_max[filter],test_accuracy"], ["--methods"]):
        printed = invoke("table", report, *arguments).output
        missing = [x for x in printed.split("\n\n@")[0].splitlines() if x not in page]
        assert missing == []
