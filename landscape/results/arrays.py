"""Arrays of results: the shapes that their fields declare, and their file, read within bounds."""

import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from landscape.values import LARGEST

Array = NDArray[np.float64]

_MAX_BYTES = 128 * 2**20  # of all arrays of a result together
_MAX_ENTRIES = 1000


class Shape:
    """The shape of an array in a field's type: ``Annotated[Array, Shape("X", "Y")]``.

    Parameters
    ----------
    sizes
        Numbers, or letters: a letter is one size throughout an object, 0 only if it is lower case.
    measured
        Whether values may be NaN or infinite: where a loss was.
    ascending
        Whether each value exceeds the one before it.
    """

    def __init__(self, *sizes: str | int, measured: bool = False, ascending: bool = False) -> None:
        self.sizes = sizes
        self.measured = measured
        self.ascending = ascending

    def checked(self, array: Array) -> Array:
        """``array``, with numbers too large to calculate with as infinity where that may be.

        Raises
        ------
        ValueError
            If it is none of this shape, or holds values that it may not.
        """
        fits = array.ndim == len(self.sizes) and all(
            size == wanted if isinstance(wanted, int) else size >= wanted.isupper()
            for size, wanted in zip(array.shape, self.sizes, strict=True)
        )
        if not fits:
            wanted = ", ".join(map(str, self.sizes))
            raise ValueError(f"an array of shape ({wanted}) is expected, not {array.shape}")
        if self.measured:
            large = np.abs(array) > LARGEST
            return np.where(large, np.copysign(np.inf, array), array) if large.any() else array
        if not (np.abs(array) <= LARGEST).all():
            raise ValueError(f"an array holds values that are not finite or beyond {LARGEST:g}")
        if self.ascending and not (np.diff(array) > 0).all():
            raise ValueError("an array must ascend")
        return array


@dataclass
class StoredArrays:
    """The arrays in an ``.npz`` file, each read when it is asked for, all within a size."""

    path: Path
    _archive: zipfile.ZipFile | None = None
    _left: int = _MAX_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._archive is not None:
            self._archive.close()

    def read(self, name: str) -> Array:
        """The array of that name.

        Raises
        ------
        ValueError
            If there is none, it holds something else than real numbers, or it is too large; by
            its header, before it is read.
        """
        if self._archive is None:
            self._archive = self._opened()
        try:
            entry = self._archive.getinfo(f"{name}.npy")
        except KeyError:
            raise ValueError(f"{self.path.name} has no array {name!r}") from None
        try:
            with self._archive.open(entry) as file:
                self._take(*_header(file))
            with self._archive.open(entry) as file:
                array = npy.read_array(file, allow_pickle=False)
        except (EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path.name}: {error}") from error
        return np.asarray(array, dtype=np.float64)

    def _opened(self) -> zipfile.ZipFile:
        if not self.path.is_file():
            raise ValueError(f"{self.path.name}, which holds its arrays, is missing")
        if self.path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{self.path.name} is larger than {_MAX_BYTES // 2**20} MiB")
        try:
            archive = zipfile.ZipFile(self.path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{self.path.name}: {error}") from error
        if len(archive.namelist()) > _MAX_ENTRIES:
            archive.close()
            raise ValueError(f"{self.path.name} has more than {_MAX_ENTRIES} entries")
        return archive

    def _take(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        if dtype.kind not in "fiu" or dtype.itemsize > 8:
            raise ValueError(f"{self.path.name} holds an array of {dtype}, not of numbers")
        size = 8 * math.prod(shape)  # of whole numbers of any length: NumPy's product would wrap
        if min(shape, default=0) < 0 or size > self._left:
            raise ValueError(
                f"{self.path.name} declares arrays of more than {_MAX_BYTES // 2**20} MiB"
            )
        self._left -= size


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"an array follows version {version} of NumPy's format")
    shape, _, dtype = readers[version](file)
    return shape, dtype
