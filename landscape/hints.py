"""Parts of messages: what may have been meant by an unknown name, the first few of many names."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

_ALSO_CALLED = {
    "ce": "cross-entropy",
    "xent": "cross-entropy",
    "softmax": "cross-entropy",
    "l2": "mse",
    "squarederror": "mse",
    "meansquarederror": "mse",
    "negativeloglikelihood": "nll",
}
_FILES_OF_ARRAYS = (".npy", ".csv", ".h5", ".hdf5", ".mat", ".pkl", ".pt", ".pth", ".txt")


def few(names: Sequence[str], most: int = 2) -> str:
    """The first ``most`` of ``names``, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def close_to(name: str, known: Iterable[str]) -> str:
    """Ask whether one of :func:`closest` was meant; empty: there is none."""
    close = closest(name, known)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def closest(name: str, known: Iterable[str]) -> list[str]:
    """The names among ``known``, three at most, that are spelled alike or mean the same.

    Case does not count. Takes time quadratic in the names' lengths, for each of ``known``.
    """
    plain = "".join(c for c in name.lower() if c.isalnum()).removesuffix("loss")
    other = _ALSO_CALLED.get(plain)
    by_lower = {k.lower(): k for k in known}
    same = [k for lower, k in by_lower.items() if plain == lower.replace("-", "") or k == other]
    close = difflib.get_close_matches(name.lower(), by_lower, n=3)
    return same or [by_lower[match] for match in close]


def arrays_file(name: str) -> str:
    """How to save the arrays of a file that is not read as they are; empty: it is no such file."""
    if not name.endswith(_FILES_OF_ARRAYS):
        return ""
    file = Path(name).with_suffix(".npz")
    return f" Arrays are read from .npz files: np.savez('{file}', x=inputs, y=targets)."
