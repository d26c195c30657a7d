"""Load what ``torch.save`` wrote, with PyTorch's restricted unpickler and never without it.

``load_pickled`` passes ``weights_only=True`` and has no fallback. The one way to run a pickle
without restrictions is ``load_unrestricted``, which only an explicit request for one file reaches.
"""

import argparse
import importlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from landscape.checkpoint.archive import COPY_AGAIN, SAVE_WEIGHTS
from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.outline import Call, Outline

_NUMPY_NUMBERS = "?bhilqBHILQefdgFD"
_SCALAR_PATHS = ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")
# What PyTorch rebuilds weights and plain values from. Fewer than it allows by itself: a bare
# tensor or storage constructor can be asked for any size.
_PLAIN_PATHS = {
    "collections.OrderedDict",
    "collections.Counter",
    "builtins.set",
    "builtins.complex",
    "builtins.bytearray",
    "_codecs.encode",
    "torch.Size",
    "torch.device",
    "torch.serialization._get_layout",
    "torch.nn.parameter.Parameter",
    "torch._tensor._rebuild_from_type_v2",
}
_TORCH_REBUILD = "torch._utils._rebuild_"
_TORCH_TYPES = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
_BUILT_IN_PATHS = _PLAIN_PATHS | {"argparse.Namespace", "numpy.dtype", *_SCALAR_PATHS}


class UnsafePickleWarning(UserWarning):
    """A file was loaded with a method by which it can run any code it likes."""


def load_pickled(
    path: Path, source: IO[bytes], contents: Outline, allow_globals: Sequence[str]
) -> Any:
    """Load ``source``, whose outline is ``contents``, building known classes only.

    Raises
    ------
    CheckpointError
        If the file names a class or function that is neither built in nor in ``allow_globals``,
        or PyTorch refuses it.
    """
    check_names(path, contents, allow_globals)
    allowed = [*_built_in_globals(), *map(_resolve_class, allow_globals)]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            warnings.simplefilter("ignore")  # about the file's age; the outline has settled that
            source.seek(0)
            return torch.load(source, map_location="cpu", weights_only=True)
    # PyTorch raises a dozen kinds of error on a bad file, RuntimeError and MemoryError among them.
    except Exception as error:
        reason = printable(str(error).partition("\n")[0])
        raise refuse(
            path, f"PyTorch cannot load it safely ({type(error).__name__}: {reason})", COPY_AGAIN
        ) from None


def load_unrestricted(path: Path) -> Any:
    """Load ``path`` with the full pickle machine: the file may run any code as the user.

    Raises
    ------
    CheckpointError
        If loading fails, with the reason.
    """
    warnings.warn(
        f"{path} is loaded as an unrestricted pickle: it can run any code with your rights. "
        "Do this only for a file that you made yourself.",
        UnsafePickleWarning,
        stacklevel=2,
    )
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    # Loading runs the file's own code, which can fail in any way.
    except Exception as error:
        reason = printable(str(error).partition("\n")[0])
        raise refuse(
            path,
            f"it does not load as a pickle either ({type(error).__name__}: {reason})",
            "Load it where it was made, and save its state_dict()",
        ) from error


def check_names(path: Path, contents: Outline, allow_globals: Sequence[str]) -> None:
    """Refuse a pickle that names a class or function outside the allow-list.

    Raises
    ------
    CheckpointError
        Naming what is in the way, and each way out.
    """
    blocked = sorted(n for n in contents.names if not _is_known(n) and n not in allow_globals)
    if blocked and any(name.startswith("torch.nn.modules.") for name in blocked):
        raise refuse(
            path,
            "it is a whole pickled module, not weights: loading it means running the classes it "
            f"names ({listing(blocked, shown=4)})",
            "Where it was made: torch.save(torch.load(path, weights_only=False).state_dict(), "
            "'weights.pt'). If you made this very file yourself: --unsafe-pickle",
        )
    if blocked:
        raise refuse(
            path,
            f"it asks to call {listing(blocked)}, which safe loading does not allow",
            f"If you know it to be a harmless class: --allow-global {printable(blocked[0])}. "
            "Otherwise do not load this file, or have its author save the state_dict() alone",
        )
    if contents.later_instructions:
        raise refuse(
            path,
            "it was saved with a later pickle protocol than safe loading reads",
            f"Save it again with torch.save's default protocol. {SAVE_WEIGHTS}",
        )
    other = sorted(contents.layouts - {"strided"})
    if other:
        quantised = any("qtensor" in layout for layout in other)
        raise refuse(
            path,
            f"it holds tensors that are {'quantised' if quantised else 'not dense'} "
            f"({listing(other)}); curvature needs dense floating-point weights",
            "Save the weights from before quantisation or sparsification",
        )
    for call in contents.calls:
        _check_call(path, call, allow_globals)


def _is_known(name: str) -> bool:
    if name in _BUILT_IN_PATHS or name.startswith((_TORCH_REBUILD, "numpy.dtypes.")):
        return True
    attribute = getattr(torch, name.removeprefix("torch."), None)
    is_type = isinstance(
        attribute, torch.dtype | torch.layout | torch.memory_format | torch.qscheme
    )
    return name.startswith("torch.") and (is_type or name.endswith("Storage"))


def _check_call(path: Path, call: Call, allow_globals: Sequence[str]) -> None:
    by_number = call.name == "builtins.bytearray" and any(
        isinstance(argument, int) for argument in call.arguments
    )
    if by_number or (call.name not in _BUILT_IN_PATHS and call.name not in allow_globals):
        raise refuse(
            path,
            f"it calls '{printable(call.name)}' in a way that files of weights do not",
            "Have its author save the state_dict() alone",
        )


def _built_in_globals() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]
    dtypes = {type(np.dtype(code)) for code in _NUMPY_NUMBERS}
    return [argparse.Namespace, np.dtype, *dtypes, *((scalar, path) for path in _SCALAR_PATHS)]


def _resolve_class(name: str) -> tuple[Callable[..., Any], str]:
    """Import the class that the user, not the file, has named."""
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"--allow-global must name an importable class as module.Class; got "
            f"'{printable(name)}' ({printable(str(error))})."
        ) from None
    if not isinstance(found, type):
        raise CheckpointError(
            f"--allow-global allows single classes; '{printable(name)}' is not one. A function "
            "could do anything when the file calls it."
        )
    return found, name
