"""Measured points in an append-only file that survives being killed.

One line a point, ``<crc32> {"at": [x, y], "loss": …}``, after a header line with the
configuration that the points belong to. A point is written whole, in one call, before the next
is begun; the file is forced to the disk every second. NaN and infinity are kept, as strings.
"""

import hashlib
import json
import os
import time
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from landscape.files import OutputError, exclusive_lock
from landscape.store.identity import difference
from landscape.surface.grid import Point

_FORMAT = "landscape-points-1"
_SYNC_SECONDS = 1.0


class StoreError(ValueError):
    """A file of points that cannot be continued, in words."""


def identity_hash(identity: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of an identity, whatever its order."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


class PointStore:
    """Points and their values, in memory and, where ``path`` is given, in a file; a context.

    Parameters
    ----------
    path
        The file: continued where it exists, made otherwise. None: kept in memory only.
    identity
        Everything that changes the value at a point. The axes need not be in it: points are
        known by their coordinates, so a wider or finer grid keeps what was measured.

    Raises
    ------
    StoreError
        On entering, if the file belongs to another configuration (the differences are shown) or
        a line is damaged. A last line without its end, left by a crash, is dropped.
    OutputError
        The file cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, dict(identity)
        self.values: dict[Point, dict[str, float]] = {}
        self._file: int | None = None
        self._stack = ExitStack()
        self._synced = time.monotonic()

    def __enter__(self) -> "PointStore":
        if self.path is None:
            return self
        with ExitStack() as stack:
            stack.enter_context(exclusive_lock(self.path))  # the file is its own lock
            self._open(self.path)
            stack.callback(self._close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __contains__(self, point: Point) -> bool:
        return point in self.values

    def __len__(self) -> int:
        return len(self.values)

    def add(self, point: Point, values: Mapping[str, float]) -> None:
        """Append one point; it is in the file when this returns."""
        self.values[point] = dict(values)
        if self._file is not None:
            self._write({"at": list(point)} | {k: _encode(v) for k, v in values.items()})

    def _open(self, path: Path) -> None:
        self.values, whole = _read(path, self.identity)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        os.ftruncate(self._file, whole)
        if whole == 0:
            header = {"hash": identity_hash(self.identity)}
            self._write({"format": _FORMAT} | header | {"configuration": self.identity})

    def _write(self, record: Mapping[str, object]) -> None:
        assert self._file is not None
        line = _line(record)
        try:
            written = os.write(self._file, line)
            if written < len(line):  # the disk is nearly full: this call says so, or finishes
                os.write(self._file, line[written:])
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}. The points measured so far are in "
                "it; free space and run the same command again to continue."
            ) from error

    def _close(self) -> None:
        assert self._file is not None
        os.fsync(self._file)
        os.close(self._file)
        self._file = None


def read_points(path: Path, identity: Mapping[str, Any]) -> dict[Point, dict[str, float]]:
    """Points of a file, which is left as it is; see :class:`PointStore` for what is refused."""
    return _read(path, identity)[0]


def merge_points(store: PointStore, paths: list[Path]) -> None:
    """Copy the points of several files, e.g. those of shards, into an open ``store``.

    Raises
    ------
    StoreError
        If a file belongs to another configuration, or two files disagree about a point.
    """
    for path in paths:
        for point, values in read_points(path, store.identity).items():
            known = store.values.get(point)
            if known is None:
                store.add(point, values)
            elif {k: _encode(v) for k, v in known.items()} != {
                k: _encode(v) for k, v in values.items()
            }:
                raise StoreError(
                    f"{path} has {values} at {list(point)}, but another file has {known}: they "
                    "were not made by one program on equal machines. Keep one of the two."
                )


def _read(path: Path, identity: Mapping[str, Any]) -> tuple[dict[Point, dict[str, float]], int]:
    """Points, and the length in bytes of the part of the file that ends with a whole line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read the points in {path}: {error.strerror}.") from error
    whole = raw.rfind(b"\n") + 1
    records = [_parse(path, n, line) for n, line in enumerate(raw[:whole].splitlines(), start=1)]
    if not records:
        return {}, 0
    header, *rest = records
    _check_header(path, header, identity)
    points = {}
    for record in rest:
        at = tuple(float(c) for c in record.pop("at"))
        points[at] = {k: float(v) for k, v in record.items()}
    return points, whole


def _check_header(path: Path, header: dict[str, Any], identity: Mapping[str, Any]) -> None:
    if header.get("format") != _FORMAT:
        raise StoreError(f"{path} is no file of points of this version; move it away.")
    changes = difference(header["configuration"], identity)
    if not changes:
        return
    raise StoreError(
        f"{path} holds points of another configuration: {changes}. Use --force to start anew, or "
        "write to another folder with -o."
    )


def _line(record: Mapping[str, object]) -> bytes:
    body = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise StoreError(
            f"{path}: line {number} is damaged (its checksum does not match). Delete that line, "
            "and its point is measured again; or start anew with --force."
        )
    record: dict[str, Any] = json.loads(body)
    return record


def _encode(value: float) -> float | str:
    # JSON has no NaN or infinity; float() reads these strings back.
    return value if value - value == 0 else repr(float(value))
