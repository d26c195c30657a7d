"""From whatever a user calls data to chosen examples: a source of batches."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from operator import length_hint
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset as MapDataset
from torch.utils.data import IterableDataset, default_collate

from landscape.catalog.words import SPLITS
from landscape.data.arrays import from_arrays
from landscape.data.choice import Choice
from landscape.data.dataset import Dataset
from landscape.data.named import is_named, read_named
from landscape.data.opening import is_builtin, open_dataset, open_factory
from landscape.data.records import is_records, read_records
from landscape.data.selection import NoSplitError, choose_rows, select_examples
from landscape.data.source import Rows, Source, Stream, read_stream
from landscape.nests import (
    as_tensors,
    describe,
    is_array,
    is_dense,
    is_graph,
    num_rows,
    take_rows,
    tensors_in,
)
from landscape.seeds import seeded

_SPLIT_NAMES = {*SPLITS, "validation", "valid", "val"}


def source_of(data: Any, choice: Choice) -> Source:
    """The chosen examples of ``data``.

    Parameters
    ----------
    data
        (x, y), or any nest of arrays with one row an example; a ``Dataset``; a ``DataLoader`` or
        other iterable of batches; a function that makes one of these; a dict of these by split; a
        path or name as after ``--data``. A nest whose tensors share no first dimension is a batch.

    Raises
    ------
    ValueError
        If it is none of these, holds nothing, or holds fewer examples than were asked for.
    """
    return _opened(data, choice, "in memory", lambda: data)


def open_source(
    spec: str, choice: Choice, *, data_dir: Path | None = None, tokenizer: Path | None = None
) -> Source:
    """The chosen examples of what a user wrote after ``--data``; see ``open_dataset``.

    A factory may return whatever :func:`source_of` takes. Beside these a file of named arrays,
    lines of JSON and a folder that ``datasets`` saved are read, texts by the ``tokenizer`` of that
    folder.
    """
    if is_named(spec):
        return _arrays(read_named(Path(spec), choice.split), choice, spec)
    if is_records(spec):
        return read_records(spec, choice, tokenizer)
    if is_builtin(spec):
        whole = open_dataset(spec, split=choice.split, data_dir=data_dir)
        return select_examples(whole, choice.rows(len(whole)), seed=choice.seed)
    factory = open_factory(spec)
    made = factory()
    if choice.split != "train" and not _is_by_split(made):
        raise NoSplitError(
            f"{spec} returned no {choice.split} split: return a dict of splits, "
            '{"train": …, "test": …}, or leave --split out.'
        )
    return _opened(made, choice, spec, factory)


def _opened(data: Any, choice: Choice, name: str, again: Callable[[], Any]) -> Source:
    """``again`` gives the same data once more, for streams that are read at each pass."""
    if isinstance(data, Dataset):
        return select_examples(data, choice.rows(len(data)), seed=choice.seed)
    if isinstance(data, Rows | Stream):
        return data
    if isinstance(data, str | PathLike):
        return open_source(fspath(data), choice)
    if _is_by_split(data):
        if choice.split not in data:
            raise NoSplitError(
                f"{name} has no {choice.split} split, only {', '.join(data)}; return "
                '{"train": …, "test": …}, or choose another split.'
            )
        pick = choice.split
        return _opened(data[pick], choice, name, lambda: again()[pick])
    if _is_nest(data):
        return _arrays(as_tensors(data), choice, name)
    if _is_map_style(data):
        return _drawn(data, choice, name)
    if isinstance(data, Iterable):
        return _streamed(
            again, choice, name, type(data).__name__, may_be_endless=length_hint(data, -1) < 0
        )
    if callable(data) and not isinstance(data, nn.Module):
        return _opened(data(), choice, name, lambda: again()())  # noqa: PLW0108  # called late
    raise ValueError(
        f"data must be (x, y) or other arrays with one row an example, a Dataset, a DataLoader or "
        f"other iterable of batches, a path, or a function that makes one of these; got "
        f"{describe(data)}."
    )


def _is_by_split(data: Any) -> bool:
    return isinstance(data, Mapping) and bool(data) and set(data) <= _SPLIT_NAMES


def _is_map_style(data: Any) -> bool:
    if isinstance(data, MapDataset):
        return not isinstance(data, IterableDataset)
    return not isinstance(data, list) and all(hasattr(data, n) for n in ("__getitem__", "__len__"))


def _is_nest(data: Any) -> bool:
    """Arrays, or one batch of any form; a list is many batches, unless it is a pair of arrays."""
    if isinstance(data, list):
        return len(data) == 2 and all(isinstance(v, Tensor) or hasattr(v, "shape") for v in data)
    if isinstance(data, MapDataset) or not tensors_in(as_tensors(data)):
        return False
    # An object that holds tensors and gives batches is a loader.
    return isinstance(data, Tensor | Mapping | tuple) or (
        is_array(data) or is_graph(data) or not hasattr(data, "__iter__")
    )


def _arrays(nest: Any, choice: Choice, name: str) -> Source:
    if isinstance(nest, tuple | list) and len(nest) == 2:
        x, y = nest
        if _is_plain(x) and _is_plain(y):
            pair = from_arrays(
                x, y, name=name, source=_source(name, "arrays"), split=choice.split,
                other_targets=[],
            )  # fmt: skip
            return select_examples(pair, choice.rows(len(pair)), seed=choice.seed)
    rows = num_rows(nest)
    if rows is None:
        return _streamed(lambda: [nest], choice, name, "one batch")
    chosen = choose_rows(rows, choice.rows(rows), seed=choice.seed)
    return Rows(
        name=name,
        source=f"{_source(name, describe(nest))}, {rows:,} examples",
        split=choice.split,
        **chosen.about,
        nest=take_rows(nest, torch.from_numpy(chosen.places)),
    )


def _is_plain(value: Any) -> bool:
    """A dense tensor of real numbers: what a data set of pairs consists of."""
    return (
        isinstance(value, Tensor)
        and is_dense(value)
        and not (value.is_complex() or value.is_quantized)
    )


def _drawn(data: Any, choice: Choice, name: str) -> Source:
    """A random subset of a data set whose items can be had one by one."""
    try:
        available = len(data)
    except TypeError:
        raise ValueError(
            f"the data set {type(data).__name__} has no length, so nothing can be drawn from it. "
            "Give it a __len__, or a DataLoader of it, which is read in order."
        ) from None
    chosen = choose_rows(available, choice.rows(available), seed=choice.seed)
    items = []
    for place in chosen.places.tolist():
        with (
            seeded(torch.device("cpu"), choice.seed, place),  # augmentation, the same each time
            _reading(data, place),
        ):
            items.append(data[place])
    try:
        nest = as_tensors(default_collate(items))
    except (RuntimeError, TypeError, KeyError) as error:
        raise ValueError(
            f"the items of {type(data).__name__} cannot be put into batches as they are "
            f"({str(error).splitlines()[0]}): their shapes or types differ. Give "
            "DataLoader(dataset, batch_size=…, collate_fn=…) in its place."
        ) from error
    if isinstance(nest, list):
        nest = tuple(nest)
    source = f"{_source(name, type(data).__name__)}, {available:,} examples"
    if isinstance(nest, tuple) and len(nest) == 2 and all(map(_is_plain, nest)):
        pair = from_arrays(*nest, name=name, source=source, split=choice.split, other_targets=[])
        return replace(pair, source=source, indices=chosen.places, **chosen.about)
    return Rows(name=name, source=source, split=choice.split, nest=nest, **chosen.about)


@contextmanager
def _reading(data: Any, place: int) -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"item {place} of {type(data).__name__} cannot be read ({type(error).__name__}: "
            f"{reason}). data[i] must give the example i of 0 … {len(data) - 1}."
        ) from error


def _streamed(
    make: Callable[[], Any], choice: Choice, name: str, kind: str, *, may_be_endless: bool = False
) -> Stream:
    most = choice.most()
    stream = read_stream(
        make,
        name=name,
        source=_source(name, kind),
        split=choice.split,
        most=most,
        seed=choice.seed,
        keep=choice.keep,
        told=choice.told,
        may_be_endless=may_be_endless,
    )
    if choice.examples is not None and not choice.at_most and len(stream) < (most or 0):
        raise ValueError(
            f"examples {choice.examples} reach beyond the data, which hold {len(stream)}; ask for "
            "at most that."
        )
    return stream


def _source(name: str, kind: str) -> str:
    return f"{kind} in memory" if name == "in memory" else f"{kind} of {name}"
