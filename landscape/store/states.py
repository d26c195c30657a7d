"""The state of an unfinished Krylov run in a file, so that the same command goes on from there."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import torch
from torch import Tensor

from landscape.distributed import PeerLostError, is_main, state_from_main
from landscape.files import OutputError, ensure_writable, remove_partial
from landscape.interrupts import postponed
from landscape.linalg.units import Afresh, State
from landscape.store.identity import refuse_other_code, same_settings

_INTERVAL = 10.0  # seconds between writes: what a kill can cost
_SHARE = 0.05  # of the time, at most, goes into writing, however large the state
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.uint8: "U8",
}


class StateFile(Afresh):
    """A search's state kept at ``path``, by process 0; None keeps nothing.

    Parameters
    ----------
    identity
        What the state belongs to; a file of another identity is not continued.

    Raises
    ------
    ValueError
        On loading, if it is the same identity, and the code computes something else.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, dict(identity)
        self._written = time.monotonic()
        self._seconds = 0.0  # that the last write took
        self._last: State | None = None
        self._stop: Callable[[], bool] = lambda: False

    def beside(self, name: str, **more: object) -> "StateFile":
        """A further file of the same work, or of a part of it that ``more`` tells."""
        path = self.path and self.path.with_name(f"{self.path.stem}-{name}.state")
        return StateFile(path, self.identity | more)

    def load(self) -> State | None:
        """What an earlier run left here, if it was the same run; else None. On all processes."""
        return state_from_main(self._read() if is_main() else None)

    def save(self, state: State, *, now: bool = False) -> None:
        """Write ``state``, at most every ten seconds unless ``now``, or where a signal has come.

        Raises
        ------
        KeyboardInterrupt
            A signal has come; see :meth:`flushed`.
        OutputError
            The file cannot be written; the state written before is still there.
        """
        self._last = state
        stop = self._stop()  # once: a signal that comes while it writes waits for the next call
        self._write(state, now=now or stop)
        if stop:
            raise KeyboardInterrupt

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """A block that does not lose work: a signal, or another process's end, saves the state.

        A signal waits for the matvec under way; the state between matvecs is whole.
        """
        if self.path is None:
            yield
            return
        with postponed() as self._stop:
            try:
                yield
            except PeerLostError:
                # Raised within a product, which changes nothing that the last state holds.
                if self._last is not None:
                    self._write(self._last, now=True)
                raise

    def remove(self) -> None:
        """The run is finished: nothing is left to continue."""
        if self.path is not None and is_main():
            self.path.unlink(missing_ok=True)

    def _write(self, state: State, *, now: bool) -> None:
        if self.path is None or not is_main():
            return
        began = time.monotonic()
        if not now and began - self._written < max(_INTERVAL, self._seconds / _SHARE):
            return
        _write_atomic(self.path, state, self.identity)
        self._written = time.monotonic()
        self._seconds = self._written - began

    def _read(self) -> State | None:
        if self.path is None:
            return None
        remove_partial(self.path.parent, f"{self.path.name}.")
        if not self.path.is_file():
            return None
        try:
            with safetensors.safe_open(str(self.path), "pt") as file:
                header = file.metadata() or {}
                before = json.loads(header["configuration"])
                if not same_settings(before, self.identity):
                    return None
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            numbers: dict[str, int | float] = json.loads(header["numbers"])
        except (OSError, KeyError, ValueError, safetensors.SafetensorError):
            return None  # torn by a failing disk: starting anew loses time, nothing else
        refuse_other_code(before, self.identity, f"{self.path} holds an unfinished run")
        return state | numbers


def _write_atomic(path: Path, state: State, identity: Mapping[str, Any]) -> None:
    """Write a safetensors file piece by piece: a basis may fill memory, and has no room twice."""
    ensure_writable(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            _write(file, state, identity)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}. The state written before is "
                "kept; free space and run the same command again to go on from it."
            ) from error
        raise


def _write(file: BinaryIO, state: State, identity: Mapping[str, Any]) -> None:
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    numbers = {name: value for name, value in state.items() if not isinstance(value, Tensor)}
    header: dict[str, object] = {
        "__metadata__": {
            "configuration": json.dumps(identity, sort_keys=True),
            "numbers": json.dumps(numbers),
        }
    }
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.itemsize
        header[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        for row in tensor if tensor.ndim > 1 else [tensor]:
            file.write(row.cpu().contiguous().view(torch.uint8).numpy().data)
