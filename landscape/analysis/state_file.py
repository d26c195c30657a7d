"""The state of an unfinished Krylov run in a file, so that the same command goes on from there."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from landscape.distributed import is_main
from landscape.files import write_atomic

State = dict[str, Tensor | int | float]

_INTERVAL = 10.0  # seconds between writes: what a kill can cost


class StateFile:
    """A state kept at ``path``; None keeps nothing.

    Parameters
    ----------
    configuration
        What the state belongs to; a file of another configuration is not continued.
    """

    def __init__(self, path: Path | None, configuration: Mapping[str, str | int | float]) -> None:
        self.path = path
        self.configuration = json.dumps(dict(configuration), sort_keys=True)
        self._written = time.monotonic()

    def load(self) -> State | None:
        """What an earlier run left here, if it was the same run; else None."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safetensors.safe_open(str(self.path), "pt") as file:
                header = file.metadata() or {}
                if header.get("configuration") != self.configuration:
                    return None
                state: State = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, safetensors.SafetensorError):
            return None  # torn by a full disk: starting anew loses time, nothing else
        numbers: dict[str, int | float] = json.loads(header["numbers"])
        return state | numbers

    def save(self, state: Mapping[str, Tensor | int | float], *, now: bool = False) -> None:
        """Write ``state``, at most every ten seconds unless ``now``."""
        if self.path is None or not is_main():
            return
        if not now and time.monotonic() - self._written < _INTERVAL:
            return
        tensors = {k: v.cpu().contiguous() for k, v in state.items() if isinstance(v, Tensor)}
        numbers = {k: v for k, v in state.items() if not isinstance(v, Tensor)}
        metadata = {"configuration": self.configuration, "numbers": json.dumps(numbers)}
        # Cloned where needed by safetensors itself: rows of one basis share their memory.
        tensors = {k: v.clone() for k, v in tensors.items()}
        write_atomic(self.path, safetensors.torch.save(tensors, metadata=metadata))
        self._written = time.monotonic()

    def callback(
        self, report: Callable[[Mapping[str, Tensor | int | float]], None]
    ) -> Callable[[Mapping[str, Tensor | int | float]], None]:
        """A function for the run to call with its state: reports, then saves."""

        def call(state: Mapping[str, Tensor | int | float]) -> None:
            report(state)
            self.save(state)

        return call

    def remove(self) -> None:
        """The run is finished: nothing is left to continue."""
        if self.path is not None and is_main():
            self.path.unlink(missing_ok=True)
