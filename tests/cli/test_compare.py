"""``landscape compare`` from the outside: folders and files in, verdict and report out."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from command_line import invoke
from compared_results import analysed, group, relabelled, spectral, subject

from landscape.cli.commands.compare import compare
from landscape.files import LOCK, OutputError, exclusive_lock, sha256_of_file
from landscape.results import load_stored, result_path, save_result


def save(folder, results):
    for number, result in enumerate(results):
        path = folder / "results" / result.subject.label / f"{type(result).__name__}-{number}.json"
        save_result(result, path)
    return folder


def run(*arguments, code=0):
    return invoke("compare", *arguments, code=code).stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    rng = np.random.default_rng(0)
    flatter, plain = np.exp(0.05 * rng.normal(size=(2, 10)))
    folder = tmp_path_factory.mktemp("analysed")
    return save(folder, [*group("ikun_v1", 0.5 * flatter), *group("kaiming", plain)])


def test_a_verdict_in_words_a_table_and_a_page(report, tmp_path):
    out = tmp_path / "verdict"
    tables = sorted(report.glob("results/*/SharpnessTable-*.json"))
    assert len(tables) == 20
    for path in tables:  # the quickest part of the page to make
        target = tmp_path / "part" / path.relative_to(report)
        target.parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())
    text = run(tmp_path / "part", "-o", out, "--baseline", "kaiming")
    primary = "expected rise (filter scale, ρ = 0.01), 'expected_rise[filter] ρ=0.01'"
    assert f"Primary measure: {primary}: the first of the scales" in text
    assert "ikun_v1 against kaiming: FLATTER." in text
    assert "paired by seed, at epoch 20; loss 1 times" in text
    assert "expected rise (filter scale, ρ = 0.03)" in text
    assert str(out / "index.html") in text
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "ikun_v1 is flatter than kaiming: " in page
    assert page.index('id="verdict"') < page.index('id="loaded"')
    stored = load_stored(out / "comparison.json")
    assert [pair.verdict for pair in stored.pairs] == ["flatter"]


def test_a_difference_is_printed_in_its_unit(tmp_path):
    folder = save(tmp_path, [*group("ikun_v1", [-1.0, 1.0]), *group("kaiming", [1.0, 1.0])])
    text = run(folder, "--baseline", "kaiming", "--measures", "lambda_max")
    (line,) = (row for row in text.splitlines() if row.startswith(" largest eigenvalue (formal"))
    assert "Δ -1.4 loss/θ²" in line


@pytest.fixture
def unwritten(monkeypatch):
    """Leave the page out, which takes seconds to draw."""
    monkeypatch.setattr(
        "landscape.cli.compare_files.write_report", lambda folder, *_, **__: folder / "index.html"
    )


def test_the_folder_written_can_be_compared_again(report, tmp_path, unwritten):
    out = tmp_path / "verdict"
    first = json.loads(run(report, "-o", out, "--baseline", "kaiming", "--json"))
    again = json.loads(run(out, "--baseline", "kaiming", "--json"))
    assert again["pairs"] == first["pairs"]
    assert again["measures"] == first["measures"]


@pytest.mark.parametrize("where", [".", "results", "results/*"])
def test_a_report_may_be_named_by_any_of_its_folders(report, where):
    sources = [report] if where == "." else sorted(report.glob(where))
    found = json.loads(run(*sources, "--baseline", "kaiming", "--json"))
    assert [len(g["runs"]) for g in found["groups"]] == [10, 10]


def test_gates_decide_the_exit_code(report):
    run(report, "--baseline", "kaiming", "--fail-if", "flatter", code=1)
    run(report, "--baseline", "kaiming", "--fail-if", "sharper", "--fail-if", "undecided")
    run(report, "--baseline", "ikun_v1", "--fail-if", "sharper", code=1)


def test_groups_primary_measures_and_bounds_are_taken_from_the_options(report):
    found = json.loads(
        run(
            report,
            "--group=new=checkpoints/ikun*",
            "--group=old=kaiming-adam-s1,kaiming-adam-s2",
            "--group=old=kaiming-adam-s3",
            "--baseline=old",
            "--primary=expected_rise[filter] ρ=0.03",
            "--measures=expected_rise*,lambda_max",
            "--bounds",
            0.1,
            10,
            "--alpha=0.1",
            "--json",
        )
    )
    assert [len(g["runs"]) for g in found["groups"]] == [10, 3]
    assert found["settings"]["primary"] == "expected_rise[filter] ρ=0.03"
    assert found["settings"]["primary_declared"] is True
    assert found["settings"]["bounds"] == [0.1, 10]
    assert len(found["measures"]) == 3
    (pair,) = found["pairs"]
    assert {row["verdict"] for row in pair["measures"]} == {"equivalent"}
    assert not pair["paired"]  # three of ten seeds are shared


def test_a_mismatch_is_refused_then_marked(tmp_path):
    other = [r for s in range(2) for r in analysed(subject("ikun_v1", s), dtype="float64")]
    folder = save(tmp_path, [*group("kaiming", [1, 1]), *other])
    with pytest.raises(ValueError, match=r"dtype: float32 .* against float64"):
        run(folder, "--baseline", "kaiming")
    text = run(folder, "--baseline", "kaiming", "--allow-mismatch")
    assert "largest eigenvalue (filter scale, formal Hessian) *" in text
    told = "* largest eigenvalue (filter scale, formal Hessian) was not measured alike"
    assert f"{told}: dtype: float32" in text
    assert "Not measured alike, so not to be relied on" in text


def test_checkpoint_files_are_looked_up_in_the_report(tmp_path, unwritten):
    files, results = [], []
    for init, top in (("ikun_v1", 1.0), ("kaiming", 2.0)):
        for seed in range(2):
            path = tmp_path / f"{init}-s{seed}.safetensors"
            path.write_bytes(f"{init} {seed}".encode())
            files.append(path)
            values = spectral(subject(init, seed), top, mean=0.1)
            results += relabelled(values, path.stem, sha256_of_file(path))
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="Analyse checkpoints first:\n  landscape analyze"):
        run(*files, "--baseline", "kaiming")
    with pytest.raises(ValueError, match="no results of") as missing:
        run(*files, "-o", out, "--baseline", "kaiming")
    command = " ".join(["landscape analyze", *map(str, files), "-o", str(out)])
    assert command in str(missing.value)

    save(out, results[2:])
    with pytest.raises(ValueError, match="no results of") as missing:
        run(*files, "-o", out, "--baseline", "kaiming")
    assert f"no results of {files[0]}. Make" in str(missing.value)

    save(out, results)
    found = json.loads(run(*files, "-o", out, "--baseline", "kaiming", "--json"))
    assert [pair["group"] for pair in found["pairs"]] == ["ikun_v1"]

    files[0].write_bytes(b"trained again")
    with pytest.raises(ValueError, match=r"of an earlier .*ikun_v1-s0.safetensors"):
        run(*files, "-o", out, "--baseline", "kaiming")


def test_files_of_one_name_from_two_reports_stay_apart(tmp_path, unwritten):
    sources = []
    for init in ("ikun_v1", "kaiming"):
        values = [
            r
            for seed in range(2)
            for r in relabelled(analysed(subject(init, seed)), f"net-s{seed}", f"{init}{seed}")
        ]
        sources.append(save(tmp_path / init, values))
    out = tmp_path / "both"
    found = json.loads(run(*sources, "-o", out, "--baseline", "kaiming", "--json"))
    labels = [r["label"] for g in found["groups"] for r in g["runs"]]
    assert len(set(labels)) == 4
    assert sorted(p.name for p in (out / "results").iterdir()) == sorted(labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--baseline", "lecun"],
            r"baseline must be one of the groups; got .* ikun_v1 \(10\), kaiming \(10\)",
        ),
        (["--baseline", "kaiming", "--primary", "depth"], "primary must be one of"),
        (["--baseline", "kaiming", "--alpha", "2"], "alpha must lie strictly between 0 and 1"),
        (["--baseline", "kaiming", "--split", "test"], "split must be one that was analysed"),
    ],
)
def test_what_cannot_be_is_refused_in_words(report, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(report, *arguments)


def test_folders_without_results_and_odd_groups_are_refused(report, tmp_path):
    with pytest.raises(ValueError, match="holds no results: expected files like"):
        run(tmp_path, "--baseline", "kaiming")
    with pytest.raises(ValueError, match="does not exist"):
        run(tmp_path / "nowhere", "--baseline", "kaiming")
    result = CliRunner().invoke(compare, [str(report), "--group", "kaiming"])
    assert result.exit_code == 2
    assert "--group must be NAME=GLOB" in result.output


def test_a_folder_in_use_is_left_alone(report, tmp_path):
    out = tmp_path / "verdict"
    with exclusive_lock(out / LOCK):
        outcome = CliRunner().invoke(compare, [str(report), "-o", str(out)])
    assert isinstance(outcome.exception, OutputError)
    assert "in use by another run" in str(outcome.exception)
    assert [path.name for path in out.iterdir()] == [LOCK]


@pytest.mark.parametrize("label", ["../elsewhere", "a/b", ".."])
def test_labels_of_results_lead_nowhere(label, tmp_path):
    with pytest.raises(OutputError, match="names no folder"):
        result_path(tmp_path, label, "eigenvalues")
