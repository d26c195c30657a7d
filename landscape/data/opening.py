"""From what the user wrote after ``--data`` to a data set."""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from landscape.data.arrays import load_npz
from landscape.data.dataset import Dataset
from landscape.data.fashion_mnist import EMBEDDED_NAME, NAME, load_embedded, load_fashion_mnist

SPLITS = ("train", "test")

_BUILTIN: dict[str, Callable[[str, Path | None], Dataset]] = {
    NAME: load_fashion_mnist,
    EMBEDDED_NAME: lambda split, data_dir: load_embedded(split),
}


def open_dataset(spec: str, *, split: str, data_dir: Path | None = None) -> Dataset:
    """Open a whole split.

    Parameters
    ----------
    spec
        ``fashion-mnist`` (the first copy found, see ``landscape.data.fashion_mnist``),
        ``fashion-mnist-embedded`` (always the subset that comes with the package), or an ``.npz``
        file of ``x`` and ``y``.
    split
        ``train`` or ``test``.
    data_dir
        The folder of the built-in data sets' files; None looks in the usual places.

    Raises
    ------
    ValueError
        The name is unknown, the split is missing, or the files are damaged.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}.")
    if spec in _BUILTIN:
        return _BUILTIN[spec](split, data_dir)
    if spec.endswith(".npz"):
        return load_npz(Path(spec), split)
    close = get_close_matches(spec, _BUILTIN, n=1, cutoff=0.4)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"unknown data set {spec!r}; it must be one of {', '.join(_BUILTIN)}, or an .npz file."
        f"{hint}"
    )
