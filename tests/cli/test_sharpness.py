"""``landscape sharpness`` and ``landscape fidelity`` from the outside."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

from landscape.cli.commands.fidelity import fidelity
from landscape.cli.commands.sharpness import sharpness
from landscape.results import load_result, measure_title

FACTORY = """
from torch import nn
def make():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
"""
QUICK_SHARPNESS = ("--num-pairs", "2", "--num-restarts", "1", "--num-steps", "2", "--radii", "0.1")
QUICK_FIDELITY = (
    "--num-top",
    "1",
    "--num-random",
    "2",
    "--operators",
    "hessian",
    "--num-pairs",
    "2",
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(FACTORY)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(30, 3, generator=rng).numpy()
    np.savez(tmp_path / "xy.npz", x=x, y=np.arange(30) % 3)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    save_file(model.state_dict(), tmp_path / "net.safetensors")
    return tmp_path


def _invoke(command, folder, *arguments):
    fixed = ["--model", f"{folder / 'net.py'}:make", "--data", str(folder / "xy.npz"), "-q"]
    fixed += ["--loss", "cross-entropy", "--examples", "all", "--dtype", "float64"]
    # A table is as wide as its terminal.
    return CliRunner(env={"COLUMNS": "300"}).invoke(
        command, [str(folder / "net.safetensors"), *fixed, *arguments]
    )


def _output(command, folder, *arguments):
    result = _invoke(command, folder, *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_sharpness_prints_a_table_and_saves_it(folder):
    out = folder / "out"
    text = _output(sharpness, folder, *QUICK_SHARPNESS, "-o", str(out))
    assert "expected rise (filter scale, ρ = 0.1)" in text
    saved = load_result(out / "results" / "net" / "sharpness.json")
    assert saved.num_pairs == 2
    for row in saved.rows:
        assert measure_title(row, spiking=False) in text
        assert row.unit in text


def test_sharpness_json_names_unit_and_direction(folder):
    arguments = ("--measures", "sam_rise", "--scales", "weight", "--json")
    record = json.loads(_output(sharpness, folder, *arguments))
    assert record["type"] == "SharpnessTable"
    assert {row["better"] for row in record["rows"]} == {"lower"}
    assert {row["unit"] for row in record["rows"]} == {"loss"}


def test_fidelity_prints_a_sentence_and_saves_the_rest(folder):
    out = folder / "out"
    text = _output(fidelity, folder, *QUICK_FIDELITY, "-o", str(out))
    saved = load_result(out / "results" / "net" / "fidelity.json")
    assert saved.sentence in text
    assert "hessian is usable" in text


def test_fidelity_without_the_smoothed_loss(folder):
    record = json.loads(
        _output(fidelity, folder, *QUICK_FIDELITY, "--smoothing-radius", "0", "--json")
    )
    assert record["operators"] == ["hessian"]
    assert record["smoothing_radius"] is None


def test_a_list_that_is_none_is_refused_in_words(folder):
    result = _invoke(sharpness, folder, "--radii", "a,b")
    assert result.exit_code == 2
    assert "numbers separated by commas" in result.output


def test_slopes_need_spikes(folder):
    result = _invoke(fidelity, folder, *QUICK_FIDELITY, "--slopes", "2")
    assert isinstance(result.exception, ValueError)
    assert "no spiking neurons" in str(result.exception)
