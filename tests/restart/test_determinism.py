"""The same command gives the same bits, in any process."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

UNPOOLED = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.unpool = nn.MaxPool1d(2, return_indices=True), nn.MaxUnpool1d(2)
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.unpool(*self.pool(x[:, None]))[:, 0])


make = Net
"""

BOTH = """
import sys
import landscape.report
from landscape.cli import main
landscape.report.write_report = lambda folder, *_, **__: folder  # of which nothing is compared
train = "train --channels 1 --time-steps 1 --images 64 --batch-size 32 --epochs 1"
analyze = "analyze net.safetensors --budget quick --only spectrum --examples 32"
for arguments in (f"{train} -q -o net.safetensors", f"{analyze} -q -o out"):
    sys.argv = ["landscape", *arguments.split()]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 0, arguments
"""


def test_deterministic_gives_the_same_bits_again(command, about, kill_many, tmp_path):
    for name in ("one", "two"):
        options = ["--deterministic", "--top", 3, "--bottom", 2, "-o", tmp_path / name]
        assert command("eigenvalues", *about, *options) == (0, "")
    assert kill_many.results(tmp_path / "one") == kill_many.results(tmp_path / "two") != {}


def test_deterministic_refuses_an_operation_that_is_not(command, about, tmp_path):
    (tmp_path / "nets.py").write_text(UNPOOLED)
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    np.savez(tmp_path / "xy.npz", x=x.numpy(), y=(x[:, 0] > 0).long().numpy())
    weights = {"last.weight": torch.ones(2, 6), "last.bias": torch.zeros(2)}
    torch.save(weights, tmp_path / "net.pth")
    line = ["trace", tmp_path / "net.pth", "--model", f"{tmp_path}/nets.py:make", "--quiet"]
    line += ["--data", tmp_path / "xy.npz", "--loss", "cross-entropy", "--examples", "all"]
    code, said = command(*line, "--deterministic")
    assert code == 2
    assert "max_unpooling2d_forward_out does not have a deterministic implementation" in said
    assert len(said.strip().splitlines()) == 1
    assert command(*line)[0] == 0


@pytest.mark.slow
def test_training_and_analysis_give_the_same_bits_in_two_processes(kill_many, tmp_path):
    """Also where Python's sets and dictionaries of hashes are in another order."""
    both = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", BOTH]
        both.append(subprocess.Popen(command, cwd=tmp_path / seed, env=environment))
    assert [process.wait() for process in both] == [0, 0]
    found = []
    for place in (tmp_path / "1", tmp_path / "2"):
        weights = (place / "net.safetensors").read_bytes()
        found.append((kill_many.results(place / "out"), weights))
    assert found[0] == found[1]
    assert len(found[0][0]) == 3
