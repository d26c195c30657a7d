"""Check the two containers of ``torch.save``, and find where in them tensors lie.

What is checked: entries of a zip are stored, not deflated (a small file cannot become a large
one), lie inside the file, apart from one another, and have names that stay inside the archive;
every storage that the pickle refers to is there in full; the pickle has a bounded size. Checksums
are compared as bytes are read.
"""

import io
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.files.allowance import Allowance
from landscape.checkpoint.files.outline import Outline, OutlineError, Place, StorageOutline
from landscape.checkpoint.files.pickle_reader import outline
from landscape.checkpoint.files.zip_index import Entry, ZipIndexError, entries_of, located

MAX_PICKLE_BYTES = 32 * 2**20

COPY_AGAIN = "Copy or download the file again and compare its size with the original's"
SAVE_WEIGHTS = (
    "Where the file was made, load it and save its weights alone: "
    "torch.save(model.state_dict(), 'weights.pt')"
)
_LEGACY_PICKLES = 5  # magic number, protocol, machine, the contents, the storages' keys
_TORCHSCRIPT = ("constants.pkl", "code/")
_EXPORT = ("archive_format", "models/", "serialized_exported_program.json")


def outline_of_zip(path: Path, source: IO[bytes]) -> Outline:
    """Check and outline a zip written by ``torch.save``; no weight is read.

    ``source`` is the open file, or a part of it; ``path`` is what messages name.

    Raises
    ------
    CheckpointError
        If anything listed in the module's docstring fails, or it is another kind of archive.
    """
    entries = _checked_entries(path, source)
    pickle = entries["data.pkl"]
    if pickle.size > MAX_PICKLE_BYTES:
        raise refuse(
            path,
            f"its pickle has more than {MAX_PICKLE_BYTES >> 20} MiB; weights are kept outside it",
            SAVE_WEIGHTS,
        )
    stream = io.BytesIO(_content(path, source, pickle))
    contents = outlined(path, stream, Allowance(pickle.size))
    order = entries.get("byteorder")
    contents.big_endian = (
        order is not None and order.size == 3 and _content(path, source, order) == b"big"
    )
    for key, storage in contents.storages.items():
        entry = entries.get(f"data/{key}")
        if entry is None or entry.size != storage.num_bytes:
            raise _missing_data(path, storage, entry.size if entry else 0)
        contents.places[key] = Place(entry.start, entry.checksum)
    return contents


def outline_of_legacy(path: Path, source: IO[bytes]) -> Outline:
    """Check and outline a file in the format of ``torch.save`` before PyTorch 1.6.

    Raises
    ------
    CheckpointError
        If a pickle is malformed or too large, or the numbers after it are not all there.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    head = io.BytesIO(source.read(MAX_PICKLE_BYTES))
    allowance = Allowance(min(size, MAX_PICKLE_BYTES))
    outlines = [outlined(path, head, allowance) for _ in range(_LEGACY_PICKLES)]
    contents, keys = outlines[3], outlines[4].value
    source.seek(head.tell())
    _find_legacy_storages(path, contents, keys, source, size)
    contents.names.update(*(part.names for part in outlines))
    contents.calls += [call for part in outlines if part is not contents for call in part.calls]
    return contents


def outline_of_bare(path: Path, source: IO[bytes]) -> Outline:
    """Outline a pickle that no container is around, to tell what it would run.

    Raises
    ------
    CheckpointError
        If it is malformed or too large.
    """
    source.seek(0)
    data = source.read(MAX_PICKLE_BYTES)
    return outlined(path, io.BytesIO(data), Allowance(len(data)))


def _checked_entries(path: Path, source: IO[bytes]) -> dict[str, Entry]:
    """The archive's entries by their names inside its one folder."""
    try:
        entries = entries_of(source)
        _refuse_names(path, [entry.name for entry in entries])
        packed = next((entry for entry in entries if not entry.is_plain), None)
        if packed is not None:
            raise refuse(
                path,
                f"entry '{printable(packed.name)}' is compressed or encrypted; torch.save stores "
                "entries as they are",
                "Unpack it, check it, and save its weights again with torch.save",
            )
        entries = located(source, entries, source.seek(0, io.SEEK_END))
        if any(entry.packed_size != entry.size for entry in entries):
            raise ZipIndexError("has an entry of two sizes")
    except ZipIndexError as error:
        raise refuse(
            path, f"its zip archive is damaged or cut off: it {error}", COPY_AGAIN
        ) from None
    except (struct.error, UnicodeDecodeError) as error:
        reason = type(error).__name__
        raise refuse(
            path, f"its zip archive is damaged or cut off ({reason})", COPY_AGAIN
        ) from None
    return {entry.name.partition("/")[2]: entry for entry in entries}


