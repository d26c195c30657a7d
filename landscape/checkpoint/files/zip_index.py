"""The table of contents of a zip archive, if there is but one way to read it.

Readers of zip files disagree: some look for the table where a record says that it is, some right
before that record; some pass over what stands before or after. A file made for that shows each of
them another archive. Here every part must lie where both rules put it, as in all files that
``torch.save`` and Python's ``zipfile`` write; all else is refused.
"""

import io
import struct
from dataclasses import dataclass, replace
from typing import IO

MAX_ENTRIES = 200_000
_MAX_TABLE_BYTES = 64 * 2**20

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _ENCRYPTED, _SIZES_LATER = 0, 0x2041, 0x8
_FOLDER = 0x10  # PyTorch leaves the memory for such an entry as it was
_IN_EXTRA16, _IN_EXTRA32, _ZIP64 = 0xFFFF, 0xFFFFFFFF, 1


class ZipIndexError(Exception):
    """An archive that is damaged or ambiguous; the message completes "its zip archive …"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive: its bytes, and their checksum (0: written without one)."""

    name: str
    header: int  # where its own header lies
    start: int  # and its bytes; set once the header was read
    packed_size: int
    size: int
    checksum: int
    is_plain: bool  # neither compressed nor encrypted


def entries_of(file: IO[bytes]) -> list[Entry]:
    """The entries that the table names, in its order; none of their own headers is read yet.

    Raises
    ------
    ZipIndexError
        If the table is damaged, too large, or not the only one that a reader could find.
    """
    count, size, start = _place_of_table(file)
    if count > MAX_ENTRIES or size > _MAX_TABLE_BYTES:
        raise ZipIndexError(f"has more than {MAX_ENTRIES} entries, or names of absurd length")
    file.seek(start)
    table = file.read(size)
    entries, position = [], 0
    for _ in range(count):
        entry, position = _entry(table, position)
        entries.append(entry)
    if position != size:
        raise ZipIndexError("has another number of entries than it says")
    return entries


def located(file: IO[bytes], entries: list[Entry], end: int) -> list[Entry]:
    """``entries`` with the place of their bytes, of which no two share any; ``end`` of the file.

    Raises
    ------
    ZipIndexError
        If an entry's own header says something else than the table, or entries overlap.
    """
    found, free = [], 0
    for entry in sorted(entries, key=lambda e: e.header):
        if entry.header < free:
            raise ZipIndexError("has entries that overlap")
        start = _start(file, entry)
        free = start + entry.packed_size
        if free > end:
            raise ZipIndexError(f"has an entry beyond its end, at byte {start}")
        found.append(replace(entry, start=start))
    return found


def _place_of_table(file: IO[bytes]) -> tuple[int, int, int]:
    """Number of entries, size and place of the table, which ends where the end record begins."""
    length = file.seek(0, io.SEEK_END)
    signature, *disks, here, total, size, start, comment = _END.unpack(_at(file, length, _END.size))
    end = length - _END.size
    if signature != b"PK\5\6" or comment:
        raise ZipIndexError("does not end where an archive ends")
    tail = _at(file, end, _LOCATOR.size) if end >= _LOCATOR.size else b""
    if tail.startswith(b"PK\6\7"):
        end -= _LOCATOR.size + _END64.size
        _, first_disk, record, num_disks = _LOCATOR.unpack(tail)
        signature, length64, _, _, *disks64, here64, total64, size64, start64 = _END64.unpack(
            _at(file, end + _END64.size, _END64.size)
        )
        if record != end or signature != b"PK\6\6" or length64 != _END64.size - 12:
            raise ZipIndexError("has more than one table of contents")
        short = ((here, here64), (total, total64), (size, size64), (start, start64))
        if any(a not in (b, _IN_EXTRA16, _IN_EXTRA32) for a, b in short):
            raise ZipIndexError("has two tables of contents that differ")
        disks += [first_disk, *disks64, num_disks - min(num_disks, 1)]
        here, total, size, start = here64, total64, size64, start64
    if any(disks) or here != total or start + size != end:
        raise ZipIndexError("has its table of contents somewhere else than it says")
    return total, size, start


def _entry(table: bytes, position: int) -> tuple[Entry, int]:
    fields = _CENTRAL.unpack_from(table, position)
    signature, _, _, flags, method, _, _, checksum, packed, size = fields[:10]
    name_length, extra_length, comment_length, disk, _, attributes, header = fields[10:]
    after = position + _CENTRAL.size
    name = table[after : after + name_length]
    extra = table[after + name_length : after + name_length + extra_length]
    end = after + name_length + extra_length + comment_length
    if signature != b"PK\1\2" or end > len(table):
        raise ZipIndexError("has a damaged table of contents")
    size, packed, header = _long_numbers((size, packed, header), extra)
    if disk:
        raise ZipIndexError("is one part of several")
    # Without the flag names are in an older encoding, of which ASCII is a part.
    text = name.decode("utf-8" if flags & 0x800 else "cp437")
    if size and (attributes & _FOLDER or text.endswith("/")):
        raise ZipIndexError("has an entry that is a folder to some readers and a file to others")
    plain = method == _STORED and not flags & _ENCRYPTED
    return Entry(text, header, 0, packed, size, checksum, plain), end


def _long_numbers(numbers: tuple[int, ...], extra: bytes) -> list[int]:
    """Of size, packed size and place, those that need it are kept in the extra field, in order."""
    long = _zip64_field(extra) if _IN_EXTRA32 in numbers else b""
    found, position = [], 0
    for number in numbers:
        if number != _IN_EXTRA32:
            found.append(number)
            continue
        found.append(int.from_bytes(long[position : position + 8], "little"))
        position += 8
        if position > len(long):
            raise ZipIndexError("lacks the size of an entry")
    return found


def _zip64_field(extra: bytes) -> bytes:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == _ZIP64:
            return extra[position + 4 : position + 4 + length]
        position += 4 + length
    return b""


def _start(file: IO[bytes], entry: Entry) -> int:
    file.seek(entry.header)
    fields = _LOCAL.unpack(file.read(_LOCAL.size))
    signature, _, flags, method, _, _, checksum, packed, size, name_length, extra_length = fields
    name = file.read(name_length)
    extra = file.read(extra_length)
    size, packed = _long_numbers((size, packed), extra)
    same_name = name.decode("utf-8" if flags & 0x800 else "cp437") == entry.name
    plain = method == _STORED and not flags & _ENCRYPTED
    same_sizes = (checksum, packed, size) == (entry.checksum, entry.packed_size, entry.size)
    # A writer that did not know them yet leaves zeros, and gives them after the entry's bytes.
    later = bool(flags & _SIZES_LATER) and (checksum, packed, size) == (0, 0, 0)
    if signature != b"PK\3\4" or not same_name or plain != entry.is_plain:
        raise ZipIndexError("has an entry that is another one by its own header")
    if not (same_sizes or later):
        raise ZipIndexError("has an entry of another size by its own header")
    return entry.header + _LOCAL.size + len(name) + len(extra)


def _at(file: IO[bytes], end: int, size: int) -> bytes:
    """The ``size`` bytes before ``end``."""
    if end < size:
        raise ZipIndexError("is too short")
    file.seek(end - size)
    return file.read(size)
