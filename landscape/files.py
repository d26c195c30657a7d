"""Files that are never half-written: atomic replacement, digests, a lock against two writers."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no advisory locks; two writers are then the user's business.
    fcntl = None  # type: ignore[assignment]


# In a report's folder.
LOCK = ".lock"
PAGE, SUMMARY, COMPARISON, STUDY = "index.html", "summary.json", "comparison.json", "study.json"


class OutputError(OSError):
    """An output that cannot be written, in words: what, why and what to do."""


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old file or the whole new one.

    A temporary file in the same folder is written, flushed to the disk and renamed over
    ``path``; missing folders are made. A link at ``path`` is replaced, not followed. Of text, what
    stands for bytes that are no UTF-8, as names of files may hold, is escaped, as JSON has it.

    Raises
    ------
    OutputError
        The folder is read-only or full; nothing is left behind.
    """
    raw = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp gives 0600, which colleagues could not read
        os.replace(name, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise
    _sync_folder(path.parent)


def remove_partial(folder: Path, name: str = "") -> None:
    """Remove what a kill left in ``folder`` while files called ``name``… were written."""
    for left in folder.glob(f".{name}*.tmp"):
        left.unlink(missing_ok=True)


def ensure_writable(folder: Path) -> None:
    """Make ``folder`` and check that files can be put there, before hours are spent on them.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
    except OSError as error:
        raise _cannot_write(folder, error) from error


def check_writable(folder: Path) -> None:
    """Check that ``folder`` can be made and files put there, and leave nothing behind.

    Raises
    ------
    OutputError
        If it cannot.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    ensure_writable(folder)
    for path in missing:
        with suppress(OSError):  # another run has begun to fill it
            path.rmdir()


def inside(folder: Path, path: Path) -> Path:
    """``path``, if no link on the way leads out of ``folder``.

    Raises
    ------
    OutputError
        If one does: outputs stay where they were asked for.
    """
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise OutputError(
            f"{path.parent} is a link that leads out of {folder}: outputs are not written through "
            "it. Remove the link, or choose another folder with -o."
        )
    return path


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of a report's folder for the block; the folder is made if need be.

    Raises
    ------
    OutputError
        The folder cannot be written to, or another run works in it.
    """
    ensure_writable(folder)
    with exclusive_lock(folder / LOCK):
        yield


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock for the block; the lock ends with the process, however it dies.

    Raises
    ------
    OutputError
        Another process holds it, or something else than a file is there.
    """
    with lock_if_free(path) as is_held:
        if not is_held:
            raise OutputError(
                f"{path.parent} is in use by another run of landscape (lock: {path.name}). "
                "Wait for it to end, or write to another folder with -o."
            )
        yield


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """The same; yields whether it is held: False where another process holds it.

    Raises
    ------
    OutputError
        Something else than a file is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # to open a pipe would be to wait for its reader
        raise OutputError(f"{path} is no file, so that it cannot be the folder's lock: remove it.")
    with path.open("a") as file:
        is_held = True
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_held = False
        yield is_held


@contextmanager
def present(path: Path) -> Iterator[Callable[[], bool]]:
    """Count this process at ``path`` for the block; yields whether it is the only one there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:

        def is_alone() -> bool:
            alone = False
            if fcntl is not None:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    alone = True
                fcntl.flock(file, fcntl.LOCK_SH)  # which the attempt gave up
            return alone

        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH)
        yield is_alone


def wait_until_free(path: Path) -> None:
    """Return once no process holds ``path`` as a lock."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason}. Nothing was left half-written; free space or choose "
        "another output with -o, then run the same command again."
    )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may be lost in a power cut. Not every file system allows it.
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
