"""Checkpoint in, report out: what is written, resumed, refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from landscape.analysis.budget import BUDGETS
from landscape.cli import cli, main

ROOT = Path(__file__).parents[2]
QUICK = ["--budget", "quick", "--quiet", "--only", "preflight,spectrum,layers"]


@pytest.fixture(scope="module")
def analysed_once(smooth_checkpoint, tmp_path_factory):
    path, arguments = smooth_checkpoint
    out = tmp_path_factory.mktemp("analysed") / "report"
    line = ["analyze", path, *arguments, "-o", out, *QUICK]
    assert CliRunner().invoke(cli, [str(a) for a in line], catch_exceptions=False).exit_code == 0
    return out


@pytest.fixture
def analysed(analysed_once, tmp_path):
    """The folder of an analysis, a copy to go on in."""
    return shutil.copytree(analysed_once, tmp_path / "report")


def test_report_holds_page_figures_tables_and_results(analysed):
    names = {p.stem for p in (analysed / "results" / "net").glob("*.json")}
    assert {"preflight", "eigenvalues", "density", "trace", "layers"} <= names
    page = (analysed / "index.html").read_text()
    assert "net" in page
    assert {p.suffix for p in (analysed / "figures").iterdir()} == {".svg"}
    assert list((analysed / "tables").glob("*.csv"))


def test_figures_are_written_in_the_formats_asked_for(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    line = ["analyze", path, *arguments, "-o", analysed, *QUICK]
    invoke(*line, "--figures", "pdf,png")
    by_suffix = {
        suffix: {p.stem for p in (analysed / "figures").glob(f"*.{suffix}")}
        for suffix in ("svg", "pdf", "png")
    }
    assert by_suffix["svg"] == by_suffix["pdf"] == by_suffix["png"] != set()
    page = (analysed / "index.html").read_text()
    assert all(f'href="figures/{n}.pdf"' in page for n in by_suffix["pdf"] if f"{n}.svg" in page)
    # Not asked for again: what an earlier page left would be of other results one day.
    invoke("report", analysed)
    assert {p.suffix for p in (analysed / "figures").iterdir()} == {".svg"}
    assert ".pdf" not in (analysed / "index.html").read_text()
    told = invoke(*line, "--figures", "svg", code=2)
    assert "known are pdf, png" in told.output


def test_layer_blocks_never_exceed_the_whole(invoke, smooth_checkpoint, tmp_path):
    """Interlacing: λ_max of a principal submatrix is at most λ_max of the matrix."""
    path, arguments = smooth_checkpoint
    line = ["analyze", path, *arguments, "-o", tmp_path, "--quiet", "--only", "spectrum,layers"]
    invoke(*line, "--budget", "standard")
    read = lambda name: json.loads((tmp_path / "results/net" / f"{name}.json").read_text())  # noqa: E731
    whole = read("eigenvalues")["result"]["largest"][0]
    for row in read("layers")["result"]["rows"]:
        slack = whole["residual"] + row["largest"]["residual"]
        assert row["largest"]["value"] <= whole["value"] + slack + 1e-6


def test_the_same_command_does_nothing_twice(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    files = [p for p in analysed.rglob("*.*") if p.is_file() and p.name != ".lock"]
    assert analysed / "index.html" in files
    for file in files:
        os.utime(file, ns=(0, 0))
    loud = [option for option in QUICK if option != "--quiet"]
    told = invoke("analyze", path, *arguments, "-o", analysed, *loud).stderr
    assert {file.stat().st_mtime_ns for file in files} == {0}
    assert "net: finished before: preflight, spectrum, layers." in told
    assert "the report is left as it is" in told


def test_other_settings_are_refused_with_the_difference(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    with pytest.raises(ValueError, match="seed was 0, now 7"):
        invoke("analyze", path, *arguments, "-o", analysed, *QUICK, "--seed", 7)


def test_another_batch_size_moves_the_rounding_alone(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    files = {p: p.read_bytes() for p in analysed.glob("results/net/*")}
    invoke("analyze", path, *arguments, "-o", analysed, *QUICK, "--batch-size", 7)
    assert {p: p.read_bytes() for p in analysed.glob("results/net/*")} == files


def test_other_examples_under_the_same_name_are_refused(
    invoke, smooth_checkpoint, analysed, tmp_path
):
    path, arguments = smooth_checkpoint
    data = dict(np.load(arguments[3]))
    data["x"][0] += 1
    other = tmp_path / "other"
    other.mkdir()
    np.savez(other / "xy.npz", **data)
    arguments = [other / "xy.npz" if a == arguments[3] else a for a in arguments]
    with pytest.raises(ValueError, match="examples was"):
        invoke("analyze", path, *arguments, "-o", analysed, *QUICK)


def test_params_restrict_theta_as_those_of_one_command_do(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    line = ["analyze", path, *arguments, "-o", tmp_path, "--budget", "quick", "--only", "spectrum"]
    invoke(*line, "--params", "*.weight,!0.*")
    record = json.loads((tmp_path / "results/net/eigenvalues.json").read_text())["result"]
    shown = invoke(
        "eigenvalues", path, *arguments, "--params", "*.weight,!0.*", "--top", 1, "--json"
    )
    alone = json.loads(shown.stdout)
    assert record["operator"]["params"] == "*.weight,!0.*"
    assert record["operator"]["num_params"] == 20
    value = alone["largest"][0]["value"]
    assert record["largest"][0]["value"] == pytest.approx(value, rel=2e-3)
    assert any("20 of 26 parameters" in note for note in record["subject"]["notes"])
    with pytest.raises(ValueError, match=r"params was '\*\.weight,!0\.\*', now '\*'"):
        invoke(*line)


def test_a_folder_of_before_there_was_params_is_gone_on_with(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    file = analysed / "results/net/settings.json"
    record = json.loads(file.read_text())
    del record["settings"]["params"]
    file.write_text(json.dumps(record))
    invoke("analyze", path, *arguments, "-o", analysed, *QUICK)


def test_commands_name_their_files_as_analyze_does(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    for command in ("eigenvalues", "density", "trace"):
        invoke(command, path, *arguments, "--scale", "filter", "-o", tmp_path / "one")
    line = ["analyze", path, *arguments, "--budget", "quick", "--only", "scaled", "--quiet"]
    end = invoke(*line, "-o", tmp_path / "all").stdout.splitlines()
    one, whole = (
        {p.stem for p in tmp_path.glob(f"{k}/results/net/*.json")} for k in ("one", "all")
    )
    assert one == whole - {"settings"} == {"eigenvalues-filter", "density-filter", "trace-filter"}
    assert end[0].split() == ["checkpoint", "loss", "accuracy", "λ_max", "trace"]
    assert end[-1].split() == ["page", str(tmp_path / "all" / "index.html")]


def test_force_starts_anew(invoke, smooth_checkpoint, analysed):
    path, arguments = smooth_checkpoint
    invoke("analyze", path, *arguments, "-o", analysed, *QUICK, "--seed", 7, "--force")
    record = json.loads((analysed / "results/net/settings.json").read_text())
    assert record["settings"]["seed"] == 7


def test_dry_run_writes_nothing(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    result = invoke("analyze", path, *arguments, "-o", tmp_path / "none", "--dry-run")
    assert "matvecs" in result.stdout
    assert not (tmp_path / "none").exists()
    # All budgets side by side, and what the small ones leave out.
    (last,) = [line for line in result.stdout.splitlines() if line.split()[:1] == ["all"]]
    minutes = [float(number) for number in last.split()[1::2]]
    assert minutes == sorted(minutes)
    assert len(minutes) == len(BUDGETS)
    assert "quick leaves out: " in result.stdout
    assert "thorough leaves out" not in result.stdout


def test_each_budget_of_a_dry_run_is_forecast_with_what_it_runs(
    invoke, smooth_checkpoint, tmp_path
):
    path, arguments = smooth_checkpoint
    losses = {}
    for budget in ("standard", "thorough"):
        line = ["analyze", path, *arguments, "-o", tmp_path / "none", "--dry-run"]
        shown = invoke(*line, "--budget", budget).stdout.splitlines()
        (row,) = [words for line in shown if (words := line.split())[1:2] == ["robustness"]]
        losses[budget] = int(row[3].replace(",", ""))
        (lacks,) = [line for line in shown if line.startswith("standard leaves out: ")]
        assert lacks.endswith("; robustness.")
    assert losses["standard"] == 0
    assert losses["thorough"] > 0


def test_all_layers_have_their_row_where_asked(invoke, smooth_checkpoint, tmp_path):
    """100 layers within a budget of 80 rows: two a row, 20 matvecs to search and 30 to sample."""
    _, arguments = smooth_checkpoint
    layers = [torch.nn.Flatten()]
    for size in (3, *[2] * 99):
        layers += [torch.nn.Linear(size, 2), torch.nn.Tanh()]
    torch.save(torch.nn.Sequential(*layers[:-1]).state_dict(), tmp_path / "deep.pth")
    model = f"mlp?sizes=3{100 * '-2'}&activation=tanh"
    line = ["analyze", tmp_path / "deep.pth", "--model", model, *arguments[2:], "-o", tmp_path]
    for extra, matvecs in (([], "2,500"), (["--all-layers"], "5,000")):
        shown = invoke(*line, "--only", "layers", "--dry-run", *extra).stdout
        assert f" {matvecs} " in shown


def test_unknown_analysis_is_refused(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    result = invoke("analyze", path, *arguments, "-o", tmp_path, "--only", "spectra", code=2)
    assert "unknown analysis 'spectra'" in result.output


def test_shards_give_the_error_of_the_data(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    result = invoke("eigenvalues", path, *arguments, "--shards", 4, "--top", 2, "--json")
    shards = json.loads(result.stdout)["shards"]
    assert [len(values) for values in shards] == [2, 2, 2, 2]
    assert len({values[0] for values in shards}) == 4


def test_second_opinion_of_pyhessian_agrees(invoke, smooth_checkpoint):
    """Its stopping rule is a change below 1e-3, so that two digits can be asked for."""
    path, arguments = smooth_checkpoint
    own, other = (
        json.loads(
            invoke("eigenvalues", path, *arguments, "--top", 2, "--solver", solver, "--json").stdout
        )["largest"][0]["value"]
        for solver in ("lanczos", "pyhessian")
    )
    assert other == pytest.approx(own, rel=1e-2)


def test_pyhessians_trace_agrees_within_its_scatter(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    exact, other = (
        json.loads(invoke("trace", path, *arguments, *extra, "--json").stdout)["trace"]
        for extra in (("--max-matvecs", 200), ("--solver", "pyhessian"))
    )
    assert abs(other["mean"] - exact["mean"]) <= 5 * other["stderr"]


def test_overlap_of_a_checkpoint_with_itself_is_one(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    result = invoke(
        "eigenvalues", path, path, *arguments, "--top", 3, "--overlap", "--json", "--vectors",
        "-o", tmp_path,
    )  # fmt: skip
    overlap = json.loads(result.stdout.splitlines()[0])
    assert overlap["overlap"] == pytest.approx(1, abs=1e-4)
    assert len(list(tmp_path.rglob("eigenvectors.safetensors"))) == 2


def test_strict_fails_on_unconverged_pairs(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    result = invoke("eigenvalues", path, *arguments, "--tol", 1e-15, "--top", 2, "--strict", code=1)
    assert "NOT CONVERGED" in result.stdout


def test_low_memory_density_has_the_same_trace(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    records = [
        json.loads(invoke("density", path, *arguments, *extra, "--json").stdout)
        for extra in ((), ("--low-memory", "--probes", 32))
    ]
    means, errors = [], []
    for record in records:
        rows = [
            sum(w * n for w, n in zip(ws, ns, strict=True))
            for ws, ns in zip(record["weights"], record["nodes"], strict=True)
        ]
        mean = sum(rows) / len(rows)
        means.append(mean)
        # A single row is no probe's: the spectrum is known whole.
        spread = sum((r - mean) ** 2 for r in rows) / max(1, len(rows) - 1)
        errors.append((spread / len(rows)) ** 0.5)
    assert abs(means[0] - means[1]) <= 4 * sum(errors) + 1e-6


@pytest.mark.parametrize("method", ["hutchinson", "hutch++", "xtrace"])
def test_trace_methods_agree(invoke, smooth_checkpoint, method):
    path, arguments = smooth_checkpoint
    exact = json.loads(invoke("trace", path, *arguments, "--max-matvecs", 200, "--json").stdout)
    assert exact["method"] == "exact"  # more matvecs than parameters
    found = json.loads(
        invoke("trace", path, *arguments, "--method", method, "--max-matvecs", 24, "--json").stdout
    )
    slack = 5 * (found["trace"]["stderr"] or 0) + 1e-5
    assert abs(found["trace"]["mean"] - exact["trace"]["mean"]) <= slack


@pytest.fixture
def run(capfd, monkeypatch):
    """The command line as its process runs it: exit code, stdout and stderr."""

    def run_it(*arguments):
        monkeypatch.setattr(sys, "argv", ["cli.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capfd.readouterr()

    return run_it


@pytest.mark.parametrize(
    ("name", "content"),
    [("missing.pth", None), ("empty.pth", b""), ("foreign.pth", b"GIF89a not a checkpoint")],
)
def test_unusable_files_give_one_message_and_exit_code_2(tmp_path, name, content, run):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, out, err = run("eigenvalues", path)
    assert code == 2
    assert out == ""
    assert name in err
    assert "Traceback" not in err


def test_misspelt_command_shows_the_close_one():
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "eigenvalue"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Did you mean 'eigenvalues'?" in done.stderr


def test_output_that_is_no_folder_is_refused_before_anything_runs(tmp_path, smooth_checkpoint, run):
    path, arguments = smooth_checkpoint
    (tmp_path / "file").write_text("")
    code, _, err = run("analyze", path, *arguments, "-o", tmp_path / "file")
    assert code == 2
    assert "Traceback" not in err


def test_help_does_not_import_torch():
    code = (
        "import sys; from landscape.cli import cli; cli.main(['--help'], standalone_mode=False); "
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"],
        capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
