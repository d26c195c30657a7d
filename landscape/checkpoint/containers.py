"""What a checkpoint of any format says of itself before a weight is read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from landscape.checkpoint.errors import CheckpointError, refuse
from landscape.checkpoint.files.archive import outline_of_bare, outline_of_legacy, outline_of_zip
from landscape.checkpoint.files.outline import Outline
from landscape.checkpoint.files.safetensor import shards_of
from landscape.checkpoint.formats import Format
from landscape.checkpoint.sidecar import EMBEDDED_SIDECAR, Sidecar, read_sidecar, sidecar_path
from landscape.files import sha256_of_file

LIGHTNING = "pytorch-lightning_version"


def format_name(kind: Format, source: Path, contents: Mapping[str, str]) -> str:
    """The container's name, and the trainer's where the contents show it."""
    if kind is Format.SHARDED and not all(n.endswith(".safetensors") for n in shards_of(source)):
        return f"{Format.TORCH_ZIP.value} in shards"
    return f"{kind.value} (Lightning)" if LIGHTNING in contents else kind.value


def outline_of(kind: Format, path: Path, file: IO[bytes]) -> Outline:
    """Check and outline a file that ``torch.save`` wrote, in either of its formats."""
    if kind is Format.TORCH_ZIP:
        return outline_of_zip(path, file)
    return (
        outline_of_legacy(path, file)
        if kind is Format.TORCH_LEGACY
        else outline_of_bare(path, file)
    )


def not_a_shard(file: Path) -> CheckpointError:
    """The error for a file that an index names and that holds no weights."""
    return refuse(file, "it is no part of a checkpoint in shards", "Download it again")


def _digest(kind: Format, source: Path) -> str:
    if kind is Format.SHARDED:
        files = [source, *(source.parent / name for name in sorted(shards_of(source)))]
    elif kind is Format.DISTRIBUTED:
        files = sorted(file for file in source.iterdir() if file.is_file())
    else:
        return sha256_of_file(source)
    lines = "".join(f"{sha256_of_file(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def sidecar_of(
    kind: Format, source: Path, metadata: Mapping[str, str]
) -> tuple[str, Sidecar | None, tuple[str, ...]]:
    """The checkpoint's digest, and the sidecar of these very weights with notes on it.

    That is the file beside them if it was written for them, or else the copy within.
    """
    digest = _digest(kind, source)
    beside = read_sidecar(source) if source.is_file() else None
    if beside is not None and beside.weights_sha256 in ("", digest):
        return digest, beside, ()
    name = sidecar_path(source).name
    embedded = metadata.get(EMBEDDED_SIDECAR)
    if embedded is not None:
        inside = Sidecar.from_json(embedded, source)
        note = "" if beside is None else f"{name} describes other weights; "
        return digest, inside, (f"{note}the sidecar kept inside the weights' file was used",)
    if beside is not None:
        return digest, None, (f"{name} describes other weights and was ignored",)
    return digest, None, ()
