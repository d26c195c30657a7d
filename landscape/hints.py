"""Parts of messages: what may have been meant by an unknown name, the first few of many names."""

import difflib
from collections.abc import Sequence
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


def close_to(name: str, known: list[str]) -> str:
    """Names among ``known`` that are spelled alike or mean the same; empty: none."""
    plain = "".join(c for c in name.lower() if c.isalnum()).removesuffix("loss")
    other = _ALSO_CALLED.get(plain)
    same = [k for k in known if k in (plain, other) or k.replace("-", "") == plain]
    close = same or difflib.get_close_matches(name, known, n=3)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def arrays_file(name: str) -> str:
    """How to save the arrays of a file that is not read as they are; empty: it is no such file."""
    if not name.endswith(_FILES_OF_ARRAYS):
        return ""
    file = Path(name).with_suffix(".npz")
    return f" Arrays are read from .npz files: np.savez('{file}', x=inputs, y=targets)."
