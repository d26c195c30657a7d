"""Rows of a comparison, and the file of results: JSON, machine and command beside each of them."""

import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
_LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "spikingjelly",
    "PyHessian",
    "hessian-eigenthings",
    "curvlinops-for-pytorch",
    "loss-landscapes",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contender in one comparison; None where a figure does not apply."""

    method: str
    network: str
    seconds: float  # CPU, one thread, median of the rounds
    ratio: float | None = None  # of its seconds to the package's on its own network
    target: str = ""
    meets_target: bool | None = None
    num_matvecs: int | None = None
    max_residual: float | None = None  # largest true ‖H v - θ v‖ / ‖H‖
    max_error: float | None = None  # largest error of an eigenvalue / ‖H‖
    peak_mb: float | None = None  # above what the process held when it began
    extrapolated: bool = False  # matvecs counted elsewhere times seconds a matvec measured here
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The rows of one question."""

    name: str
    title: str
    setting: str
    rows: Sequence[Row]
    extra: dict[str, Any]


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The stored comparisons by their names; none where there is no file.

    Raises
    ------
    ValueError
        If the file does not say of each comparison which machine it was measured on.
    """
    if not path.exists():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    stored = {c["name"]: c for c in record["comparisons"]}
    if not all("machine" in c for c in stored.values()):
        raise ValueError(
            f"{path} does not say of each comparison which machine it was measured on; remove it, "
            "or name another file with --json."
        )
    return stored


def write_results(
    comparisons: Sequence[Comparison], stored: Mapping[str, Any], path: Path, command: str
) -> None:
    """Write a run to ``path``, beside what is ``stored``, each with its machine.

    A ratio is one of rows that were measured together, so that comparisons of several machines may
    stand in one file.
    """
    about = {
        "command": command,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": describe_machine(),
    }
    new = {c.name: asdict(c) | about for c in comparisons}
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"comparisons": list((dict(stored) | new).values())}
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, and the versions of everything that was run."""
    machine = {
        "processor": _cpu_field("model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "threads used": str(torch.get_num_threads()),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    if "avx512f" in _cpu_field("flags").split():
        machine["processor"] += ", AVX-512"
    for name in _LIBRARIES:
        try:
            machine[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            machine[name] = "not installed"
    return machine


def _cpu_field(name: str) -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((x.partition(":")[2].strip() for x in lines if x.startswith(name)), "")
    except OSError:
        return ""
