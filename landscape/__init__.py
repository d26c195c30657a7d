"""Flatness reports from checkpoint files: Hessian spectra, traces, sharpness, loss surfaces.

``landscape.analyze`` does all that the command line does; ``landscape.hessian`` and its like give
operators, and ``landscape.eigenvalues`` and its like what is read off them. They are imported when
they are first asked for, since importing ``landscape`` alone must stay quick, without torch.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

_LAZY = {
    "analyze": "landscape.api",
    "Findings": "landscape.findings",
    "Objective": "landscape.objective.objective",
    "initialise": "landscape.snn.initialization",
    "Probe": "landscape.probe.probe",
    **dict.fromkeys(
        ("hessian", "ggn", "fisher", "identity", "eigenvalues", "trace", "density", "diagonal"),
        "landscape.matrices",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'landscape' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
