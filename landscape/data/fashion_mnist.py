"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747): where its copies lie.

Looked for, in this order, in the folder asked for, ``$LANDSCAPE_DATA``, the user's cache and
Debian's folder (package dataset-fashion-mnist); failing these, the subset that comes with the
package: 5,000 training and 1,000 test images, the same number of each class.
"""

import os
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from landscape.data.dataset import Dataset, Indices
from landscape.data.idx import Bytes, read_labelled_images

NAME = "fashion-mnist"
EMBEDDED_NAME = "fashion-mnist-embedded"
NUM_CLASSES = 10
SIZES = {"train": 60_000, "test": 10_000}
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")

_STEMS = {"train": "train", "test": "t10k"}
# Our own cache, the plain folder, and what torchvision makes of its root.
_SUBFOLDERS = ("", "fashion-mnist", "FashionMNIST/raw")


class Copy(NamedTuple):
    """One split of one copy on disk."""

    where: str
    images: Path
    labels: Path


def cache_folder() -> Path:
    """Return where ``landscape data fetch`` puts its files: under ``$XDG_CACHE_HOME``."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "landscape" / NAME


def find_copy(split: str, data_dir: Path | None) -> Copy | None:
    """Find the copy to use; None stands for the embedded subset.

    Raises
    ------
    ValueError
        ``data_dir`` was named and holds no Fashion-MNIST.
    """
    if data_dir is not None:
        copy = _copy_in(data_dir, split, f"folder {data_dir}")
        if copy is None:
            raise ValueError(
                f"data_dir {data_dir} holds no Fashion-MNIST: {_STEMS[split]}-images-idx3-ubyte "
                f"and {_STEMS[split]}-labels-idx1-ubyte, each plain or .gz, must lie in it. "
                "Name another folder, or none to use the copy that is found."
            )
        return copy
    places = [(cache_folder(), "user cache"), (SYSTEM_FOLDER, "system folder")]
    if named := os.environ.get("LANDSCAPE_DATA"):
        places.insert(0, (Path(named), "$LANDSCAPE_DATA"))
    for folder, where in places:
        copy = _copy_in(folder, split, f"{where} {folder}")
        if copy is not None:
            return copy
    return None


def load_fashion_mnist(split: str, data_dir: Path | None) -> Dataset:
    """Load a whole split of the first copy found, pixels divided by 255."""
    copy = find_copy(split, data_dir)
    if copy is None:
        return load_embedded(split, name=NAME)
    images, labels = read_labelled_images(copy.images, copy.labels, NUM_CLASSES)
    if images.shape != (SIZES[split], 28, 28):
        raise ValueError(
            f"{copy.images} must hold {SIZES[split]} images of 28 x 28 pixels, the {split} split; "
            f"it holds {' x '.join(map(str, images.shape))}. Fetch it again."
        )
    source = f"{copy.where}, {SIZES[split]:,} images"
    return _as_dataset(NAME, source, split, images, labels, np.arange(len(labels)))


def load_embedded(split: str, *, name: str = EMBEDDED_NAME) -> Dataset:
    """Load the embedded subset; ``indices`` say where its images lie in the full split."""
    with np.load(str(files("landscape.data") / "embedded" / "fashion_mnist.npz")) as arrays:
        images, labels, indices = (
            arrays[f"{split}_{what}"] for what in ("images", "labels", "indices")
        )
    source = f"embedded subset, {len(labels):,} images"
    return _as_dataset(name, source, split, images, labels, indices)


def _as_dataset(
    name: str, source: str, split: str, images: Bytes, labels: Bytes, indices: Indices
) -> Dataset:
    # The copy is for torch, which would warn of memory that it may not write to.
    pixels = torch.from_numpy(images.copy()).unsqueeze(1)
    return Dataset(
        name=name,
        source=source,
        split=split,
        inputs=pixels.to(torch.float32).div_(255),
        targets=torch.from_numpy(labels.astype(np.int64)),
        num_classes=NUM_CLASSES,
        indices=indices.astype(np.int64),
    )


def _copy_in(folder: Path, split: str, where: str) -> Copy | None:
    stem = _STEMS[split]
    for subfolder in _SUBFOLDERS:
        images = _plain_or_gz(folder / subfolder / f"{stem}-images-idx3-ubyte")
        labels = _plain_or_gz(folder / subfolder / f"{stem}-labels-idx1-ubyte")
        if images is not None and labels is not None:
            return Copy(where, images, labels)
    return None


def _plain_or_gz(path: Path) -> Path | None:
    candidates = (path, path.with_name(path.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
