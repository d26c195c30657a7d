"""What a network or loss raises, as one line that names the module and says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from torch import nn

import landscape
from landscape.distributed import PeerLostError
from landscape.objective.halving import is_out_of_memory

_OURS = Path(landscape.__file__).parent
# Of our own code, what a network or a loss consists of, like any library's.
_THEIRS = (_OURS / "snn", *(_OURS / "objective" / f"{n}.py" for n in ("losses", "plain_forms")))

_CAUGHT = (
    RuntimeError,
    TypeError,
    LookupError,
    AttributeError,
    ValueError,
    AssertionError,
    ArithmeticError,
)

_TWICE = (
    "this network cannot be differentiated twice: {text} Replace the fused operation by its plain "
    "form (attn_implementation='eager', an unfused RNN or norm), or use --operator ggn or fisher, "
    "if only its second derivative is missing"
)
_WHOLE = (
    "{text} The loss wants decimals, and its targets are whole numbers: store them as floats, "
    "several labels of an example as 0.0 and 1.0"
)
# A part of what PyTorch says, and what to do about it.
_KNOWN = {
    "desired output type Long": _WHOLE,
    "dtype Long but expected": _WHOLE,
    "derivative for": _TWICE,
    "ouble backward": _TWICE,
    "use_reentrant": (
        "it checkpoints activations in the reentrant form, which cannot be differentiated twice: "
        "call torch.utils.checkpoint.checkpoint(…, use_reentrant=False)"
    ),
    "is out of bounds": (
        "{text} Class labels, and indices of a table, start at 0 and end below the number of "
        "classes, or of rows"
    ),
    "modified by an inplace operation": (
        "{text} An operation overwrites what its own derivative needs: make it out of place"
    ),
}


class UserCodeError(ValueError):
    """An error of the user's network or loss, in words."""


@contextmanager
def told_as_users(model: nn.Module) -> Iterator[None]:
    """A block in which the user's code runs: what it raises becomes a :class:`UserCodeError`.

    Memory that ends, a lost process and faults of this package's own code pass as they are.
    """
    try:
        yield
    except _CAUGHT as error:
        if is_out_of_memory(error) or isinstance(error, PeerLostError) or _is_ours(error):
            raise
        where = _module_of(error.__traceback__, model)
        raise UserCodeError(f"{where}{_words(error)}") from error


def _words(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0].rstrip(". ")
    for part, advice in _KNOWN.items():
        if part in str(error):
            return advice.format(text=f"{text}.")
    bare = not text or isinstance(error, LookupError | AssertionError)
    return f"{type(error).__name__}{': ' if text else ''}{text}" if bare else text


def _is_ours(error: Exception) -> bool:
    """Whether the innermost line that raised is this package's own, outside of its networks.

    A ValueError of any of its files says what to do already.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    file = Path(last.tb_frame.f_code.co_filename)
    theirs = any(place == file or place in file.parents for place in _THEIRS)
    return _OURS in file.parents and (isinstance(error, ValueError) or not theirs)


def _module_of(traceback: TracebackType | None, model: nn.Module) -> str:
    """The innermost module of ``model`` that was at work, as ``name (Kind): ``."""
    names = {module: name for name, module in model.named_modules()}
    found = ""
    while traceback is not None:
        module = traceback.tb_frame.f_locals.get("self")
        if isinstance(module, nn.Module) and names.get(module):
            found = f"{names[module]} ({type(module).__name__}): "
        traceback = traceback.tb_next
    return found
