"""Checkpoint files in, named tensors out: the one door to every format."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoint.containers import format_name, not_a_shard, outline_of, sidecar_of
from landscape.checkpoint.errors import printable, refuse
from landscape.checkpoint.files.distributed_tensors import read_folder
from landscape.checkpoint.files.pickled import check_names
from landscape.checkpoint.files.safetensor import of_all_shards, opened_safetensors
from landscape.checkpoint.files.tensors import read_tensors
from landscape.checkpoint.files.unrestricted import load_unrestricted
from landscape.checkpoint.formats import Format, recognise
from landscape.checkpoint.sidecar import Sidecar
from landscape.checkpoint.unwrap import Unwrapped, named_tensors, unwrap


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """Weights that were read, and where they came from."""

    path: Path
    sha256: str  # of the file's bytes; of all files' digests for a folder or shards
    format: str
    state: Mapping[str, Tensor]  # on the CPU, dtypes as stored
    sidecar: Sidecar | None
    notes: tuple[str, ...]  # what was unwrapped, stripped, ignored
    contents: Mapping[str, str]  # other entries of the file, described
    prefix: str = ""  # taken off every name


def load_checkpoint(
    path: Path | str,
    *,
    use_ema: bool = False,
    state_key: str | None = None,
    allow_globals: Sequence[str] = (),
    unsafe_pickle: bool = False,
) -> Checkpoint:
    """Read the weights at ``path``, whatever its format, without running anything in it.

    Parameters
    ----------
    path
        A file by safetensors or ``torch.save``, the index of a sharded checkpoint, or a folder by
        ``torch.distributed.checkpoint``.
    use_ema
        Take the averaged weights; without it they are never chosen where others are present.
    state_key
        Which entry of the file holds the weights, where that is not clear.
    allow_globals
        Further classes, as ``module.Class``, that the file may build.
    unsafe_pickle
        Load as an unrestricted pickle, which can run any code: for a file of one's own making.

    Raises
    ------
    CheckpointError
        For every file that cannot be used, with what to do about it.
    """
    path = Path(path)
    kind, source = recognise(path)
    choose = functools.partial(unwrap, path, use_ema=use_ema, state_key=state_key)
    metadata: Mapping[str, str] = {}
    if kind is Format.SAFETENSORS:
        value, metadata = _read_safetensors(source)
        found = choose(value)
    elif kind is Format.SHARDED:
        found = choose(of_all_shards(source, _read_shard))
    elif kind is Format.DISTRIBUTED:
        found = choose(read_folder(source))
    elif unsafe_pickle:
        found = choose(_state_of_module(load_unrestricted(source)))
    else:
        found = _read_pickled(kind, source, allow_globals, choose)
    for name, tensor in found.tensors.items():
        _check_tensor(path, name, tensor)
    digest, sidecar, sidecar_notes = sidecar_of(kind, source, metadata)
    notes = (*found.notes, *sidecar_notes)
    if unsafe_pickle:
        notes = ("loaded as an unrestricted pickle, on request", *notes)
    return Checkpoint(
        path=path,
        sha256=digest,
        format=format_name(kind, source, found.contents),
        state={name: tensor.detach() for name, tensor in found.tensors.items()},
        sidecar=sidecar,
        notes=notes,
        contents=found.contents,
        prefix=found.prefix,
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of one file, on the CPU, and its metadata."""
    with opened_safetensors(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, dict(file.metadata() or {})


def _read_pickled(
    kind: Format,
    source: Path,
    allow_globals: Sequence[str],
    choose: Callable[[Any], Unwrapped],
) -> Unwrapped:
    """What ``choose`` takes of the file's outline, with the tensors read."""
    with source.open("rb") as file:
        contents = outline_of(kind, source, file)
        check_names(source, contents, allow_globals)
        found = choose(contents.value)
        tensors = read_tensors(source, file, contents, found.tensors)
    return dataclasses.replace(found, tensors=tensors)


def _read_shard(file: Path) -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    """The tensors of one file of several, under the names that it has for them."""
    kind, _ = recognise(file)
    if kind is Format.SAFETENSORS:
        return _read_safetensors(file)
    if kind not in (Format.TORCH_ZIP, Format.TORCH_LEGACY):
        raise not_a_shard(file)
    return _read_pickled(kind, file, (), functools.partial(named_tensors, file)).tensors, {}


def _state_of_module(value: Any) -> Any:
    return value.state_dict() if isinstance(value, torch.nn.Module) else value


def _check_tensor(path: Path, name: str, tensor: Tensor) -> None:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        kind = "quantised" if tensor.is_quantized else f"{tensor.layout} on {tensor.device}"
        raise refuse(
            path,
            f"tensor '{printable(name)}' is {kind}; curvature needs dense floating-point weights",
            "Save the weights before quantisation or sparsification",
        )
