"""No file takes more memory than four times its size and 200 MB, or ends the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
import reader_process
import torch

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.load import load_checkpoint


@pytest.fixture(scope="module")
def reader():
    """Ask one process, which has torch imported, to read a file in a copy of itself."""
    with subprocess.Popen(
        [sys.executable, reader_process.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:

        def read(path):
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield read
        process.stdin.close()


@pytest.fixture(scope="module")
def usual(reader, tmp_path_factory):
    """The peak of a process that reads a file of a few bytes."""
    path = tmp_path_factory.mktemp("usual") / "weights.pt"
    path.write_bytes(hostile.saved(hostile.WEIGHTS))
    record = reader(path)
    assert (record["status"], record["went"]) == (0, ["read", "read"])
    return record["peak"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is mapped")
@pytest.mark.parametrize("kind", hostile.HOSTILE)
def test_memory_is_bounded_by_the_files_size(tmp_path, reader, usual, kind):
    path = tmp_path / "weights.pt"
    path.write_bytes(hostile.HOSTILE[kind]())
    record = reader(path)
    assert record["status"] == 0, record["went"]
    assert record["peak"] - usual <= 4 * path.stat().st_size + reader_process.ALLOWED
    # What could not be had was asked for.
    assert not any("MemoryError" in words or "alloc" in words for words in record["went"])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is mapped")
def test_the_bound_is_watched(tmp_path, reader, usual):
    """Reading 64 MiB of weights is seen to take as much."""
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.ones(2**24)}, path)
    grown = reader(path)["peak"] - usual
    assert 2**26 * 0.9 < grown < 4 * 2**26


def test_nothing_is_loaded_but_what_was_checked(tmp_path):
    """Two readers of one archive that see other weights: neither is right."""
    path = tmp_path / "weights.pt"
    for kind in [kind for kind in hostile.HOSTILE if kind.startswith("two tables")]:
        path.write_bytes(hostile.HOSTILE[kind]())
        with pytest.raises(CheckpointError, match="more than one table of contents"):
            load_checkpoint(path)
