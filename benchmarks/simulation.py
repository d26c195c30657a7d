"""The file of a simulation: what its page of the docs is made from, with machine and command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.record import RESULTS, describe_machine

F = TypeVar("F", bound=Callable[..., Any])


def results_option(name: str, help: str = "Where the results go.") -> Callable[[F], F]:
    """Add ``--json``, by default ``name`` among the results; the command gets ``json_file``."""
    return click.option(
        "--json",
        "json_file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=RESULTS / name,
        help=help,
    )


def write_simulation(path: Path, command: str, **told: Any) -> None:
    """Write what was found: ``told`` in its order, with command and machine before it."""
    stored = {"command": command, "machine": describe_machine(), **told}
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
