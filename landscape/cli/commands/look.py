"""``landscape look``: what a checkpoint file is, whether it is safe, and whether it is sharp."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.analysis.target_settings import TargetSettings
from landscape.cli.gated_look import look_names, look_values
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.options import (
    checkpoints_argument,
    json_option,
    quiet_option,
    target_options,
    unique_labels,
)
from landscape.cli.output import progress_bar
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, print_record

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.checkpoint.inspection import CheckpointInfo
    from landscape.checkpoint.load import Checkpoint
    from landscape.gates import Gate
    from landscape.results.look import Look

_SHOWN_NAMES = 8
_OPENING, _MATVECS = 10, 50  # steps of the progress bar: about so many matvecs each


@click.command(cls=Command)
@checkpoints_argument
@gate_option("lambda_max > 50 or test_accuracy < 0.9")
@json_option("a checkpoint")
@quiet_option
@target_options
def look(
    checkpoints: tuple[Path, ...],
    gates: "tuple[Gate, ...]",
    as_json: bool,
    quiet: bool,
    settings: TargetSettings,
) -> None:
    """Look at CHECKPOINTS: format, safety, weights; on data also losses, firing rates, sharpness.

    \b
    landscape look net.pth
    landscape look net.pth --model nets.py:make --data xy.npz --loss cross-entropy
    landscape look *.safetensors --json --fail-if 'lambda_max > 50 or test_accuracy < 0.9'

    Without data the weights alone are described. With data, losses are of both splits, curvature
    and firing rates of the examples of --split. Exit code 1 if a file names what can run code, or
    a gate fires.
    """
    from landscape.checkpoint.errors import CheckpointError
    from landscape.checkpoint.inspection import inspect_checkpoint
    from landscape.distributed import world_size

    if world_size() > 1:
        raise click.UsageError("look is a minute's work of one process: start it without torchrun.")
    found, refused = [], []
    for path, label in zip(checkpoints, unique_labels(checkpoints), strict=True):
        try:
            info = inspect_checkpoint(path, use_ema=settings.use_ema, state_key=settings.state_key)
        except (CheckpointError, OSError) as error:
            refused.append(str(error))
            continue
        found.append((label, info))
    _check([info for _, info in found], gates, settings)
    looks = []
    for label, info in found:
        with progress_bar(f"{label}: look", quiet=quiet) as progress:
            try:
                row = _look(label, info, settings, progress)
            except CheckpointError as error:
                refused.append(str(error))
                continue
        looks.append((label, row))
        _show(row, as_json=as_json)
    unsafe = [row for _, row in looks if not row.safe]
    if unsafe:
        for row in unsafe if as_json else ():
            echo(f"UNSAFE: {row.path}: {row.notes[0]}", err=True)
        for message in refused:
            echo(f"Error: {message}", err=True)
        raise click.exceptions.Exit(1)
    if refused:
        raise CheckpointError("\n".join(refused))
    apply_gates(gates, [(label, look_values(row), "") for label, row in looks])


def _check(
    infos: "Sequence[CheckpointInfo]", gates: "Sequence[Gate]", settings: TargetSettings
) -> None:
    """Refuse gates on what will not be measured."""
    for info in infos:
        shapes = {t.name: t.shape for t in info.tensors}
        check_gates(gates, look_names(shapes, data=True))
        if info.safe and not _names_data(info, settings):
            advice = f" Of {info.path} alone: name --model, --data and --loss for the others."
            check_gates(gates, look_names(shapes, data=False), advice=advice)


def _names_data(info: "CheckpointInfo", settings: TargetSettings) -> bool:
    """Whether anything says which network to evaluate the weights with."""
    from landscape.checkpoint.infer import is_builtin

    if info.running and not settings.unsafe_pickle:
        return False
    return is_builtin(info.model) or _asked(settings)


def _asked(settings: TargetSettings) -> bool:
    return any((settings.model, settings.data, settings.loss, settings.objective))


def _look(
    label: str, info: "CheckpointInfo", settings: TargetSettings, progress: "Progress"
) -> "Look":
    from landscape.analysis.look.weights import of_weights
    from landscape.checkpoint.load import load_checkpoint
    from landscape.hints import few
    from landscape.results.look import Look

    start = time.perf_counter()
    fields: dict[str, Any] = {
        "path": str(info.path),
        "safe": info.safe,
        "format": info.format,
        "size_bytes": info.size_bytes,
        "sha256": info.sha256,
        "num_params": info.num_params,
        "num_tensors": len(info.tensors),
    }
    notes = list(info.notes)
    is_read = info.safe or settings.unsafe_pickle
    if info.running:
        calls = f"calls {few(info.running, _SHOWN_NAMES)}"
        notes.insert(0, calls if is_read else f"{calls}: its weights were not read")
    if is_read:
        checkpoint = load_checkpoint(
            info.path,
            use_ema=settings.use_ema,
            state_key=settings.state_key,
            allow_globals=settings.allow_globals,
            unsafe_pickle=settings.unsafe_pickle,
        )
        fields |= of_weights(checkpoint.state)
        progress(1, _OPENING + _MATVECS)
        on_data, more = _on_data(label, info, settings, progress, checkpoint)
        fields |= on_data
        notes += [note for note in more if note not in notes]
    return Look(**fields, notes=tuple(notes), seconds=time.perf_counter() - start)


def _on_data(
    label: str,
    info: "CheckpointInfo",
    settings: TargetSettings,
    progress: "Progress",
    checkpoint: "Checkpoint",
) -> tuple[dict[str, Any], Sequence[str]]:
    from landscape.analysis.look.run import look_at
    from landscape.analysis.opening import open_target

    if not _names_data(info, settings):
        return {}, ["weights alone: name --model, --data and --loss for losses and curvature"]
    try:
        target = open_target(info.path, settings, label=label)
    except ValueError as error:
        if _asked(settings):
            raise
        return {}, [f"weights alone: {error}"]

    def report(done: int, total: int) -> None:
        progress(_OPENING + done, _OPENING + max(total, _MATVECS))

    report(0, 0)
    return look_at(target, checkpoint, progress=report)


def _show(row: "Look", *, as_json: bool) -> None:
    if as_json:
        print_record(row.record())
        return
    from landscape.cli.look_tables import print_look

    print_look(row)
