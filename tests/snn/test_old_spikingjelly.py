"""SpikingJelly 0.0.0.0.14, the real one, gives the numbers of 2.0.0 at the same weights.

Two versions of a library do not fit into one process: the old one lies in a folder of its own (see
the Makefile), and runs in another process that finds this folder first.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from landscape.cli import cli

pytest.importorskip("spikingjelly")
OLD = Path(sys.prefix) / "old-spikingjelly"
NETWORK = Path(__file__).parents[2] / "examples" / "event_frames.py"

if not OLD.is_dir():
    pytest.skip("'make test' installs the old SpikingJelly", allow_module_level=True)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """A checkpoint of the example's network, with weights large enough to fire, and its data."""
    folder = tmp_path_factory.mktemp("net")
    rng = torch.Generator().manual_seed(0)
    state = {
        "0.weight": torch.randn(8, 2, 3, 3, generator=rng),
        "1.weight": torch.rand(8, generator=rng) + 0.5,
        "1.bias": torch.rand(8, generator=rng),
        "1.running_mean": torch.randn(8, generator=rng),
        "1.running_var": torch.rand(8, generator=rng) + 0.5,
        "1.num_batches_tracked": torch.tensor(1),
        "4.weight": torch.randn(2, 288, generator=rng),
    }
    torch.save(state, folder / "net.pth")
    x = torch.rand(8, 4, 2, 8, 8, generator=rng)
    np.savez(folder / "xy.npz", x=x.numpy(), y=np.arange(8) % 2)
    named = ["--model", f"{NETWORK}:make", "--data", folder / "xy.npz", "--loss", "mse"]
    named += ["--readout", "rate"]
    return [folder / "net.pth", *named, "--dtype", "float64", "--batch-size", 5, "--json"]


RUN = """
import json, sys
from landscape.cli import cli
for command in json.loads(sys.argv[1]):
    assert not cli.main(command, standalone_mode=False)
"""
COMMANDS = {"check": [], "eigenvalues": ["--top", "3", "--bottom", "2", "--tol", "1e-9"]}


@pytest.fixture(scope="module")
def by_old(arguments):
    """What each command prints, as JSON, in one process that finds the old version first."""
    commands = [[name, *map(str, arguments), *more] for name, more in COMMANDS.items()]
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", RUN, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": str(OLD), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(COMMANDS, printed, strict=True))


@pytest.fixture
def by_both(by_old, arguments):
    """The same beside what this process prints, by the version that is installed."""

    def run(name):
        command = [name, *map(str, arguments), *COMMANDS[name]]
        done = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return by_old[name], json.loads(done.stdout)

    return run


def test_trap_is_answered_and_state_reset(by_both):
    """In eval mode the old neurons pass on no gradient; state left over would change the loss."""
    old, new = by_both("check")
    assert "SpikingJelly 0.0.0.0.14, IFNode (surrogate ATan(alpha=2)" in old["surrogate"]
    assert "SpikingJelly 2." in new["surrogate"]
    trap = "2 neuron layers (IFNode) give no gradient in eval mode"
    assert [sum(trap in note for note in result["notes"]) for result in (old, new)] == [1, 0]
    status = {check["name"]: check["status"] for check in old["checks"]}
    assert status["deterministic, state reset"] == "pass"
    assert "fail" not in status.values()
    assert old["loss"] == pytest.approx(new["loss"], rel=1e-14)
    assert old["grad_norm"] == pytest.approx(new["grad_norm"], rel=1e-12)


def test_eigenvalues_are_those_of_the_new_version(by_both):
    old, new = by_both("eigenvalues")
    norm = new["largest"][0]["value"]
    assert norm > 0
    for end in ("largest", "smallest"):
        values = [[pair["value"] for pair in result[end]] for result in (old, new)]
        # Two residuals of 1e-9 of the norm, each at least as large as its eigenvalue's error.
        np.testing.assert_allclose(*values, rtol=0, atol=2e-9 * norm)
