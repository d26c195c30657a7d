import json
import multiprocessing
import os

import pytest

from landscape.files import (
    OutputError,
    ensure_writable,
    exclusive_lock,
    inside,
    present,
    sha256_of_file,
    write_atomic,
)


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "f.txt"
    write_atomic(path, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.txt"]


def test_folders_are_made_and_bytes_kept(tmp_path):
    path = tmp_path / "a" / "b.bin"
    write_atomic(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"


def test_names_that_are_no_text_are_written_and_read_again(tmp_path):
    name = os.fsdecode(b"net\xff.pt")  # a name of bytes that are no UTF-8, as Python has it
    write_atomic(tmp_path / "f.json", json.dumps({"command": name}, ensure_ascii=False))
    assert json.loads((tmp_path / "f.json").read_text()) == {"command": name}


def test_a_link_is_replaced_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(outside)
    write_atomic(link, "mine")
    assert outside.read_text() == "precious"
    assert not link.is_symlink()


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path):
    folder, outside = tmp_path / "report", tmp_path / "outside"
    (folder / "results").mkdir(parents=True)
    outside.mkdir()
    assert inside(folder, folder / "results" / "a" / "x.json").name == "x.json"
    (folder / "results" / "a").symlink_to(outside)
    with pytest.raises(OutputError, match="leads out of"):
        inside(folder, folder / "results" / "a" / "x.json")


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (lambda p: write_atomic(p / "x", ""), ensure_writable):
        with pytest.raises(OutputError, match="another output with -o"):
            write(tmp_path / "file")


def test_sha256_of_the_empty_file_is_the_known_one(tmp_path):
    (tmp_path / "e").write_bytes(b"")
    assert sha256_of_file(tmp_path / "e").startswith("e3b0c44298fc1c149afbf4c8996fb924")


def _try_lock(path, queue):
    try:
        with exclusive_lock(path):
            queue.put("held")
    except OutputError as error:
        queue.put(str(error))


def test_two_processes_cannot_hold_one_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()  # what is put is there when its process has ended
    with exclusive_lock(tmp_path / ".lock"):
        other = context.Process(target=_try_lock, args=(tmp_path / ".lock", queue))
        other.start()
        other.join()
    assert not queue.empty()
    assert "in use by another run" in queue.get()
    with exclusive_lock(tmp_path / ".lock"):
        pass


def test_who_is_present_knows_whether_it_is_alone(tmp_path):
    path = tmp_path / "runs" / ".studies.lock"
    with present(path) as first_is_alone:
        assert first_is_alone()
        with present(path) as second_is_alone:
            assert not first_is_alone()
            assert not second_is_alone()
        assert first_is_alone()
