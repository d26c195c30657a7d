"""Examples as their users have them, ready to be analysed: arrays, data sets, loaders, streams.

What can be drawn from at random is: a subset by the seed. What can only be read in order is read
from its start, in whole batches, until there are enough: endless streams work.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count, islice
from typing import Any, Protocol

import torch

from landscape.data.reread import Reread
from landscape.distributed import rank, world_size
from landscape.memory import free_memory
from landscape.nests import (
    Nest,
    as_tensors,
    cast,
    describe,
    digest,
    map_tensors,
    num_rows,
    take_rows,
    tensors_in,
)
from landscape.seeds import seeded

Told = Callable[[int, int | None], None]  # examples read, and wanted; None: to the end

_OF_MEMORY = 0.5  # of what is free: batches in another type are cast, and there twice for a while

_CPU, _END = torch.device("cpu"), object()


class Source(Protocol):
    """Chosen examples of a data set, in batches."""

    @property
    def name(self) -> str:
        """What was asked for."""

    @property
    def source(self) -> str:
        """Which copy, in words."""

    @property
    def split(self) -> str:
        """``train`` or ``test``."""

    @property
    def taken(self) -> str:
        """Which of its examples, in words: all, a random subset, the first N."""

    @property
    def num_available(self) -> int | None:
        """Of how many they are all, or a random subset; None: they were chosen by their places."""

    @property
    def digest(self) -> str:
        """SHA-256 of the examples and of their places in the data."""

    @property
    def in_own_batches(self) -> bool:
        """Whether the batches are the user's own, which no number of processes changes."""

    def __len__(self) -> int:
        """Examples, over all processes."""

    def batches(self, size: int, dtype: torch.dtype, device: torch.device) -> Sequence[Nest]:
        """This process's examples, cast, in batches of ``size`` where they are not the user's."""

    def head(self, size: int, dtype: torch.dtype, device: torch.device) -> Nest:
        """The first ``size`` examples of all processes, or the user's first batch, cast."""

    def outline(self) -> str:
        """What an example or a batch looks like: for messages."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A nest of arrays that share the first dimension, one row an example."""

    name: str
    source: str
    split: str
    taken: str
    num_available: int | None
    nest: Nest

    in_own_batches = False

    def __len__(self) -> int:
        rows = num_rows(self.nest)
        assert rows is not None
        return rows

    @cached_property
    def digest(self) -> str:
        return digest(self.nest)

    def batches(self, size: int, dtype: torch.dtype, device: torch.device) -> list[Nest]:
        own = cast(take_rows(self.nest, slice(rank(), None, world_size())), dtype, device)
        rows = num_rows(own) or 0
        return [take_rows(own, slice(k, k + size)) for k in range(0, rows, size)]

    def head(self, size: int, dtype: torch.dtype, device: torch.device) -> Nest:
        return cast(take_rows(self.nest, slice(0, size)), dtype, device)

    def outline(self) -> str:
        return f"an example: {describe(map_tensors(lambda t: t[0], self.nest))}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """Batches in the order in which a loader, a generator or a list gives them.

    Attributes
    ----------
    read
        Gives the batches, from the first on, each time it is called.
    kept
        The batches themselves; None: they are read again at each pass.
    """

    name: str
    source: str
    split: str
    taken: str
    num_available: int | None
    read: Callable[[], Iterator[Nest]]
    kept: Sequence[Nest] | None
    digests: tuple[str, ...]
    sizes: tuple[int, ...]
    first: Nest

    in_own_batches = True

    def __len__(self) -> int:
        return sum(self.sizes)

    @property
    def digest(self) -> str:
        return hashlib.sha256(" ".join(self.digests).encode()).hexdigest()

    def batches(self, size: int, dtype: torch.dtype, device: torch.device) -> Sequence[Nest]:
        own = slice(rank(), None, world_size())
        if self.kept is not None:
            return [cast(batch, dtype, device) for batch in self.kept[own]]
        start, step, stop = rank(), world_size(), len(self.digests)
        return Reread(
            lambda: islice(self.read(), start, stop, step),
            self.digests[own],
            self.sizes[own],
            dtype,
            device,
        )

    def head(self, size: int, dtype: torch.dtype, device: torch.device) -> Nest:
        return cast(self.first, dtype, device)

    def outline(self) -> str:
        return f"a batch: {describe(self.first)}"


def read_stream(
    make: Callable[[], Iterable[Any]],
    *,
    name: str,
    source: str,
    split: str,
    most: int | None,
    seed: int,
    keep: str,
    told: Told,
    may_be_endless: bool,
) -> Stream:
    """Read whole batches until they hold ``most`` examples; None: to the end.

    Random numbers drawn by the loader, as for shuffling, are those of ``seed``; the caller's own
    are afterwards where they were. ``told`` hears of each batch.

    Raises
    ------
    ValueError
        If there is no batch, or those kept of what may be endless take half of the free memory.
    """
    read = partial(_batches_of, make, seed)
    kept: list[Nest] = []
    digests: list[str] = []
    sizes: list[int] = []
    first: Nest = None
    ended, total, room = True, 0, free_memory(_CPU, _OF_MEMORY)
    for batch in read():
        if not digests:
            first = batch
        if keep == "memory" and may_be_endless:
            room -= sum(t.numel() * t.element_size() for t in tensors_in(batch))
            if room < 0:
                raise ValueError(
                    f"the batches read so far, {total:,} examples, take more than half of the free "
                    "memory, and go on: do they ever end? Take the first N of them (--examples N, "
                    "examples=N in Python), or hold one batch at a time (--keep reread)."
                )
        if keep == "memory":
            kept.append(batch)
        digests.append(digest(batch))
        sizes.append(num_rows(batch) or 1)
        total += sizes[-1]
        told(total, most)
        if most is not None and total >= most:
            ended = False
            break
    if not digests:
        raise ValueError(
            "data must hold at least one batch with an example in it; the iterable gave none. A "
            "generator can be read once only: give a list of batches, or a function that makes it."
        )
    examples = f"{total:,} example{'s' if total > 1 else ''}"
    number = f"{examples} in {len(sizes)} batch{'es' if len(sizes) > 1 else ''}"
    return Stream(
        name=name,
        source=source,
        split=split,
        taken=f"all {number}" if ended else f"the first {number}, in the order that they came in",
        num_available=total if ended else None,
        read=read,
        kept=kept if keep == "memory" else None,
        digests=tuple(digests),
        sizes=tuple(sizes),
        first=first,
    )


def _batches_of(make: Callable[[], Iterable[Any]], seed: int) -> Iterator[Nest]:
    """As they come, but for those without an example: the mean over none is no number."""
    with seeded(_CPU, seed):
        stream = iter(make())
    for index in count():
        with seeded(_CPU, seed, index):
            batch = next(stream, _END)
        if batch is _END:
            return
        tensors = as_tensors(batch)
        if num_rows(tensors) != 0:
            yield tensors
