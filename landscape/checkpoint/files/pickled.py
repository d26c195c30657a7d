"""Judge what ``torch.save`` wrote by its outline.

What is loaded safely is made from the outline and the file's bytes (see ``tensors``), by no
unpickler.
"""

from collections.abc import Sequence
from pathlib import Path

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.files.archive import SAVE_WEIGHTS
from landscape.checkpoint.files.arrays import is_plain_dtype, is_plain_scalar
from landscape.checkpoint.files.outline import Call, Outline
from landscape.checkpoint.names import CALLED_PATHS, can_run_code, is_known, running_code

_MODULES = "torch.nn.modules."


def check_names(path: Path, contents: Outline, allow_globals: Sequence[str]) -> None:
    """Refuse a pickle that names a class or function outside the allow-list.

    Raises
    ------
    CheckpointError
        Naming what is in the way, and each way out.
    """
    for name in allow_globals:
        _check_class(name)
    refuse_code(path, contents)
    # What is named and not called is passed over, as the value that it is.
    called = {call.name for call in contents.calls}
    blocked = sorted(name for name in called if not is_known(name) and name not in allow_globals)
    if any(name.startswith(_MODULES) for name in blocked):
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
            "If you know it to be a harmless class: "
            + " ".join(f"--allow-global {printable(name)}" for name in blocked[:8])
            + ". It is then passed over, not built. Otherwise do not load this file, or have its "
            "author save the state_dict() alone",
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
        if not _is_plain_call(call, allow_globals):
            raise refuse(
                path,
                f"it calls '{printable(call.name)}' in a way that files of weights do not",
                f"It can take any memory where it is loaded otherwise. {SAVE_WEIGHTS}",
            )


def refuse_code(path: Path, contents: Outline) -> None:
    """Refuse a pickle that names what can run code; there is no way to allow it.

    Raises
    ------
    CheckpointError
        Naming it.
    """
    running = running_code(contents)
    if running:
        raise refuse(
            path,
            f"it asks to call {listing(running)}, which can run any code and which safe loading "
            "does not allow",
            "Do not open this file with any program. Have its author save the weights alone, as "
            "safetensors",
        )


def _is_plain_call(call: Call, allow_globals: Sequence[str]) -> bool:
    """Whether the call, wherever it is made, takes no more than the file's own size."""
    match call.name, call.arguments:
        case "numpy.dtype", _:
            return is_plain_dtype(call)
        case name, _ if name.endswith(".multiarray.scalar"):
            return is_plain_scalar(call)
        case "builtins.bytearray" | "builtins.bytes", arguments:
            return not any(isinstance(argument, int) for argument in arguments)
        case "_codecs.encode", arguments:
            return len(arguments) == 2 and arguments[1] in ("latin1", "latin-1", "utf-8", "ascii")
        case "torch.Size", arguments:
            return len(arguments) == 1 and isinstance(arguments[0], list | tuple)
    return call.name in CALLED_PATHS or call.name in allow_globals


def _check_class(name: str) -> None:
    """Refuse to allow what the user has named if it is no class, or one that can run code."""
    if "." not in name or can_run_code(name):
        raise CheckpointError(
            f"--allow-global allows single classes, as module.Class; '{printable(name)}' is not "
            "one. A function could do anything when the file calls it."
        )
