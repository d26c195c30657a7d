"""Examples one by one, of unequal length: lines of JSON, and folders that ``datasets`` saved.

Texts become the tokens of the network's own tokenizer. Rows are padded to the longest: tokens with
the tokenizer's own, the attention mask with 0, labels with -100, which asks for nothing.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from landscape.data.choice import Choice
from landscape.data.selection import NoSplitError, choose_rows
from landscape.data.source import Rows
from landscape.extras import library

IDS, MASK, LABELS = "input_ids", "attention_mask", "labels"

_LINES = (".jsonl", ".ndjson")
_SAVED = ("state.json", "dataset_dict.json")  # of one data set, and of one for each split
_IGNORED = -100
_TEXT, _TARGET, _LABEL = "text", "target", "label"
_LONGEST = 100_000  # tokens; a tokenizer without a limit gives a number beyond all texts
_POSITIONS = ("max_position_embeddings", "n_positions")


def is_records(spec: str) -> bool:
    """Whether ``spec`` is a file of JSON lines, or a folder that ``datasets`` saved."""
    if spec.endswith(_LINES):
        return True
    return any(os.path.isfile(os.path.join(spec, name)) for name in _SAVED)


def read_records(spec: str, choice: Choice, tokenizer: Path | None) -> Rows:
    """The chosen examples, as a dictionary of arrays with one row an example.

    Parameters
    ----------
    tokenizer
        Folder of the network's tokenizer, which texts need; None: there is none.

    Raises
    ------
    ValueError
        If there is no such split, a line is no JSON object, or examples differ in their entries.
    """
    path = Path(spec)
    items = _lines(path, choice.split) if spec.endswith(_LINES) else _saved(path, choice.split)
    if not len(items):
        raise ValueError(f"{spec} holds no examples; give at least one.")
    chosen = choose_rows(len(items), choice.rows(len(items)), seed=choice.seed)
    examples = [_record(items, place, spec) for place in chosen.places.tolist()]
    names = list(examples[0])
    if odd := next((k for k, e in enumerate(examples) if e.keys() != examples[0].keys()), None):
        place = int(chosen.places[odd])
        raise ValueError(
            f"{spec}: all examples must have the same entries; number {place + 1} has "
            f"{', '.join(examples[odd])}, the first {', '.join(names)}."
        )
    columns = {name: [example[name] for example in examples] for name in names}
    nest = _padded(*_tokenised(columns, spec, tokenizer), spec)
    kind = "lines" if path.is_file() else "datasets folder"
    return Rows(
        name=spec,
        source=f"{kind} of {spec}, {len(items):,} examples",
        split=choice.split,
        nest=nest,
        **chosen.about,
    )


def _lines(path: Path, split: str) -> Sequence[str]:
    if split != "train":
        raise NoSplitError(f"{path} has one split; give the file of the {split} split as --data.")
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error


def _saved(path: Path, split: str) -> Any:
    datasets = library("datasets", f"the saved data set {path}")
    found = datasets.load_from_disk(str(path))
    if isinstance(found, Mapping):
        if split not in found:
            raise NoSplitError(f"{path} has no {split} split, only {', '.join(found)}.")
        return found[split]
    if split != "train":
        raise NoSplitError(f"{path} has one split; give the folder of the {split} split as --data.")
    return found


def _record(items: Any, place: int, spec: str) -> Mapping[str, Any]:
    item = items[place]
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except ValueError as error:
            raise ValueError(f"{spec}: example {place + 1} is no JSON ({error}).") from error
        item = {_TEXT: item} if isinstance(item, str) else item
    if not isinstance(item, Mapping):
        raise ValueError(
            f"{spec}: example {place + 1} must be an object, such as "
            '{"text": "…"} or {"input_ids": […], "labels": […]}.'
        )
    return item


class _Filled(NamedTuple):
    columns: dict[str, list[Any]]
    pad: int  # the token


def _tokenised(columns: dict[str, list[Any]], spec: str, folder: Path | None) -> _Filled:
    """Texts as tokens; what is to be predicted under ``labels``."""
    if _LABEL in columns and LABELS not in columns:
        columns[LABELS] = columns.pop(_LABEL)
    if IDS in columns or not _is_text(columns.get(_TEXT)):
        if IDS in columns and MASK not in columns:
            columns[MASK] = [[1] * len(row) for row in columns[IDS]]
        return _Filled(columns, 0)
    if folder is None:
        raise ValueError(
            f"{spec} holds texts, which need the tokenizer of a Hugging Face folder: give the "
            "folder as the checkpoint, or --model hf:FOLDER."
        )
    transformers = library("transformers", "a tokenizer")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{folder} holds no tokenizer that can be read ({str(error).splitlines()[0]}). Save it "
            "there (tokenizer.save_pretrained), or give tokens: input_ids in place of text."
        ) from error
    limit = _longest(folder, tokenizer)
    cut = {"truncation": True, "max_length": limit} if limit else {}
    texts = columns.pop(_TEXT)
    tokens = tokenizer(texts, **cut)
    columns = dict(tokens) | columns
    if LABELS not in columns and _is_text(columns.get(_TARGET)):
        columns[LABELS] = tokenizer(text_target=columns.pop(_TARGET), **cut)[IDS]
    if LABELS not in columns:
        columns[LABELS] = [list(row) for row in columns[IDS]]  # each token is to be predicted
    pad = next((t for t in (tokenizer.pad_token_id, tokenizer.eos_token_id) if t is not None), 0)
    return _Filled(columns, int(pad))


def _is_text(column: list[Any] | None) -> bool:
    return bool(column) and all(isinstance(value, str) for value in column or ())


def _longest(folder: Path, tokenizer: Any) -> int | None:
    """How many tokens the network takes, where that is said."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    limits = [tokenizer.model_max_length, *(config.get(name) for name in _POSITIONS)]
    return min((n for n in limits if isinstance(n, int) and 0 < n < _LONGEST), default=None)


def _padded(columns: dict[str, list[Any]], pad: int, spec: str) -> dict[str, Tensor]:
    """Columns of numbers as tensors, rows of unequal length padded at their ends; no texts."""
    fill = {IDS: pad, LABELS: _IGNORED}
    nest = {}
    for name, values in columns.items():
        if any(isinstance(value, str | None | Mapping) for value in values):
            continue  # names and the like: no network takes them
        try:
            rows = [torch.as_tensor(value) for value in values]
            nest[name] = (
                torch.stack(rows)
                if len({row.shape for row in rows}) == 1
                else pad_sequence(rows, batch_first=True, padding_value=fill.get(name, 0))
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{spec}: the entry '{name}' must hold numbers, or a list of numbers, in each "
                f"example ({str(error).splitlines()[0]}). Prepare it, or leave it out."
            ) from error
    if not nest:
        raise ValueError(f"{spec} holds no numbers and no texts under 'text'.")
    return nest
