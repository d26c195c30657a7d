"""Which examples of a data set take part: all, a seeded random subset, or a range."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from landscape.data.dataset import Dataset, Indices


def select_examples(dataset: Dataset, spec: str | int | None, *, seed: int) -> Dataset:
    """Select examples of ``dataset``.

    Parameters
    ----------
    spec
        ``N``: a random subset of N, drawn without replacement by ``seed`` and put back into
        data-set order. For one seed a smaller subset is contained in a larger one.
        ``START:STOP``: examples START to STOP - 1 in data-set order; either may be left out.
        None: all.
    seed
        Of the random subset; not used otherwise.

    Raises
    ------
    ValueError
        ``spec`` is not of these forms, selects nothing or reaches beyond the data.
    """
    if spec is None:
        return replace(dataset, num_available=len(dataset))
    chosen = choose_rows(len(dataset), spec, seed=seed)
    return replace(dataset.take(chosen.places), **chosen.about)


class NoSplitError(ValueError):
    """The data have no such split."""


class ChosenRows(NamedTuple):
    """Places in a data set, ascending, and how they were chosen, in words."""

    places: Indices
    words: str
    num_available: int | None  # of how many they are all, or a random subset; None: neither

    @property
    def about(self) -> dict[str, Any]:
        """The fields of a source that say so."""
        return {"taken": self.words, "num_available": self.num_available}


def choose_rows(available: int, spec: str | int | None, *, seed: int) -> ChosenRows:
    """Places of the examples that ``spec`` selects of ``available``; see ``select_examples``."""
    if spec is None:
        return ChosenRows(np.arange(available), "all", available)
    start, stop = _parse(spec, available)
    if start is not None:
        is_all = stop - start == available
        words = f"examples {start} to {stop - 1}"
        return ChosenRows(np.arange(start, stop), words, available if is_all else None)
    places = np.sort(random_order(available, seed)[:stop])
    if stop == available:
        return ChosenRows(places, "all", available)
    words = f"a random subset of {available:,}, by seed {seed}"
    return ChosenRows(places, words, available)


def random_order(n: int, *seeds: int) -> Indices:
    """Permute 0 … n - 1 at random, as a function of ``seeds`` (non-negative) alone.

    The order that sorts raw 64-bit draws of PCG64: NumPy guarantees that stream for every
    version and platform (NEP 19), which it does not for ``permutation``, nor PyTorch for
    ``randperm``.
    """
    if any(seed < 0 for seed in seeds):
        raise ValueError(f"seed must be a non-negative integer; got {min(seeds)}.")
    draws = np.random.PCG64(seeds).random_raw(n)
    return np.argsort(draws, kind="stable").astype(np.int64)


def _parse(spec: str | int, available: int) -> tuple[int | None, int]:
    text = str(spec).strip()
    match = re.fullmatch(r"(\d+)|(\d*):(\d*)", text)
    if match is None:
        raise ValueError(
            f"examples must be a number N (a random subset) or START:STOP (data-set order); "
            f"got {text!r}."
        )
    if match[1] is not None:
        start, stop = None, int(match[1])
    else:
        start, stop = int(match[2] or 0), int(match[3] or available)
    if stop > available:
        raise ValueError(
            f"examples {text} reach beyond the data, which hold {available}; ask for at most that."
        )
    if stop <= (start or 0):
        raise ValueError(
            f"examples {text} select nothing; give N of at least 1, or START below STOP "
            f"(at most {available})."
        )
    return start, stop
