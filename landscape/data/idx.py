"""IDX files, the format of the MNIST family: big-endian magic, sizes, then unsigned bytes."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, ndim: int) -> Bytes:
    """Read an IDX file of unsigned bytes with ``ndim`` axes, gzip-compressed or plain.

    Raises
    ------
    ValueError
        The file is not IDX, is of another type or number of axes, or its length is not the one
        that its header states.
    """
    raw = _read_bytes(path)
    header = 4 + 4 * ndim
    if len(raw) < 4 or raw[:2] != b"\0\0":
        raise ValueError(
            f"{path} is not an IDX file: it must begin with two zero bytes, a type and a number "
            f"of axes; it begins with {raw[:4].hex(' ') or 'nothing'}. Fetch it again."
        )
    if raw[2] != _UNSIGNED_BYTE or raw[3] != ndim:
        raise ValueError(
            f"{path} must hold unsigned bytes (type 0x08) with {ndim} axes; its magic number says "
            f"type 0x{raw[2]:02x} with {raw[3]} axes. Are images and labels mixed up?"
        )
    if len(raw) < header:
        raise ValueError(f"{path} ends within its header of {header} bytes. Fetch it again.")
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", count=ndim, offset=4))
    expected = header + math.prod(shape)
    if len(raw) != expected:
        fault = "is truncated" if len(raw) < expected else "has bytes past its end"
        raise ValueError(
            f"{path} {fault}: its header states {' x '.join(map(str, shape))} values, "
            f"{expected} bytes with the header; it holds {len(raw)}. Fetch it again."
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def read_labelled_images(images: Path, labels: Path, num_classes: int) -> tuple[Bytes, Bytes]:
    """Read images, shape (N, rows, columns), and their labels, shape (N,).

    Raises
    ------
    ValueError
        Either file is damaged, the counts differ, or a label is not below ``num_classes``.
    """
    x, y = read_idx(images, ndim=3), read_idx(labels, ndim=1)
    if len(x) != len(y):
        raise ValueError(
            f"{images} holds {len(x)} images but {labels} holds {len(y)} labels; the two must be "
            "of the same split. Fetch both again."
        )
    if len(y) and y.max() >= num_classes:
        place = int(np.argmax(y >= num_classes))
        raise ValueError(
            f"{labels}: label {y[place]} of example {place} must lie in [0, {num_classes - 1}]. "
            "Fetch it again."
        )
    return x, y


def _read_bytes(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except EOFError as error:
        raise ValueError(
            f"{path} is truncated: its gzip stream ends before its end marker. Fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a sound gzip file: {error}. Fetch it again.") from error
