"""Several gloo processes of one run, forked from the tests' own: nothing is imported again."""

import os
import pickle
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from drawn import small_checkpoint
from torch.distributed import TCPStore

import landscape.analysis.suite
import landscape.cli.commands.eigenvalues
import landscape.cli.commands.trace  # noqa: F401  what forks would import again, each for itself
from landscape.distributed import process_group


@pytest.fixture(scope="session")
def together():
    """Run a function in ``n`` processes of one group; what each returned, in their order."""

    def run(n, function, *arguments, alone=False):
        with tempfile.TemporaryDirectory() as folder, _store() as port:
            children = [
                _fork(_member, rank, n, port, Path(folder), function, arguments, alone)
                for rank in range(n)
            ]
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            files = [Path(folder) / f"{rank}.pickle" for rank in range(n)]
            return [pickle.loads(f.read_bytes()) if f.exists() else c
                     for f, c in zip(files, codes, strict=True)]  # fmt: skip

    return run


@contextmanager
def _store():
    """The port of a store that outlives every member, as that of torchrun does.

    It is kept by a process of its own: a fork of one that runs the store's thread may inherit a
    lock which that thread held. The port is one that the system has given it, not one that was
    free a moment ago.
    """
    end, until = os.pipe()
    keeper = _fork(_keep_store, until)
    try:
        yield int(os.read(end, 8))
    finally:
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        os.close(end)
        os.close(until)


def _keep_store(until):
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    os.write(until, str(store.port).encode())
    signal.pause()


def _fork(function, *arguments):
    """Call the function in a fork; the process's number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's threads do no work here
        child = os.fork()
    if child:
        return child
    code = 1
    signal.alarm(1000)  # a group that hangs is a failure, not a wait
    try:
        function(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def _member(rank, n, port, folder, function, arguments, alone):
    """Call the function in a process of the group, and keep what it returns."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "LANDSCAPE_TIMEOUT": "500",  # machines that run tests are busy ones
    }  # fmt: skip
    if alone:  # the function joins the group itself
        value = function(*arguments)
    else:
        with process_group():
            value = function(*arguments)
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(value))


@pytest.fixture
def pipe():
    """Make the two ends, to read and to write, by which processes wait for each other."""
    with ExitStack() as stack:

        def make():
            ends = os.pipe()
            for end in ends:
                stack.callback(os.close, end)
            return ends

        yield make


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small network on 37 examples, which no number of processes but 37 divides."""
    folder = tmp_path_factory.mktemp("shared")
    path, arguments = small_checkpoint(folder, 37)
    return [str(a) for a in (path, *arguments, "--batch-size", 5)]
