"""Load without restrictions, the one way to run a pickle: only an explicit request reaches it."""

import warnings
from pathlib import Path
from typing import Any

import torch

from landscape.checkpoint.errors import printable, refuse


class UnsafePickleWarning(UserWarning):
    """A file was loaded with a method by which it can run any code it likes."""


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
