"""Check the two containers of ``torch.save`` before PyTorch may open them.

What is checked: entries of a zip are stored, not deflated (a small file cannot become a large
one), lie inside the file and keep their checksums, and have names that stay inside the archive;
every storage that the pickle refers to is there in full; the pickle has a bounded size.
"""

import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.outline import Outline, OutlineError, StorageOutline
from landscape.checkpoint.pickle_reader import outline

MAX_PICKLE_BYTES = 32 * 2**20
MAX_ENTRIES = 200_000

COPY_AGAIN = "Copy or download the file again and compare its size with the original's"
SAVE_WEIGHTS = (
    "Where the file was made, load it and save its weights alone: "
    "torch.save(model.state_dict(), 'weights.pt')"
)
_LEGACY_PICKLES = 5  # magic number, protocol, machine, the contents, the storages' keys
_TORCHSCRIPT = ("constants.pkl", "code/")
_EXPORT = ("archive_format", "models/", "serialized_exported_program.json")


def outline_of_zip(path: Path, source: IO[bytes], *, check_data: bool) -> Outline:
    """Check and outline a zip written by ``torch.save``; ``check_data`` verifies checksums too.

    ``source`` is the open file, or a part of it; ``path`` is what messages name.

    Raises
    ------
    CheckpointError
        If anything listed in the module's docstring fails, or it is another kind of archive.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _checked_entries(path, archive, source.seek(0, io.SEEK_END))
            pickle = entries["data.pkl"]
            if pickle.CRC == 0:
                del pickle.CRC  # zipfile's way of reading an entry that has no checksum
            contents = outlined(path, io.BytesIO(archive.read(pickle)))
            _check_zip_storages(path, contents, entries)
            if check_data:
                _check_sums(path, archive, entries)
            return contents
    except CheckpointError:
        raise
    # The zip reader meets arbitrary bytes; it raises BadZipFile, but also struct.error,
    # NotImplementedError, UnicodeDecodeError, EOFError or OverflowError.
    except Exception as error:
        raise refuse(
            path, f"its zip archive is damaged or cut off ({type(error).__name__})", COPY_AGAIN
        ) from None


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
    outlines = [outlined(path, head) for _ in range(_LEGACY_PICKLES)]
    contents, keys = outlines[3], outlines[4].value
    source.seek(head.tell())
    _check_legacy_storages(path, contents, keys, source, size)
    contents.names.update(*(part.names for part in outlines))
    return contents


def _checked_entries(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise refuse(path, f"its archive has more than {MAX_ENTRIES} entries", COPY_AGAIN)
    names = [info.filename for info in infos]
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
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise refuse(
                path,
                f"entry '{printable(info.filename)}' is compressed or encrypted; torch.save stores "
                "entries as they are",
                "Unpack it, check it, and save its weights again with torch.save",
            )
        if info.compress_size != info.file_size or info.header_offset + info.file_size > size:
            raise refuse(
                path, f"entry '{printable(info.filename)}' does not lie inside the file", COPY_AGAIN
            )
    if sum(info.file_size for info in infos) > size:
        raise refuse(path, "its entries claim more bytes than the file has", COPY_AGAIN)
    entries = {info.filename.partition("/")[2]: info for info in infos}
    if entries["data.pkl"].file_size > MAX_PICKLE_BYTES:
        raise refuse(
            path,
            f"its pickle has more than {MAX_PICKLE_BYTES >> 20} MiB; weights are kept outside it",
            SAVE_WEIGHTS,
        )
    return entries


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


def outlined(path: Path, stream: io.BytesIO) -> Outline:
    """Outline the next pickle in ``stream``; a failure names ``path``."""
    try:
        return outline(stream)
    except OutlineError as error:
        raise refuse(path, f"it cannot be read: {error}", COPY_AGAIN) from None


def _check_zip_storages(path: Path, contents: Outline, entries: dict[str, zipfile.ZipInfo]) -> None:
    for key, storage in contents.storages.items():
        entry = entries.get(f"data/{key}")
        if entry is None or entry.file_size != storage.num_bytes:
            raise _missing_data(path, storage, entry.file_size if entry else 0)


def _check_sums(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
    for info in entries.values():
        if not getattr(
            info, "CRC", 0
        ):  # written without checksums: torch.serialization.set_crc32_options
            continue
        try:
            with archive.open(info) as entry:
                while entry.read(2**20):
                    pass
        except (zipfile.BadZipFile, zlib.error):
            raise refuse(
                path, f"the checksum of entry '{printable(info.filename)}' is wrong", COPY_AGAIN
            ) from None


def _check_legacy_storages(
    path: Path, contents: Outline, keys: object, source: IO[bytes], size: int
) -> None:
    if not isinstance(keys, list) or set(map(str, keys)) != set(contents.storages):
        raise refuse(path, "its list of stored tensors does not match its contents", COPY_AGAIN)
    for key in keys:
        storage = contents.storages[str(key)]
        num_items = int.from_bytes(source.read(8), "little", signed=True)
        start = source.tell()
        if num_items != storage.num_items or start + storage.num_bytes > size:
            raise _missing_data(path, storage, max(size - start, 0))
        source.seek(storage.num_bytes, io.SEEK_CUR)


def _missing_data(path: Path, storage: StorageOutline, found: int) -> CheckpointError:
    return refuse(
        path,
        f"tensor data '{printable(storage.key)}' should have {storage.num_bytes} bytes, but "
        f"{found} are there: the file is cut off or damaged",
        COPY_AGAIN,
    )
