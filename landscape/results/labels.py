"""Labels of checkpoints: what they tell of a training run, and how they are kept apart."""

import re
from collections.abc import Sequence
from pathlib import PurePath

# At the start of a label a seed is spelled out: s4 and s5 are networks.
_SEED = re.compile(r"(?:[-_.]s(?:eed)?|^seed)[-_=]?(\d+)(?=$|[-_.])")
_EPOCH = re.compile(r"(?:[-_.]e(?:p|poch)?|^epoch)[-_=]?(\d+)(?=$|[-_.])")


def recipe_of(label: str) -> str:
    """A checkpoint's label less its seed (``-s3``) and epoch (``-e10``): what its twins share."""
    rest = _EPOCH.sub("", _SEED.sub("", label))
    return label if rest == label else rest.lstrip("-_.") or label


def seed_in(label: str) -> int | None:
    """The seed that a label tells."""
    return _number(_SEED, label)


def epoch_in(label: str) -> int | None:
    """The epoch that a label tells."""
    return _number(_EPOCH, label)


def _number(pattern: re.Pattern[str], label: str) -> int | None:
    found = pattern.search(label)
    return int(found[1]) if found else None


def told_apart(labels: Sequence[str], files: Sequence[PurePath]) -> list[str]:
    """``labels`` with as many of the files' folders before them as tell them apart, else numbers.

    Folders that a label starts with already are not repeated.
    """
    deepest = max((len(file.parts) for file in files), default=0)
    choices = [
        [_below(label, file, depth) for label, file in zip(labels, files, strict=True)]
        for depth in range(deepest + 1)
    ]
    names = max(choices, key=lambda names: len(set(names)))  # the shortest of the best
    taken: set[str] = set()
    return [free_label(name, taken) for name in names]


def free_label(label: str, taken: set[str]) -> str:
    """``label``, or with the first number from 2 on that is not ``taken``; which it then is."""
    candidate, number = label, 2
    while candidate in taken:
        candidate, number = f"{label}-{number}", number + 1
    taken.add(candidate)
    return candidate


def _below(label: str, file: PurePath, depth: int) -> str:
    folders = [_safe(folder) for folder in file.parts[:-1]][-depth:] if depth else []
    whole, own = "-".join([*folders, _safe(file.stem)]), _safe(label)
    return whole if whole.endswith(own) else "-".join([*folders, own])


def _safe(text: str) -> str:
    """Letters, digits, dot, dash and underscore: what names a folder on every system."""
    cleaned = "".join(c if c.isalnum() or c in "._-" else "_" for c in text).strip(".")
    return cleaned or "checkpoint"
