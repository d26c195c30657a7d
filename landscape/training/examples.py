"""The examples of a training: opened, cast, on the device, and dealt out in any order."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from landscape.checkpoint.model_folders import folder_of
from landscape.data.choice import Choice
from landscape.data.choosing import open_source
from landscape.data.dataset import Dataset
from landscape.data.selection import NoSplitError
from landscape.data.source import Source
from landscape.nests import Nest, num_rows, take_rows
from landscape.training.config import TrainConfig

_EVALUATION_BATCH = 250


class Examples:
    """Examples in memory, in batches of any size, or in a user's own.

    Parameters
    ----------
    source
        Whole.
    dtype, device
        That they are cast to.
    """

    def __init__(self, source: Source, dtype: torch.dtype, device: torch.device) -> None:
        batches = list(source.batches(len(source), dtype, device))
        self.device = device
        self.num_examples = len(source)
        self._own: Sequence[Nest] | None = batches if source.in_own_batches else None
        self._rows: Nest = None if source.in_own_batches else batches[0]

    def __len__(self) -> int:
        """What is dealt out: examples, or batches of the user's own."""
        return self.num_examples if self._own is None else len(self._own)

    @property
    def is_one_batch(self) -> bool:
        """Whether they are one batch of the user's own, whose weight among others is no matter."""
        return self._own is not None and len(self._own) == 1

    def first(self) -> Self:
        """As many of them as tell how long a loss takes: two batches of an evaluation, or one."""
        few = copy.copy(self)
        if self._own is not None:
            few._own = self._own[:1]
            few.num_examples = num_rows(few._own[0]) or 1
        else:
            few.num_examples = min(self.num_examples, 2 * _EVALUATION_BATCH)
            few._rows = take_rows(self._rows, slice(0, few.num_examples))
        return few

    def num_steps(self, config: TrainConfig) -> int:
        """Steps of an epoch."""
        return len(self) if self._own is not None else num_steps(len(self), config)

    def dealt(self, order: Tensor, config: TrainConfig) -> Iterator[Nest]:
        """The batches of an epoch in which examples come in ``order``, shape (n,)."""
        for k in range(self.num_steps(config)):
            if self._own is not None:
                yield self._own[int(order[k])]
            else:
                rows = order[k * config.batch_size : (k + 1) * config.batch_size]
                yield take_rows(self._rows, rows)

    def in_order(self) -> Iterator[Nest]:
        """All of them, in batches fit to be evaluated."""
        if self._own is not None:
            yield from self._own
            return
        for start in range(0, len(self), _EVALUATION_BATCH):
            yield take_rows(self._rows, slice(start, start + _EVALUATION_BATCH))


def num_steps(num_examples: int, config: TrainConfig) -> int:
    """Steps of an epoch over examples that are not in batches of their own."""
    whole, rest = divmod(num_examples, config.batch_size)
    return whole + (rest > 0 and not config.drop_last)


def training_source(config: TrainConfig, data_dir: Path | None) -> Source:
    """The examples to train on.

    Raises
    ------
    ValueError
        If they cannot be opened, are too few, or do not fit the published network.
    """
    number = "all" if config.images is None else config.images
    choice = Choice(split="train", examples=number, seed=config.data_seed, at_most=True)
    source = open_source(config.data, choice, data_dir=data_dir, tokenizer=folder_of(config.model))
    if config.model is None:
        _check_published(source, config)
    if not source.in_own_batches and num_steps(len(source), config) == 0:
        raise ValueError(
            f"batch_size must be at most {len(source)}, the number of images, since the last "
            f"partial batch is left out; got {config.batch_size}."
        )
    return source


def held_out_source(config: TrainConfig, data_dir: Path | None) -> Source | None:
    """The whole test split; None: the data have none."""
    choice = Choice(split="test", examples="all", seed=0)
    try:
        return open_source(
            config.data, choice, data_dir=data_dir, tokenizer=folder_of(config.model)
        )
    except NoSplitError:
        return None


def fingerprint(source: Source) -> str:
    """By which a training that goes on knows its examples again."""
    return source.sha256 if isinstance(source, Dataset) else source.digest


def _check_published(source: Source, config: TrainConfig) -> None:
    if config.images is not None and config.images > len(source):
        raise ValueError(
            f"images must be at most {len(source)}, the training images in the {source.source}; "
            f"got {config.images}. Use fewer, name a folder of the full data with --data-dir, or "
            "get them with: landscape data fetch fashion-mnist"
        )
    num_classes = source.num_classes if isinstance(source, Dataset) else None
    if num_classes is None or num_classes > 10:
        raise ValueError(
            f"{source.name} must have class labels from 0 to 9, one for each output of the "
            f"network; it has {num_classes or 'no'} classes. Use other data."
        )
