"""Any arrays as data sets: ``.npz`` files of ``x`` and ``y``, and what factories return."""

import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from landscape.data.dataset import Dataset
from landscape.data.selection import NoSplitError
from landscape.nests import tensor_of

PAIR_NAMES = ("x", "y", "x_test", "y_test")


def load_npz(path: Path, split: str) -> Dataset:
    """Load ``x`` and ``y`` of an ``.npz`` file, or ``x_test`` and ``y_test`` for the test split.

    Raises
    ------
    ValueError
        The file cannot be read without running code, lacks the arrays, or they do not fit.
    """
    x_name, y_name = ("x_test", "y_test") if split == "test" else ("x", "y")
    arrays = read_npz(path, PAIR_NAMES)
    missing = [name for name in (x_name, y_name) if name not in arrays]
    if missing:
        raise (NoSplitError if len(missing) == 2 else ValueError)(
            f"{path} lacks {' and '.join(missing)}, wanted for the {split} split; of x, y, x_test, "
            f"y_test it holds {', '.join(arrays) or 'none'}. Save x, y (train) and x_test, y_test."
        )
    return from_arrays(
        arrays[x_name],
        arrays[y_name],
        name=str(path),
        source=f"file {path}",
        split=split,
        other_targets=[a for name, a in arrays.items() if name[0] == "y" and name != y_name],
    )


def from_splits(result: Any, *, name: str, split: str) -> Dataset:
    """Make a data set of what a factory returned: ``(x, y)``, or a dict of split -> ``(x, y)``.

    A bare pair is the training split; there is then no test split.
    """
    splits = result if isinstance(result, Mapping) else {"train": result}
    if split not in splits:
        raise NoSplitError(
            f"{name} returned no {split} split, only {', '.join(map(str, splits)) or 'nothing'}; "
            'return {"train": (x, y), "test": (x, y)}, or choose another split.'
        )
    for key, pair in splits.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(
                f"{name} must return (x, y), or a dict of split names to (x, y); for {key} it "
                f"returned {type(pair).__name__}."
            )
    x, y = splits[split]
    others = [pair[1] for key, pair in splits.items() if key != split]
    return from_arrays(x, y, name=name, source=f"factory {name}", split=split, other_targets=others)


def from_arrays(
    x: Any, y: Any, *, name: str, source: str, split: str, other_targets: list[Any]
) -> Dataset:
    """Check inputs ``x``, shape (N, ...), and targets ``y``, and put them into a data set.

    Floating-point inputs keep their type. Integer targets are class labels, one an example or a
    position, whose number is counted over ``y`` and ``other_targets``, those of the other splits;
    negative ones, such as PyTorch's -100, mark what is not to be predicted. Floats are regressed
    on.
    """
    inputs, targets = _as_tensor(x, f"{name}: x"), _as_tensor(y, f"{name}: y")
    if inputs.dtype in (torch.uint8, torch.bool):
        raise ValueError(
            f"{name}: x is {str(inputs.dtype).removeprefix('torch.')}, whose scale is not known; "
            "store it as the network is to see it, e.g. (x / 255).astype('float32')."
        )
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        raise ValueError(
            f"{name}: x and y must have one entry an example; got shapes {tuple(inputs.shape)} "
            f"and {tuple(targets.shape)}."
        )
    num_classes = None
    if not targets.is_floating_point():
        num_classes = _count_classes(targets, other_targets, name)
        targets = targets.to(torch.int64)
    return Dataset(
        name=name,
        source=f"{source}, {len(inputs):,} examples",
        split=split,
        inputs=inputs if inputs.is_floating_point() else inputs.to(torch.int64),
        targets=targets,
        num_classes=num_classes,
        indices=np.arange(len(inputs)),
    )


def _as_tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, Tensor):
        tensor = values.detach().cpu()
    else:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{what} must hold real numbers; its type is {array.dtype}.")
        tensor = tensor_of(array)
    if tensor.is_complex():
        raise ValueError(f"{what} must hold real numbers; its type is {tensor.dtype}.")
    if tensor.dtype == torch.bfloat16:  # which NumPy does not have
        tensor = tensor.float()
    if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64):
        tensor = tensor.to(torch.int64)
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise ValueError(f"{what} contains NaN or infinity; remove those examples.")
    return tensor


def _count_classes(targets: Tensor, other_targets: list[Any], name: str) -> int:
    if _is_one_hot(targets) or (targets.ndim == 2 and targets.shape[1] == 1):
        raise ValueError(
            f"{name}: class labels y must have shape (N,), or (N, ...) with one at each position; "
            f"got {'one-hot rows' if _is_one_hot(targets) else 'a column'} of shape "
            f"{tuple(targets.shape)}. Give labels, or floats to regress on."
        )
    labels = [targets.numpy(), *map(np.asarray, other_targets)]
    return 1 + max((int(np.max(some)) for some in labels if len(some)), default=0)


def _is_one_hot(targets: Tensor) -> bool:
    if targets.ndim != 2 or targets.shape[1] < 2 or not len(targets):
        return False
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(1) == 1).all())


_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")  # of files, and empty


def read_npz(path: Path, wanted: Collection[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Those of the arrays in an ``.npz`` file whose names are ``wanted``; None: all.

    Raises
    ------
    ValueError
        The file cannot be read without running code.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) not in _ARCHIVES:
                raise _NotAnArchiveError("it does not begin as one")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                names = arrays.files if wanted is None else wanted
                return {name: arrays[name] for name in names if name in arrays.files}
    except FileNotFoundError as error:
        raise ValueError(f"there is no data file {path}; name an existing .npz file.") from error
    except (_NotAnArchiveError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is not a sound .npz archive: {error}. Save it with "
            "numpy.savez(path, x=x, y=y)."
        ) from error
    except ValueError as error:  # NumPy's refusal of object arrays
        raise ValueError(
            f"{path} holds pickled objects or damaged arrays, and is refused ({error}); save plain "
            "number arrays with numpy.savez."
        ) from error


class _NotAnArchiveError(Exception):
    pass
