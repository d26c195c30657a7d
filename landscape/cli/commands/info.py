"""``landscape info``: what is in a checkpoint file, without allocating its weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.options import checkpoints_argument, json_option
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, print_record
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.checkpoint.inspection import CheckpointInfo, TensorInfo

_SHOWN = 2000  # rows of the table
_SHOWN_NAMES = 8


@click.command(cls=Command)
@checkpoints_argument
@click.option("--ema", "use_ema", is_flag=True, help="Show the averaged weights in the file.")
@click.option("--state-key", help="Which entry of the file holds the weights.")
@json_option("a checkpoint")
def info(
    checkpoints: tuple[Path, ...], use_ema: bool, state_key: str | None, as_json: bool
) -> None:
    """Describe CHECKPOINTS: format, tensors, training, accuracy, and how to analyse each.

    Exit code 1 if one of them names what can run code. Files that cannot be read are named at the
    end, with exit code 2.
    """
    from landscape.checkpoint.errors import CheckpointError
    from landscape.checkpoint.inspection import inspect_checkpoint

    unreadable, unsafe = [], False
    for path in checkpoints:
        try:
            found = inspect_checkpoint(path, use_ema=use_ema, state_key=state_key)
        except (CheckpointError, OSError) as error:
            unreadable.append(str(error))
            continue
        unsafe = unsafe or not found.safe
        if as_json:
            print_record(_record(found))
        else:
            _print(found)
    if unsafe:
        for message in unreadable:
            echo(f"Error: {message}", err=True)
        raise click.exceptions.Exit(1)
    if unreadable:
        raise CheckpointError("\n".join(unreadable))


def _dtype(tensor: "TensorInfo") -> str:
    return str(tensor.dtype).removeprefix("torch.")


_TENSORS: list[Column["TensorInfo"]] = [
    text_column("tensor", lambda t: t.name),
    text_column("shape", lambda t: "×".join(map(str, t.shape)) or "scalar"),
    text_column("dtype", _dtype),
]


def _facts(found: "CheckpointInfo") -> dict[str, str]:
    facts = {
        "file": f"{found.path} ({found.size_bytes:,} bytes)",
        "sha256": found.sha256,
        "format": found.format,
        "parameters": f"{found.num_params:,}; with buffers, {len(found.tensors)} tensors",
        "model": found.model or "unknown: name it with --model",
    }
    if found.sidecar is not None:
        training, metrics, data = (
            found.sidecar.training,
            found.sidecar.metrics,
            found.sidecar.data,
        )
        count = "all" if data.num_examples is None else f"{data.num_examples:,}"
        facts["trained on"] = f"{count} images of {data.name} ({data.source})"
        facts["training"] = (
            f"{training.init}, gain {training.gain:g}, {training.optimizer}, learning rate "
            f"{training.learning_rate:g}, seed {training.seed}, epoch {training.epoch} of "
            f"{training.epochs}, loss {found.sidecar.loss}"
        )
        for split in ("train", "test"):
            loss, accuracy = (
                getattr(metrics, f"{split}_loss"),
                getattr(metrics, f"{split}_accuracy"),
            )
            if loss is not None and accuracy is not None:
                facts[f"{split} accuracy"] = f"{accuracy:.4f} (loss {loss:.5f})"
    if found.contents:
        facts["also inside"] = "; ".join(f"{k}: {v}" for k, v in found.contents.items())
    return facts


def _print(found: "CheckpointInfo") -> None:
    from landscape.hints import few

    if not found.safe:
        echo(f"UNSAFE: calls {few(found.running, _SHOWN_NAMES)}")
    for name, value in _facts(found).items():
        echo(f"{name:15}{value}")
    for note in found.notes:
        echo(f"{'note':15}{note}")
    if found.obstacle:
        echo(f"{'refused':15}{found.obstacle}")
    print_table(Table(columns=_TENSORS, rows=found.tensors[:_SHOWN]))
    if len(found.tensors) > _SHOWN:
        echo(f"… and {len(found.tensors) - _SHOWN:,} more tensors; --json lists all")
    if found.command is not None:
        echo(f"{'analyse it':15}{found.command}")


def _record(found: "CheckpointInfo") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "path": str(found.path),
        "safe": found.safe,
        "size_bytes": found.size_bytes,
        "sha256": found.sha256,
        "format": found.format,
        "num_params": found.num_params,
        "model": found.model,
        "tensors": [
            {"name": t.name, "shape": list(t.shape), "dtype": _dtype(t)} for t in found.tensors
        ],
        "contents": dict(found.contents),
        "sidecar": None if found.sidecar is None else asdict(found.sidecar),
        "notes": list(found.notes),
        "obstacle": found.obstacle,
        "command": found.command,
    }
