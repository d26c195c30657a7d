"""Arrays under the names of a network's arguments, in ``.npz`` and ``.safetensors`` files."""

import zipfile
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from landscape.data.arrays import PAIR_NAMES, read_npz
from landscape.data.selection import NoSplitError
from landscape.nests import num_rows, tensor_of

SAFETENSORS = ".safetensors"

_TEST = "_test"  # at the end of names, as in x_test


def is_named(spec: str) -> bool:
    """Whether ``spec`` is a file of such arrays; an ``.npz`` file of x and y is none."""
    if not spec.endswith(".npz"):
        return spec.endswith(SAFETENSORS)
    try:
        with zipfile.ZipFile(spec) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):  # told where it is read
        return False
    return bool(names) and names.isdisjoint(PAIR_NAMES)


def read_named(path: Path, split: str) -> dict[str, Tensor]:
    """The arrays of one split by name; those of the test split are called ``NAME_test``.

    Raises
    ------
    ValueError
        The file cannot be read, has none of this split, or they are not of one length.
    """
    if path.suffix == SAFETENSORS:
        try:
            tensors = safetensors.torch.load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            raise ValueError(f"{path} is not a sound safetensors file: {error}.") from error
    else:
        tensors = {name: tensor_of(array) for name, array in read_npz(path).items()}
    if split == "test":
        chosen = {n.removesuffix(_TEST): t for n, t in tensors.items() if n.endswith(_TEST)}
    else:
        chosen = {name: tensor for name, tensor in tensors.items() if not name.endswith(_TEST)}
    if not chosen:
        raise NoSplitError(
            f"{path} has no {split} split: it holds {', '.join(tensors) or 'nothing'}. Names of "
            f"the test split end in {_TEST}, such as input_ids{_TEST}."
        )
    if num_rows(chosen) is None:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in chosen.items())
        raise ValueError(f"{path}: all arrays must have one entry an example; got {shapes}.")
    return chosen
