"""Tell from the tensors alone which of the built-in networks they belong to."""

import re
from collections.abc import Mapping
from typing import Any

# The network of the method's released code, as its state dicts name it: two blocks of convolution
# and batch norm, then two fully connected layers, in one Sequential called ``conv_fc``.
_CSNN_SHAPES = {
    "conv_fc.0.weight": ("C", 1, 3, 3),
    "conv_fc.1.weight": ("C",),
    "conv_fc.1.bias": ("C",),
    "conv_fc.1.running_mean": ("C",),
    "conv_fc.1.running_var": ("C",),
    "conv_fc.4.weight": ("C", "C", 3, 3),
    "conv_fc.5.weight": ("C",),
    "conv_fc.5.bias": ("C",),
    "conv_fc.5.running_mean": ("C",),
    "conv_fc.5.running_var": ("C",),
    "conv_fc.9.weight": ("16C", "49C"),
    "conv_fc.11.weight": (10, "16C"),
}
BUILTIN_NAMES = ("csnn", "spiking-mlp", "mlp")  # networks that need no code of the user's
_OPTIONAL = re.compile(r"conv_fc\.[15]\.num_batches_tracked")
_FIRST = "conv_fc.0.weight"


def is_builtin(spec: str | None) -> bool:
    """Whether ``spec`` names a built-in network."""
    return spec is not None and spec.partition("?")[0] in BUILTIN_NAMES


def infer_model(state: Mapping[str, Any]) -> str | None:
    """Name the built-in network that has exactly these tensors, as a model spec, or None.

    Parameters
    ----------
    state
        Named tensors, or outlines of tensors: only names and shapes are looked at.

    Returns
    -------
    str or None
        ``"csnn?channels=C"`` for the released code's network of any channel count C.
    """
    names = {name for name in state if not _OPTIONAL.fullmatch(name)}
    if names != set(_CSNN_SHAPES):
        return None
    channels = tuple(state[_FIRST].shape)[:1]
    if not channels or channels[0] < 1:
        return None
    sizes = {"C": channels[0], "16C": 16 * channels[0], "49C": 49 * channels[0]}
    for name, shape in _CSNN_SHAPES.items():
        expected = tuple(sizes[n] if isinstance(n, str) else n for n in shape)
        if tuple(state[name].shape) != expected:
            return None
    return f"csnn?channels={channels[0]}"
