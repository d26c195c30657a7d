"""Commands run in forks of the tests' process, and what they left."""

import importlib
import os
import resource
import signal
import sys
import warnings
from functools import partial

import pytest

from landscape.analysis import state_file
from landscape.cli import kept, main


@pytest.fixture(scope="session")
def kill_many():
    """The script for many rounds, as a module."""
    return importlib.import_module("kill_many")


@pytest.fixture(scope="session")
def about(kill_many, tmp_path_factory):
    """The arguments that name a small checkpoint and its data."""
    arguments = kill_many.make_checkpoint(tmp_path_factory.mktemp("checkpoint"))
    for name in ("trace", "fidelity"):  # imports what the forks need, once
        assert kill_many.run([name, *arguments]) == 0
    return arguments


@pytest.fixture
def command(capfd):
    """Run a command line in a fork: its exit code and what it said on stderr.

    ``send`` is a signal that the process sends to itself after ``matvecs`` products;
    ``file_size`` a limit in bytes, above which writing fails as on a full disk. With
    ``one_checkpoint`` it kills itself once the first checkpoint's result is kept.
    """

    def run(*arguments, send=None, matvecs=12, file_size=None, one_checkpoint=False):
        capfd.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's threads do no work here
            child = os.fork()
        if child == 0:
            if one_checkpoint:
                kept.keep = partial(_keep_and_die, kept.keep)
            _in_fork([str(a) for a in arguments], send, matvecs, file_size)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, capfd.readouterr().err

    return run


def _keep_and_die(keep, *arguments):
    keep(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


def _in_fork(arguments, send, matvecs, file_size):
    code = 101
    try:
        signal.alarm(1000)
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        if send is not None:
            save, seen = state_file.StateFile.save, []

            def counted(self, state, *, now=False):
                seen.append(now)
                if len(seen) == matvecs:
                    os.kill(os.getpid(), send)
                save(self, state, now=now)

            state_file.StateFile.save = counted
        elif file_size is not None:
            state_file._INTERVAL, state_file._SHARE = 0.0, 1e9
        sys.argv = ["landscape", *arguments]
        main()
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
