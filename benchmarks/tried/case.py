"""One network of a library, as its user has it, by the command line and by a dense matrix."""

import contextlib
import importlib.metadata
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from benchmarks.tried.dense import eigenvalues
from landscape.cli import cli

_EXACT = ("--dtype", "float64", "--top", "1", "--bottom", "0", "--tol", "1e-9", "--json", "-q")


class Tried(NamedTuple):
    """What a user types after ``landscape eigenvalues``, and what it is compared with."""

    words: Sequence[str]
    loss: Callable[[], Tensor] | None = None  # of float64 weights; None: a refusal is expected
    theta: Sequence[Tensor] = ()  # what the loss is differentiated by
    params: Sequence[str] = ()  # their names, where these are not all parameters


@dataclass(frozen=True)
class Case:
    """A network; ``prepare`` writes its files into the working directory."""

    libraries: tuple[str, ...]  # distributions beside torch, whose versions are told
    network: str  # in words
    prepare: Callable[[], Tried]

    @property
    def versions(self) -> dict[str, str] | None:
        """Of all that it is made with; None: something is not installed here."""
        try:
            return {name: importlib.metadata.version(name) for name in (*self.libraries, "torch")}
        except importlib.metadata.PackageNotFoundError:
            return None


def trained(model: nn.Module, loss: Callable[[nn.Module], Tensor], steps: int = 20) -> nn.Module:
    """``model`` after a few steps of Adam: nothing lies at a special place any more."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(model).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model


def run(case: Case, versions: dict[str, str]) -> dict[str, Any]:
    """A row of the table: what was typed, and how far eigenvalues are apart, or the refusal."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the libraries call
        words, loss, theta, chosen = case.prepare()
        params = ["--params", ",".join(chosen)] if chosen else []
        row: dict[str, Any] = {"network": case.network, "versions": versions}
        row["words"] = [*words, *params]
        done = CliRunner().invoke(cli, ["eigenvalues", *_EXACT, *words, *params])
        if done.exit_code:
            return row | {"refused": _why(done)}
        found = json.loads(done.stdout)
        row |= {"num_params": found["operator_settings"]["num_params"], "notes": found["notes"]}
        values = [pair["value"] for pair in found["largest"]]
        row["value"] = values[0]
        if loss is None:
            return row
        dense = eigenvalues(loss, theta)
        apart = max(abs(a - b) for a, b in zip(values, dense, strict=False)) / abs(dense[0])
        return row | {"dense": dense[0], "compared": len(values), "apart": apart}


def _why(done: Result) -> str:
    """The message; of what is raised within the command, that of the exception."""
    own = None if isinstance(done.exception, SystemExit) else done.exception
    return f"{type(own).__name__}: {own}" if own is not None else done.stderr.strip()
