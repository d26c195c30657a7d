"""Which layers share a row of the per-layer table, where a row for each would cost too much."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

_SEARCH = 20  # matvecs to find one eigenvalue at each end of a block, as a rule
_ROOM = 2  # a table plans its rows so that all may take this many times what they usually take
_FEWEST = 8  # fewer rows of modules would not show where the curvature sits


class Row(NamedTuple):
    """Layers whose parameters make one block of the operator."""

    name: str
    num_layers: int
    parameters: tuple[str, ...]


def usual_matvecs(num_probes: int, num_steps: int) -> int:
    """What the spectrum of one block takes as a rule."""
    return _SEARCH + num_probes * num_steps


def rows_within(
    names: Sequence[str], *, num_probes: int, num_steps: int, limit: int | None
) -> list[Row]:
    """Rows for parameters called ``names`` that together take ``limit`` matvecs at most.

    A layer is a module with parameters of its own. Where there are too many, those of one
    module (``blocks.3``) share a row; where that leaves but a few rows, neighbours within a
    module do (``0 to 4``). None: a row for each layer.
    """
    layers = {
        layer or "(top level)": tuple(members)
        for layer, members in groupby(names, lambda name: name.rpartition(".")[0])
    }
    most = len(layers)
    if limit is not None:
        most = max(1, limit // (_ROOM * usual_matvecs(num_probes, num_steps)))
    return [
        Row(name, len(joined), tuple(p for layer in joined for p in layers[layer]))
        for name, joined in _join(list(layers), most)
    ]


def _join(layers: list[str], most: int) -> list[tuple[str, list[str]]]:
    """At most ``most`` groups of layers with their names, in the network's order."""
    depth = max(layer.count(".") for layer in layers) + 1
    finer = {layer: [layer] for layer in layers}
    if len(finer) <= most:
        return list(finer.items())
    while len(modules := _by_module(layers, depth)) > most:
        finer, depth = modules, depth - 1
    if len(modules) >= min(_FEWEST, most):
        return [(j[0] if len(j) == 1 else name or "all layers", j) for name, j in modules.items()]
    families = _by_module(list(finer), depth)
    length = 2
    while sum(-(-len(units) // length) for units in families.values()) > most:
        length += 1
    runs = [
        units[k : k + length] for units in families.values() for k in range(0, len(units), length)
    ]
    return [
        (run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}", [x for u in run for x in finer[u]])
        for run in runs
    ]


def _by_module(layers: list[str], depth: int) -> dict[str, list[str]]:
    """Layers by the first ``depth`` parts of their names."""
    found: dict[str, list[str]] = {}
    for layer in layers:
        found.setdefault(".".join(layer.split(".")[:depth]), []).append(layer)
    return found
