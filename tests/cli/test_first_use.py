"""What a newcomer types first, and what a mistake in it is answered with."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape.analysis.look.run import SETTINGS as LOOK
from landscape.analysis.spectrum.settings import DensitySettings, EigenvalueSettings
from landscape.cli import cli, main
from landscape.cli.surface_run import _shard_file

ROOT = Path(__file__).parents[2]


def test_help_of_no_command_imports_torch_or_matplotlib():
    """Either costs more than the 0.3 s that a help text may take."""
    code = (
        "import sys\n"
        "from landscape.cli import _COMMANDS, cli\n"
        "for name in _COMMANDS:\n"
        "    cli.main([name, '--help'], standalone_mode=False)\n"
        "    if 'torch' in sys.modules or 'matplotlib' in sys.modules: sys.exit(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("pickled", [False, True])
def test_a_file_is_described_without_importing_torch(tmp_path, pickled):
    path = ROOT / "checkpoints/ikun_v1-adam-s0.safetensors"  # and its sidecar
    if pickled:
        path = tmp_path / "net.pt"
        torch.save({"model": {"w": torch.ones(2, 3)}, "epoch": np.int64(3)}, path)
    code = (
        "import sys\n"
        "from landscape.cli import cli\n"
        f"cli.main(['info', {str(path)!r}], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert ("w         2×3" if pickled else "trained on") in done.stdout


def test_first_answers_cost_about_as_many_products():
    """A search takes two to three a pair and twenty to look for missed ones: 150 are a minute."""
    for asked in (EigenvalueSettings(), DensitySettings(), LOOK):
        pairs, steps = asked.num_largest + asked.num_smallest, asked.num_probes * asked.num_steps
        assert 3 * pairs + 20 + steps <= 150


def test_summaries_of_commands_within_a_command_are_whole(invoke):
    told = invoke("data", "--help").stdout.partition("Commands:")[2]
    assert "fetch" in told
    assert "..." not in told


@pytest.mark.parametrize("command", ["analyze", "trace", "eigenvalues", "density"])
def test_weight_decay_says_what_it_adds(invoke, command):
    assert "Adds WD times the identity" in invoke(command, "--help").stdout


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), 2, "Error: out of memory. Give --memory"),
        (MemoryError(), 2, "Error: out of memory. Give --memory"),
        (RuntimeError("something else"), 101, "This is a bug in landscape (RuntimeError)"),
    ],
)
def test_memory_that_ends_is_no_bug(monkeypatch, capsys, error, code, words):
    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shape", "labels", "loss"),
    [((5,), 2, "cross-entropy"), ((3,), 4, "cross-entropy"), ((3,), 4, "mse"), ((3,), 4, "nll")],
)
def test_data_that_do_not_fit_the_network_are_one_message(
    invoke, smooth_checkpoint, tmp_path, shape, labels, loss
):
    """Inputs of 5 features for a network of 3; a class number beyond its 2 outputs."""
    path, arguments = smooth_checkpoint
    x = np.zeros((8, *shape), dtype=np.float32)
    np.savez(tmp_path / "other.npz", x=x, y=np.full(8, labels - 1))
    with pytest.raises(ValueError, match=r"do not fit one another.*--model, --data and --loss"):
        invoke("eigenvalues", path, "--model", arguments[1], "--data", tmp_path / "other.npz",
               "--loss", loss)  # fmt: skip


def test_the_error_of_the_data_stands_beside_the_eigenvalues(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    options = ["--shards", 4, "--top", 2, "--bottom", 1]
    record = json.loads(invoke("eigenvalues", path, *arguments, *options, "--json").stdout)
    spread = np.std(record["shards"], axis=0, ddof=1) / 2
    lines = invoke("eigenvalues", path, *arguments, *options).stdout.splitlines()
    assert "stderr, 4 shards" in lines[1]
    assert lines[2].split()[-1] == f"{spread[0]:.1e}"
    assert lines[3].split()[-1] == f"{spread[1]:.1e}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shards", "1"], r"shards must lie in \[2, 40\]"),
        (["--shards", "41"], r"shards must lie in \[2, 40\]"),
        (["--overlap"], "--overlap needs two checkpoints"),
        (["--plot", "spectrum.jpg"], r"must end in \.png, \.svg or \.pdf"),
        (["--width", "3.25in"], "--width is that of --plot FILE"),
    ],
)
def test_mistakes_are_told_before_the_work(smooth_checkpoint, monkeypatch, options, message):
    from click.testing import CliRunner

    from landscape.analysis.spectrum import run as spectrum
    from landscape.cli import cli

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the analysis has started")

    monkeypatch.setattr(spectrum, "run_spectrum", never)
    path, arguments = smooth_checkpoint
    result = CliRunner().invoke(cli, ["eigenvalues", str(path), *map(str, arguments), *options])
    said = f"{result.output} {result.exception}"
    assert re.search(message, said), said


def test_trace_says_that_the_relative_error_was_not_reached(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    options = ["--rel-error", 1e-6, "--max-matvecs", 12, "--method", "hutchinson"]
    assert "raise --max-matvecs" in invoke("trace", path, *arguments, *options).stderr


def test_nystrom_is_refused_where_eigenvalues_may_be_negative(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    with pytest.raises(ValueError, match="ggn or fisher"):
        invoke("trace", path, *arguments, "--method", "xnystrace")
    said = invoke("trace", path, *arguments, "--method", "xnystrace", "--operator", "ggn").stdout
    assert "xnystrace, " in said


def test_a_folder_that_is_no_checkpoint_is_told_once(invoke, tmp_path):
    with pytest.raises(ValueError, match="it is a folder") as caught:
        invoke("info", tmp_path)
    assert "permissions" not in str(caught.value)


def test_nothing_left_to_run_is_refused(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    result = invoke("analyze", path, *arguments, "-o", tmp_path / "out", "--only", "line",
                    "--skip", "line", code=2)  # fmt: skip
    assert "leave none of" in result.output


def test_a_changed_budget_is_told_by_the_settings_that_differ(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    options = ["-o", tmp_path / "out", "--only", "preflight", "--quiet", "--budget"]
    invoke("analyze", path, *arguments, *options, "quick")
    with pytest.raises(ValueError, match=r"budget\.num_largest was \d+, now \d+") as caught:
        invoke("analyze", path, *arguments, *options, "standard")
    assert "{" not in str(caught.value)


def test_each_layer_has_its_own_row_of_relative_flatness(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    result = invoke("sharpness", path, *arguments, "--measures", "relative_flatness")
    names = [
        line.split("  ")[0] for line in result.stdout.splitlines() if "relative flatness" in line
    ]
    assert len(names) == len(set(names)) == 2


def test_force_keeps_the_shards_that_others_measured(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    options = ["-o", tmp_path, "--x=-1:1:5"]
    invoke("surface", path, *arguments, *options, "--shard", "2/2")
    with pytest.raises(ValueError, match="--shard 1/2 in place of --merge 2"):
        invoke("surface", path, *arguments, *options, "--merge", 2)
    invoke("surface", path, *arguments, *options, "--shard", "1/2", "--force")
    result = invoke("surface", path, *arguments, *options, "--merge", 2, "--force")
    assert "net" in result.stdout
    assert _shard_file(tmp_path / "results/net/line.json", 2, 2).exists()


def test_pyhessian_s_values_are_not_called_the_largest(invoke, smooth_checkpoint):
    """They are those of largest absolute value, negative ones among them."""
    path, arguments = smooth_checkpoint
    options = ["--solver", "pyhessian", "--top", 2]
    stdout = invoke("eigenvalues", path, *arguments, *options).stdout
    assert "|λ| 1" in stdout
    assert "largest" not in stdout


def test_the_default_number_of_examples_bounds_and_an_explicit_one_is_wanted(
    invoke, smooth_checkpoint
):
    """The data hold 40."""
    path, arguments = smooth_checkpoint
    named = arguments[: arguments.index("--examples")]
    record = json.loads(invoke("trace", path, *named, "--json", "--max-matvecs", 12).stdout)
    assert record["num_examples"] == 40
    assert record["notes"] == ["the data hold 40 examples: all used"]
    with pytest.raises(ValueError, match="examples 41 reach beyond the data, which hold 40"):
        invoke("trace", path, *named, "--examples", 41)


@pytest.mark.parametrize("command", ["analyze", "study"])
def test_a_folder_that_is_needed_is_asked_for(invoke, command):
    result = invoke(command, "any.file", "--dry-run", code=2)
    assert "Missing option '--out' / '-o'" in result.stderr
