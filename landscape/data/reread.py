"""Batches that are not held: read from their source at each pass."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import torch

from landscape.nests import Nest, cast, digest

_END = object()


class Reread(Sequence[Nest]):
    """Batches that are read from their source again at each pass, and held one at a time.

    Parameters
    ----------
    read
        Gives an iterator over the same batches, from the first on, each time it is called.
    digests
        Of each batch as it was at first.
    sizes
        How many examples each holds.

    Raises
    ------
    ValueError
        On reading, if a batch is not what it was: the sum would be that of no data.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[Nest]],
        digests: Sequence[str],
        sizes: Sequence[int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._read, self._digests, self.sizes = read, list(digests), list(sizes)
        self._dtype, self._device = dtype, device
        self._next = 0
        self._stream: Iterator[Nest] = iter(())

    def __len__(self) -> int:
        return len(self._digests)

    @overload
    def __getitem__(self, index: int) -> Nest: ...
    @overload
    def __getitem__(self, index: slice) -> list[Nest]: ...
    def __getitem__(self, index: int | slice) -> Nest:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index < self._next or self._next == 0:
            self._next, self._stream = 0, self._read()
        while True:
            batch = next(self._stream, _END)
            place, self._next = self._next, self._next + 1
            if batch is _END or digest(batch) != self._digests[place]:
                raise ValueError(
                    f"the data are not the same at a second reading: batch {place + 1} has "
                    "changed. Turn shuffling and random augmentation off (shuffle=False), or keep "
                    "the examples in memory with --keep memory."
                )
            if place == index:
                return cast(batch, self._dtype, self._device)
