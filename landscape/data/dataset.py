"""Labelled examples in memory, with the names and digests that make a result reproducible."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from landscape.distributed import rank, world_size
from landscape.nests import cast

Indices = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """A pair: examples' inputs and their targets, evaluated together."""

    inputs: Tensor
    targets: Tensor


def cut(inputs: Tensor, targets: Tensor, size: int) -> list[Batch]:
    """Examples in batches of ``size``; the last may be smaller, and none is empty."""
    rows = range(0, len(inputs), size)
    return [Batch(inputs[k : k + size], targets[k : k + size]) for k in rows]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Examples of one split, all of it or a selection.

    Attributes
    ----------
    name
        What was asked for: ``fashion-mnist``, a file, a factory.
    source
        Which copy was used, in words.
    split
        ``train`` or ``test``.
    inputs
        Shape (N, ...); images are (N, 1, 28, 28), float32, in [0, 1].
    targets
        Shape (N,) int64 class labels, or (N, ...) floats to regress on.
    num_classes
        Of the whole data set; None for regression.
    indices
        Shape (N,), int64: the place of each example in the split that it was taken from.
    taken
        Which examples of the split these are, in words.
    num_available
        Of how many these are all, or a random subset; None: they were chosen by their places.
    """

    name: str
    source: str
    split: str
    inputs: Tensor
    targets: Tensor
    num_classes: int | None
    indices: Indices
    taken: str = "all"
    num_available: int | None = None

    def __post_init__(self) -> None:
        if not len(self.inputs) == len(self.targets) == len(self.indices):
            raise ValueError(
                f"{self.name} ({self.split}): inputs, targets and indices must be of one length; "
                f"got {len(self.inputs)}, {len(self.targets)} and {len(self.indices)}."
            )
        if len(self.inputs) == 0:
            raise ValueError(f"{self.name} ({self.split}) holds no examples; give at least one.")

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the inputs and targets held: type, shape and little-endian bytes of each."""
        digest = hashlib.sha256()
        for tensor in (self.inputs, self.targets):
            _update(digest, tensor.detach().cpu().numpy())
        return digest.hexdigest()

    @cached_property
    def indices_sha256(self) -> str:
        """SHA-256 of ``indices``, in their order: equal if and only if the same examples."""
        digest = hashlib.sha256()
        _update(digest, self.indices)
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 of the examples and of their places in the data."""
        return hashlib.sha256(f"{self.sha256} {self.indices_sha256}".encode()).hexdigest()

    @property
    def in_own_batches(self) -> bool:
        """Whether the batches are the user's own; those of arrays are not."""
        return False

    def batches(self, size: int, dtype: torch.dtype, device: torch.device) -> list[Batch]:
        """This process's examples as pairs, cast, in batches of at most ``size``."""
        own = slice(rank(), None, world_size())
        inputs, targets = cast((self.inputs[own], self.targets[own]), dtype, device)
        return cut(inputs, targets, size)

    def head(self, size: int, dtype: torch.dtype, device: torch.device) -> Batch:
        """The first ``size`` examples of all processes, cast."""
        return Batch(*cast((self.inputs[:size], self.targets[:size]), dtype, device))

    def outline(self) -> str:
        """What an example looks like: for messages."""
        shapes = " and ".join(str(tuple(a.shape[1:])) for a in (self.inputs, self.targets))
        return f"an example of input and target of shapes {shapes}"

    def take(self, positions: Indices) -> Self:
        """Examples at ``positions``, shape (n,), counted within this data set, in that order."""
        rows = torch.from_numpy(positions)
        return replace(
            self,
            inputs=self.inputs[rows],
            targets=self.targets[rows],
            indices=self.indices[positions],
        )


def _update(digest: "hashlib._Hash", array: npt.NDArray[np.generic]) -> None:
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest.update(f"{array.dtype.str} {array.shape};".encode())
    digest.update(array.data.cast("B"))
