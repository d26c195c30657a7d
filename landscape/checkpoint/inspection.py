"""Say what a checkpoint file holds without reading its weights or running anything in it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape.checkpoint.containers import format_name, not_a_shard, outline_of, sidecar_of
from landscape.checkpoint.errors import CheckpointError, printable
from landscape.checkpoint.files.distributed_folder import outline_folder
from landscape.checkpoint.files.outline import TensorOutline
from landscape.checkpoint.files.pickled import check_names, refuse_code
from landscape.checkpoint.files.safetensor import of_all_shards, outline_safetensors, shards_of
from landscape.checkpoint.formats import Format, bare_pickle, recognise
from landscape.checkpoint.infer import infer_model, is_builtin
from landscape.checkpoint.model_folders import PREFIX, is_model_folder
from landscape.checkpoint.names import running_code
from landscape.checkpoint.neuron_state import neuron_state_names
from landscape.checkpoint.sidecar import Sidecar
from landscape.checkpoint.unwrap import Unwrapped, named_tensors, unwrap

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
    model: str | None  # built-in by sidecar or tensors, or its folder's; or named by a sidecar only
    command: str | None  # that would analyse it; None for a file that is refused
    running: tuple[str, ...] = ()  # names in the file that can run code

    @property
    def safe(self) -> bool:
        """Whether nothing in the file can run code in a program that unpickles it."""
        return not self.running


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
    kind, source = recognise(path, bare_pickles=True)
    seen = _outlined(kind, source)
    try:
        if kind is Format.BARE_PICKLE:
            raise bare_pickle(path)
        found = unwrap(path, seen.value, use_ema=use_ema, state_key=state_key)
    except CheckpointError:
        if not seen.running:
            raise
        found = Unwrapped({}, {}, (), "")  # there is something to say of it all the same
    metadata = seen.metadata
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
    own = f"{PREFIX}{path}" if is_model_folder(path) else inferred
    model = sidecar.model if sidecar is not None else own
    return CheckpointInfo(
        path=path,
        size_bytes=_size(kind, source),
        sha256=digest,
        format=format_name(kind, source, found.contents),
        tensors=tensors,
        num_params=sum(_count(name, tensor) for name, tensor in found.tensors.items()),
        contents=found.contents,
        sidecar=sidecar,
        notes=tuple(notes),
        obstacle=seen.obstacle,
        model=model,
        command=None if seen.obstacle else _command(path, model),
        running=tuple(map(printable, seen.running)),
    )


@dataclass(frozen=True)
class _Seen:
    """Contents with outlines for tensors, and what is known of the file beside them."""

    value: Any
    metadata: Mapping[str, str] = field(default_factory=dict)  # the file's own
    obstacle: str | None = None
    running: tuple[str, ...] = ()


def _outlined(kind: Format, source: Path) -> _Seen:
    if kind is Format.SAFETENSORS:
        return _Seen(*outline_safetensors(source))
    if kind is Format.SHARDED:
        return _outlined_shards(source)
    if kind is Format.DISTRIBUTED:
        contents = outline_folder(source)
    else:
        try:
            with source.open("rb") as file:
                contents = outline_of(kind, source, file)
        except CheckpointError:
            if kind is Format.BARE_PICKLE:
                raise bare_pickle(source) from None
            raise
    running = tuple(running_code(contents))
    try:
        if kind is Format.DISTRIBUTED:
            refuse_code(source, contents)
        else:
            check_names(source, contents, ())
    except CheckpointError as error:
        if not running and not isinstance(contents.value, dict):
            raise
        return _Seen(contents.value, obstacle=str(error), running=running)
    return _Seen(contents.value)


def _outlined_shards(index: Path) -> _Seen:
    parts: list[_Seen] = []

    def outline_shard(file: Path) -> tuple[Mapping[str, Any], object]:
        kind, _ = recognise(file)
        if kind not in (Format.SAFETENSORS, Format.TORCH_ZIP, Format.TORCH_LEGACY):
            raise not_a_shard(file)
        parts.append(_outlined(kind, file))
        return named_tensors(file, parts[-1].value).tensors, {}

    value = of_all_shards(index, outline_shard)
    obstacles = [part.obstacle for part in parts if part.obstacle is not None]
    running = sorted({name for part in parts for name in part.running})
    return _Seen(value, obstacle=next(iter(obstacles), None), running=tuple(running))


def _command(path: Path, model: str | None) -> str:
    """The command line that would analyse the file; what only the user knows is in capitals."""
    named = f"./{path}" if str(path).startswith("-") else str(path)  # else it is an option
    base = f"landscape analyze {shlex.quote(named)} -o reports/{shlex.quote(path.stem)}"
    if is_builtin(model):
        return base
    if model is not None and model.startswith(PREFIX):
        return f"{base} --data FILE"
    named = shlex.quote(model) if model is not None else "MODULE:FACTORY"
    return f"{base} --model {named} --data MODULE:FACTORY --loss cross-entropy"


def is_statistic(name: str) -> bool:
    """Whether a tensor of that name is a running statistic of a batch norm."""
    return name.endswith(_STATISTICS)


def _count(name: str, tensor: TensorOutline) -> int:
    counts = tensor.dtype.startswith(("float", "bfloat")) and not is_statistic(name)
    return tensor.num_elements if counts else 0


def _size(kind: Format, source: Path) -> int:
    if kind is Format.DISTRIBUTED:
        return sum(file.stat().st_size for file in source.iterdir() if file.is_file())
    parts = shards_of(source) if kind is Format.SHARDED else ()
    return source.stat().st_size + sum((source.parent / part).stat().st_size for part in parts)
