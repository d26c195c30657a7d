"""Say what a checkpoint file holds without reading its weights or running anything in it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.checkpoint.distributed_folder import outline_folder
from landscape.checkpoint.errors import CheckpointError, printable
from landscape.checkpoint.formats import Format, recognise
from landscape.checkpoint.infer import infer_model
from landscape.checkpoint.load import format_name, outline_of, sidecar_of
from landscape.checkpoint.match import neuron_state_names
from landscape.checkpoint.models import BUILTIN_MODELS
from landscape.checkpoint.outline import TensorOutline
from landscape.checkpoint.pickled import check_names
from landscape.checkpoint.safetensor import of_all_shards, outline_safetensors, shards_of
from landscape.checkpoint.sidecar import Sidecar
from landscape.checkpoint.unwrap import unwrap

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """Name, shape and dtype of one tensor."""

    name: str  # with control characters escaped, as all text from files here
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """What ``landscape info`` shows of a file."""

    path: Path
    size_bytes: int
    sha256: str
    format: str
    tensors: tuple[TensorInfo, ...]
    num_params: int  # numbers in floating-point tensors other than batch norm's statistics
    contents: Mapping[str, str]  # other entries of the file, described
    sidecar: Sidecar | None
    notes: tuple[str, ...]  # what loading would unwrap, strip or ignore
    obstacle: str | None  # why loading would be refused as things are, and the way out
    model: str | None  # built-in network by sidecar or tensors; or named by the sidecar only
    command: str  # that would analyse it


def inspect_checkpoint(
    path: Path | str, *, use_ema: bool = False, state_key: str | None = None
) -> CheckpointInfo:
    """Describe the checkpoint at ``path``; arguments as in ``load_checkpoint``.

    Raises
    ------
    CheckpointError
        If the file is damaged, of no known format, or holds no weights.
    """
    path = Path(path)
    kind, source = recognise(path)
    value, metadata, obstacle = _outlined(kind, source)
    found = unwrap(path, value, use_ema=use_ema, state_key=state_key)
    digest, sidecar, sidecar_notes = sidecar_of(kind, source, metadata)
    tensors = tuple(
        TensorInfo(name=printable(name), shape=tuple(t.shape), dtype=t.dtype)
        for name, t in found.tensors.items()
    )
    state = sorted(neuron_state_names(found.tensors))
    notes = [*found.notes, *sidecar_notes]
    if state:
        notes.append(f"neuron state, not loaded into a network: {printable(', '.join(state))}")
    inferred = infer_model(found.tensors)
    model = sidecar.model if sidecar is not None else inferred
    return CheckpointInfo(
        path=path,
        size_bytes=_size(kind, source),
        sha256=digest,
        format=format_name(kind, found.contents),
        tensors=tensors,
        num_params=sum(_count(name, tensor) for name, tensor in found.tensors.items()),
        contents=found.contents,
        sidecar=sidecar,
        notes=tuple(notes),
        obstacle=obstacle,
        model=model,
        command=_command(path, model),
    )


def _outlined(kind: Format, source: Path) -> tuple[Any, Mapping[str, str], str | None]:
    """Contents with outlines for tensors, the file's own metadata, what stands in the way."""
    if kind is Format.SAFETENSORS:
        return *outline_safetensors(source), None
    if kind is Format.SHARDED:
        return of_all_shards(source, outline_safetensors), {}, None
    if kind is Format.DISTRIBUTED:
        return outline_folder(source), {}, None
    with source.open("rb") as file:
        contents = outline_of(kind, source, file, check_data=False)
    try:
        check_names(source, contents, ())
    except CheckpointError as error:
        if not isinstance(contents.value, dict):
            raise
        return contents.value, {}, str(error)
    return contents.value, {}, None


def _command(path: Path, model: str | None) -> str:
    """The command line that would analyse the file; what only the user knows is in capitals."""
    base = f"landscape analyze {shlex.quote(str(path))} -o reports/{shlex.quote(path.stem)}"
    if model is not None and model.partition("?")[0] in BUILTIN_MODELS:
        return base
    named = shlex.quote(model) if model is not None else "MODULE:FACTORY"
    return f"{base} --model {named} --data MODULE:FACTORY --loss cross-entropy"


def _count(name: str, tensor: TensorOutline) -> int:
    counts = tensor.dtype.startswith(("float", "bfloat")) and not name.endswith(_STATISTICS)
    return tensor.num_elements if counts else 0


def _size(kind: Format, source: Path) -> int:
    if kind is Format.DISTRIBUTED:
        return sum(file.stat().st_size for file in source.iterdir() if file.is_file())
    parts = shards_of(source) if kind is Format.SHARDED else ()
    return source.stat().st_size + sum((source.parent / part).stat().st_size for part in parts)