def _content(path: Path, source: IO[bytes], entry: Entry) -> bytes:
    source.seek(entry.start)
    data = source.read(entry.size)
    check_sum(path, data, entry.name, entry.checksum)
    return data


def check_sum(path: Path, data: bytes | memoryview, name: str, expected: int) -> None:
    """Compare the checksum of ``data`` with what its archive says.

    Raises
    ------
    CheckpointError
        If there is one (0: none, see ``torch.serialization.set_crc32_options``) and it differs.
    """
    if expected and zlib.crc32(data) != expected:
        raise refuse(path, f"the checksum of entry '{printable(name)}' is wrong", COPY_AGAIN)


def _refuse_names(path: Path, names: list[str]) -> None:
    unsafe = [name for name in names if _leaves_archive(name)]
    if unsafe:
        raise refuse(
            path,
            f"its archive has entries that point outside it: {listing(unsafe)}",
            "No tool that saves weights writes such names: do not trust this file",
        )
    if len(set(names)) != len(names):
        raise refuse(path, "its archive has two entries of one name", COPY_AGAIN)
    _refuse_other_archives(path, names)


def _leaves_archive(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or name[1:3] == ":/"
    )


def _refuse_other_archives(path: Path, names: list[str]) -> None:
    inner = [name.partition("/")[2] for name in names]
    if any(name.startswith(_TORCHSCRIPT) for name in inner):
        raise refuse(
            path,
            "it is a TorchScript program (torch.jit.save), which is code",
            "If you trust it: weights = torch.jit.load(path).state_dict(); "
            "torch.save(weights, 'weights.pt')",
        )
    if any(name.startswith(_EXPORT) for name in [*names, *inner]):
        raise refuse(path, "it is a program written by torch.export", SAVE_WEIGHTS)
    if any(name.endswith(".npy") for name in names):
        raise refuse(
            path, "it holds NumPy arrays (.npz), not a checkpoint", "Pass it as --data instead"
        )
    if inner.count("data.pkl") != 1 or len({name.partition("/")[0] for name in names}) != 1:
        raise refuse(
            path,
            "it is a zip archive, but not one that torch.save wrote (no data.pkl in one folder)",
            "Pass the .pt, .pth, .ckpt or .safetensors file itself",
        )


def outlined(path: Path, stream: io.BytesIO, allowance: Allowance) -> Outline:
    """Outline the next pickle in ``stream``; a failure names ``path``."""
    try:
        return outline(stream, allowance)
    except OutlineError as error:
        raise refuse(path, f"it cannot be read: {error}", COPY_AGAIN) from None


def _find_legacy_storages(
    path: Path, contents: Outline, keys: object, source: IO[bytes], size: int
) -> None:
    known = isinstance(keys, list) and all(isinstance(key, str | int) for key in keys)
    if not isinstance(keys, list) or not known or set(map(str, keys)) != set(contents.storages):
        raise refuse(path, "its list of stored tensors does not match its contents", COPY_AGAIN)
    for key in keys:
        storage = contents.storages[str(key)]
        num_items = int.from_bytes(source.read(8), "little", signed=True)
        start = source.tell()
        if num_items != storage.num_items or start + storage.num_bytes > size:
            raise _missing_data(path, storage, max(size - start, 0))
        contents.places[str(key)] = Place(start)
        source.seek(storage.num_bytes, io.SEEK_CUR)


def _missing_data(path: Path, storage: StorageOutline, found: int) -> CheckpointError:
    return refuse(
        path,
        f"tensor data '{printable(storage.key)}' should have {storage.num_bytes} bytes, but "
        f"{found} are there: the file is cut off or damaged",
        COPY_AGAIN,
    )
