"""Recognise a checkpoint's format by its content; its name is never trusted."""

import stat
from enum import Enum
from pathlib import Path

from landscape.checkpoint.errors import CheckpointError, refuse
from landscape.checkpoint.files.archive import COPY_AGAIN
from landscape.hints import close_to

MAX_SAFETENSORS_HEADER = 100_000_000  # the format's own limit, in bytes


class Format(Enum):
    """The containers that can be read; the value is what a reader is told."""

    SAFETENSORS = "safetensors"
    SHARDED = "safetensors in shards"
    TORCH_ZIP = "torch.save"
    TORCH_LEGACY = "torch.save before PyTorch 1.6"
    DISTRIBUTED = "torch.distributed.checkpoint folder"
    BARE_PICKLE = "pickle"  # recognised to say what it would run; never read


_FOREIGN = (
    (
        b"\x89HDF",
        "an HDF5 file (Keras, loss-landscape, NIR: of a graph save the state dict of its network)",
    ),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"BZh", "compressed with bzip2"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF file (llama.cpp)"),
    (b"\x7fELF", "a program"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the weights (git lfs pull)",
    ),
    (b"<", "a web page: the download went wrong"),
)
# What Hugging Face's folders call the weights, in the order in which they are looked for.
_SINGLE = ("model.safetensors", "pytorch_model.bin", "adapter_model.bin")
_LATEST, _LONGEST_NAME = "latest", 255
_EXPECTED = "Expected a file by safetensors or torch.save (.safetensors, .pt, .pth, .ckpt)"


def recognise(path: Path, *, bare_pickles: bool = False) -> tuple[Format, Path]:
    """The format at ``path``, and the file (or distributed folder) to read it from.

    Pickles without a container are refused unless ``bare_pickles``.

    Raises
    ------
    CheckpointError
        If nothing is there, it cannot be read, or it is of no known format.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _folder(path)
        if not stat.S_ISREG(status.st_mode):
            raise refuse(path, "it is neither a file nor a folder", "Pass a checkpoint file")
        with path.open("rb") as file:
            head = file.read(512)
    except CheckpointError:  # a ValueError, but one that says what is wrong already
        raise
    except FileNotFoundError:
        raise refuse(path, "there is no such file", _similar(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(path, f"it cannot be read ({reason})", "Check its permissions") from None
    kind = _file(path, head, status.st_size)
    if kind is Format.BARE_PICKLE and not bare_pickles:
        raise bare_pickle(path)
    return kind, path


def identity(file: Path) -> tuple[int, int]:
    """What two names of one file have in common: links would let it be read any number of times."""
    status = file.stat()
    return status.st_dev, status.st_ino


def _file(path: Path, head: bytes, size: int) -> Format:
    if not head:
        raise refuse(path, "it is empty", COPY_AGAIN)
    if head.startswith(b"PK\x03\x04"):
        return Format.TORCH_ZIP
    if head.startswith(b"\x80\x02\x8a\n"):
        return Format.TORCH_LEGACY
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and header <= MAX_SAFETENSORS_HEADER:
        if header + 8 > size:
            raise refuse(
                path,
                f"its header should have {header} bytes, but the file has {size} in all",
                COPY_AGAIN,
            )
        return Format.SAFETENSORS
    if head.lstrip().startswith(b"{"):
        return Format.SHARDED
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return Format.BARE_PICKLE
    raise _foreign(path, head)


def bare_pickle(path: Path) -> CheckpointError:
    """The error for a pickle without a container."""
    return refuse(path, "it is a bare pickle (pickle.dump): reading it means running it", _EXPECTED)


def parts_of_zero(path: Path) -> CheckpointError:
    """The error for what a process leaves that holds a part of each weight alone (ZeRO 3)."""
    return refuse(
        path,
        "it is by DeepSpeed with ZeRO 3: each process saved a part of the weights, and the model "
        "states hold none",
        "Put them together by the script that DeepSpeed wrote beside the file 'latest', and pass "
        "what it makes: python zero_to_fp32.py . weights",
    )


def _foreign(path: Path, head: bytes) -> CheckpointError:
    what = next((text for magic, text in _FOREIGN if head.lstrip().startswith(magic)), None)
    if head[257:262] == b"ustar":
        what = "a tar archive"
    if what is not None:
        return refuse(path, f"it is {what}", _EXPECTED)
    return refuse(path, f"its first bytes, {head[:8].hex(' ')}, are of no known format", _EXPECTED)


def _folder(path: Path) -> tuple[Format, Path]:
    if (path / ".metadata").is_file():
        return Format.DISTRIBUTED, path
    indexes = sorted(path.glob("*.safetensors.index.json")) or sorted(path.glob("*.bin.index.json"))
    singles = sorted(path.glob("*.safetensors"))
    if len(indexes) == 1:
        return Format.SHARDED, indexes[0]
    if len(singles) == 1 and not indexes:
        return Format.SAFETENSORS, singles[0]
    named = [path / name for name in _SINGLE if (path / name).is_file()]
    states = named or sorted(path.glob("mp_rank_*_model_states.pt"))  # by DeepSpeed
    if states and not indexes and (named or len(states) == 1):
        return recognise(states[0])
    if (path / _LATEST).is_file() and not (singles or indexes or states):
        return _folder(path / _latest(path))
    if any(path.glob("zero_pp_rank_*_model_states.pt")):
        raise parts_of_zero(path)
    raise refuse(
        path,
        "it is a folder, but neither a torch.distributed.checkpoint (no .metadata) nor one "
        "safetensors checkpoint",
        "Pass the checkpoint file inside it",
    )


def _latest(path: Path) -> str:
    """The folder within ``path`` that DeepSpeed wrote last."""
    with (path / _LATEST).open("rb") as file:
        name = file.read(_LONGEST_NAME).decode("utf-8", "replace").strip()
    if not name or Path(name).name != name or not (path / name).is_dir():
        raise refuse(
            path,
            f"its file '{_LATEST}' names no folder in it",
            "Pass the checkpoint file inside it",
        )
    return name


def _similar(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"The folder {path.parent} is not there either"
    return close_to(path.name, names).lstrip() or "Check the path"
