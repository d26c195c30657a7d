"""On a CUDA device: commands with ``--deterministic``, and a group of processes by nccl."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from landscape import distributed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "ikun_v1-adam-s0.safetensors"


def _values(*options):
    """What a command prints, in a process of its own: cuBLAS reads its settings once."""
    command = ["eigenvalues", CHECKPOINT, "--examples", "64", "--top", "3", "--bottom", "2"]
    code = "from landscape.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command), *options, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return [e["value"] for e in (*found["largest"], *found["smallest"])]


def test_a_deterministic_command_gives_the_same_bits_twice():
    first, second = (_values("--device", "cuda", "--deterministic") for _ in range(2))
    assert first == second


def test_eigenvalues_of_a_shipped_checkpoint_are_those_of_the_cpu():
    there, here = (_values("--device", device, "--dtype", "float64", "--tol", "1e-6")
                   for device in ("cuda", "cpu"))  # fmt: skip
    assert there == pytest.approx(here, rel=1e-6)


@pytest.fixture
def group(monkeypatch):
    """A group of one process, by the way that several take."""
    about = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_PORT": 0}  # 0: any that is free
    for name, value in (about | {"MASTER_ADDR": "127.0.0.1"}).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(distributed, "launched_processes", lambda: 2)
    with distributed.process_group():
        yield


def test_what_processes_say_to_each_other_by_nccl(group):
    assert os.environ["TORCH_NCCL_BLOCKING_WAIT"] == "1"
    for dtype in (torch.float32, torch.float64):
        x = torch.arange(5, dtype=dtype, device="cuda")
        assert distributed.all_reduce_sum(x.clone()).tolist() == x.tolist()
        (shared,) = distributed.share_out([lambda x=x: 2 * x])
        assert shared.tolist() == (2 * x).tolist()
    assert distributed.all_reduce_sum(torch.ones(2)).tolist() == [1.0, 1.0]  # by gloo
    assert distributed.from_main(lambda: "told") == "told"
    state = distributed.state_from_main({"basis": torch.ones(2, 3), "size": 2})
    assert state["basis"].tolist() == torch.ones(2, 3).tolist()
