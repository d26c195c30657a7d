"""Flatness reports from checkpoint files: Hessian spectra, traces, sharpness, loss surfaces.

``landscape.analyze`` is the Python API. It is imported when it is first asked for, since importing
``landscape`` alone must stay quick, and must not bring in torch.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {"analyze": "landscape.api", "Findings": "landscape.findings"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'landscape' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
