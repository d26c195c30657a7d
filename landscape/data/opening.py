"""From what the user wrote after ``--data`` to a data set."""

from collections.abc import Callable
from pathlib import Path

from landscape.catalog.words import SPLITS
from landscape.data.arrays import from_splits, load_npz
from landscape.data.dataset import Dataset
from landscape.data.fashion_mnist import EMBEDDED_NAME, NAME, load_embedded, load_fashion_mnist
from landscape.factories import DATASETS, Factory, load_factory

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
        ``fashion-mnist-embedded`` (always the subset that comes with the package), an ``.npz``
        file of ``x`` and ``y``, or a factory, ``module:function`` or ``file.py:function``, that
        returns ``(x, y)`` or a dict of splits to ``(x, y)``.
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
    name, _, arguments = spec.partition("?")
    if name in _BUILTIN:
        if arguments:
            raise ValueError(f"{name} takes no arguments; got {arguments!r}. Write {name} alone.")
        return _BUILTIN[name](split, data_dir)
    if spec.endswith(".npz"):
        return load_npz(Path(spec), split)
    return from_splits(open_factory(spec)(), name=spec, split=split)


def is_builtin(spec: str) -> bool:
    """Whether ``spec`` names a data set or a file that :func:`open_dataset` reads itself."""
    return spec.partition("?")[0] in _BUILTIN or spec.endswith(".npz")


def open_factory(spec: str) -> Factory:
    """The factory that ``spec`` names."""
    return load_factory(spec, group=DATASETS, builtin=_BUILTIN)
