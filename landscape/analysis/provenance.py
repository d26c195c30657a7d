"""What it takes to make the same numbers again, gathered where they are made."""

import platform
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import NamedTuple

import torch

import landscape
from landscape.analysis.target import Target
from landscape.distributed import world_size
from landscape.memory import device_name
from landscape.results import Provenance

_PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "pyhessian")


class Clock(NamedTuple):
    """Started when an analysis starts; read when it ends."""

    started: float

    def provenance(
        self, *, command: str, seed: int, device: torch.device, num_matvecs: int = 0
    ) -> Provenance:
        """Everything about this run, with the wall time since the clock was started."""
        return Provenance(
            command=command,
            seed=seed,
            device=device_name(device),
            num_threads=torch.get_num_threads(),
            num_processes=world_size(),
            seconds=round(perf_counter() - self.started, 3),
            num_matvecs=num_matvecs,
            versions=versions(),
        )

    def provenance_of(self, target: Target, num_matvecs: int = 0) -> Provenance:
        """The same of an analysis of ``target``."""
        settings = target.settings
        return self.provenance(
            command=settings.command,
            seed=settings.seed,
            device=target.device,
            num_matvecs=num_matvecs,
        )


def start_clock() -> Clock:
    """Start counting wall time."""
    return Clock(perf_counter())


def versions() -> dict[str, str]:
    """Versions of Python, of landscape, and of what computes its numbers."""
    found = {"python": platform.python_version(), "landscape": landscape.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
