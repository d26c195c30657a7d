"""What a caller may leave a command without: open streams, a backend for figures, memory."""

import importlib.abc
import os
import select
import sys
from contextlib import suppress

_LEAST_MEMORY = 256 * 2**20  # below it NumPy's libraries end the process themselves
_NO_ROOM = ("failed to map segment", "cannot allocate memory")  # from the dynamic loader
_MEMORY_OF_TORCH = 2**30
_SMALL = 4 * 2**30  # a limit below which there is a reserve
_RESERVE: list[bytearray] = []  # given up where memory has ended, for the words that say so
_NAMES = ("stdin", "stdout", "stderr")


class SurroundingsError(ValueError):
    """A command cannot run where it was called."""


class TooLittleMemoryError(SurroundingsError):
    """The process may not take what its libraries need."""


def set_up_surroundings() -> None:
    """Open the standard streams that are closed, and have figures drawn without a window.

    Raises
    ------
    SurroundingsError
        The current folder is gone, or a limit on memory leaves no room for the libraries.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would get the number, and what is printed.
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))
    # Notebooks set one that a command's environment may lack; for a command any window is wrong.
    os.environ["MPLBACKEND"] = "agg"
    try:
        os.getcwd()
    except OSError as error:  # the libraries of PyTorch would end the process themselves
        raise SurroundingsError(
            f"the current folder cannot be read ({error.strerror}); was it removed? Change to one "
            "that is there, and run the command again."
        ) from error
    limit = memory_limit()
    if limit is not None and limit < _LEAST_MEMORY:
        raise _too_little(limit)
    if limit is not None and limit < _MEMORY_OF_TORCH:
        sys.meta_path.insert(0, _NoTorch(limit))
    elif limit is not None and limit < _SMALL:
        _RESERVE.append(bytearray(16 * 2**20))


def nobody_reads() -> bool:
    """Whether stdout or stderr is a pipe whose reader has gone; where nothing tells: yes."""
    if not hasattr(select, "poll"):  # Windows
        return True
    streams = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or no file
            streams.register(stream.fileno(), 0)  # a lost reader is told unasked
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in streams.poll(0))


class _NoTorch(importlib.abc.MetaPathFinder):
    """Refuses to load PyTorch, which may hang or abort as its memory ends; others run without."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def find_spec(self, name: str, *_: object) -> None:
        if name == "torch":
            raise _too_little(self._limit)


def memory_limit() -> int | None:
    """The bytes of address space that the process may take (``ulimit -v``); None: no limit."""
    if sys.platform == "win32":  # which knows no such limit
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def as_too_little_memory(error: Exception) -> TooLittleMemoryError | None:
    """What ``error`` comes from, where a library could not be loaded within a limit on memory."""
    _RESERVE.clear()
    limit = memory_limit()
    if limit is None:
        return None
    text = str(error).lower()
    # SystemError: an extension module that fell over a failed allocation as it was imported.
    while_loading = (
        (isinstance(error, ImportError) and any(words in text for words in _NO_ROOM))
        or (isinstance(error, SystemError) and "without" in text and "exception" in text)
        or (isinstance(error, MemoryError) and "torch" not in sys.modules)
    )
    return _too_little(limit) if while_loading else None


def _too_little(limit: int) -> TooLittleMemoryError:
    return TooLittleMemoryError(
        f"the {limit / 2**20:,.0f} MiB of memory that this process may take (ulimit -v) do not "
        "suffice to load its libraries; PyTorch and what it needs take about 1 GiB. Raise the "
        "limit."
    )
