import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landscape.data.idx import read_idx, read_labelled_images


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=4), gz=st.booleans())
def test_read_idx_inverts_writing(shape, gz, write_idx):
    array = (np.arange(np.prod(shape)) % 256).astype(np.uint8).reshape(shape)
    path = write_idx("a.gz" if gz else "a", shape, array.tobytes())
    np.testing.assert_array_equal(read_idx(path, ndim=len(shape)), array)


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize(
    ("shape", "payload", "message"),
    [
        ((2, 3), b"12345", "is truncated: its header states 2 x 3 values"),
        ((2, 3), b"1234567", "has bytes past its end"),
        ((6,), b"123456", "must hold unsigned bytes .* with 2 axes; .* with 1 axes"),
    ],
)
def test_damage_is_named(name, shape, payload, message, write_idx):
    with pytest.raises(ValueError, match=message):
        read_idx(write_idx(name, shape, payload), ndim=2)


def test_other_types_are_refused(write_idx):
    with pytest.raises(ValueError, match=r"type 0x0d"):
        read_idx(write_idx("a", (1,), b"1234", kind=0x0D), ndim=1)


@pytest.mark.parametrize("raw", [b"", b"\x00", b"PK\x03\x04rest"])
def test_foreign_and_empty_files_are_refused(raw, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is not an IDX file"):
        read_idx(path, ndim=1)


def test_a_header_cut_short_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\0\0\x08\x03\0\0\0\x01")
    with pytest.raises(ValueError, match=r"ends within its header of 16 bytes"):
        read_idx(path, ndim=3)


def test_no_prefix_of_a_gzip_file_is_read(write_idx):
    path = write_idx("a.gz", (40,), bytes(range(40)))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"Fetch it again"):
            read_idx(path, ndim=1)


def test_gzip_damage_is_named(write_idx):
    path = write_idx("a.gz", (40,), bytes(range(40)))
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 0xFF  # within the checksum
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"is not a sound gzip file: CRC check failed"):
        read_idx(path, ndim=1)


def test_images_and_labels_must_agree(write_idx):
    images = write_idx("images", (2, 1, 1), b"ab")
    with pytest.raises(ValueError, match=r"holds 2 images but .* holds 3 labels"):
        read_labelled_images(images, write_idx("labels", (3,), b"\0\1\2"), 10)
    with pytest.raises(ValueError, match=r"label 10 of example 1 must lie in \[0, 9\]"):
        read_labelled_images(images, write_idx("labels", (2,), b"\x00\x0a"), 10)
