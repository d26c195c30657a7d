"""An archive is read only where all rules for reading it agree."""

import io
import struct
import zipfile

import hostile
import pytest
import torch

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint


@pytest.fixture
def archive():
    return bytearray(hostile.saved({"w": torch.arange(6.0)}))


@pytest.fixture
def broken(tmp_path, refused):
    """Expect that an archive is refused, both to show and to load."""

    def check(data, *fragments):
        path = tmp_path / "x.pt"
        path.write_bytes(data)
        for call in (inspect_checkpoint, load_checkpoint):
            refused(lambda call=call: call(path), *fragments)

    return check


def put(data, position, form, value):
    struct.pack_into(form, data, position, value)
    return data


def find_table(data):
    return data.index(b"PK\1\2")


@pytest.mark.parametrize("before", [b"x", b"PK\3\4" + bytes(26)])
def test_bytes_before_the_archive(archive, broken, before):
    broken(before + archive)


def test_bytes_after_the_archive(archive, broken):
    broken(archive + b"x", "does not end where an archive ends")
    comment = put(archive, len(archive) - 2, "<H", 3) + b"abc"
    broken(comment, "does not end where an archive ends")


def test_second_table_of_contents(archive, broken):
    """One of 46 bytes or more put in front of the end, as a reader that looks there finds it."""
    end = archive.index(b"PK\6\6")
    table = archive[find_table(archive) : end]
    broken(archive[:end] + table + archive[end:], "more than one table of contents")


def test_end_records_that_differ(archive, broken):
    broken(put(archive, len(archive) - 12, "<H", 3), "two tables of contents that differ")


def test_locator_that_points_elsewhere(archive, broken):
    place = archive.index(b"PK\6\7") + 8
    broken(put(archive, place, "<Q", 0), "more than one table of contents")


@pytest.mark.parametrize(
    ("offset", "form", "value", "fragment"),
    [
        (8, "<H", 0x0809, "compressed or encrypted"),
        (8, "<H", 0x2808, "compressed or encrypted"),
        (10, "<H", 8, "compressed or encrypted"),
        (20, "<L", 10, "damaged"),
        (24, "<L", 10, "damaged"),
        (20, "<L", 2**32 - 1, "lacks the size of an entry"),
        (34, "<H", 1, "one part of several"),
        (38, "<L", 0x10, "a folder to some readers"),
        (42, "<L", 64, "another one by its own header"),
        (42, "<L", 2**31, "damaged"),
    ],
)
def test_entries_that_lie(archive, broken, offset, form, value, fragment):
    broken(put(archive, find_table(archive) + offset, form, value), fragment)


def test_entries_that_share_bytes(archive, broken):
    """Two storages over one place: the second header would have to lie in the first's bytes."""
    inner = hostile.local_header(b"archive/data/1", b"12345678")
    outer = hostile.local_header(b"archive/data/0", inner)
    pickle = hostile.entries_of({})[0][1]
    body = hostile.local_header(b"archive/data.pkl", pickle)
    table = hostile.central_header(b"archive/data.pkl", pickle, 0)
    table += hostile.central_header(b"archive/data/0", inner, len(body))
    table += hostile.central_header(b"archive/data/1", b"12345678", len(body) + len(outer) - 52)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, len(table), len(body) + len(outer), 0)
    broken(body + outer + table + end, "overlap")


@pytest.mark.parametrize("large", [False, True])
def test_archives_by_zipfile_are_read(tmp_path, same, large):
    """As they come out of tools that unpack and pack again, with long sizes or without."""
    target = tmp_path / "x.pt"
    with zipfile.ZipFile(target, "w") as new:
        for name, data in hostile.entries_of({"w": torch.arange(6.0)}):
            with new.open(name.decode(), "w", force_zip64=large) as entry:
                entry.write(data)
    same(load_checkpoint(target).state, {"w": torch.arange(6.0)})


def test_archive_written_into_a_pipe_is_read(tmp_path, same):
    """Sizes then follow the bytes of each entry."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as new:
        for name, data in hostile.entries_of({"w": torch.arange(6.0)}):
            new.writestr(name.decode(), data)
    (tmp_path / "x.pt").write_bytes(pipe.data)
    same(load_checkpoint(tmp_path / "x.pt").state, {"w": torch.arange(6.0)})


def test_big_endian_weights(tmp_path, same):
    state = {"w": torch.arange(6.0), "n": torch.tensor([1, 258]), "c": torch.tensor([1 + 2j])}
    swapped = {
        name: torch.from_numpy(t.numpy().byteswap()) for name, t in state.items()
    }  # its own bytes, read by another machine
    target = tmp_path / "x.pt"
    with zipfile.ZipFile(target, "w") as new:
        for name, data in hostile.entries_of(swapped):
            new.writestr(name.decode(), b"big" if name.endswith(b"byteorder") else data)
    same(load_checkpoint(target).state, state)
