"""Guesses at hidden units, filters before batch norms, and adjacent linear maps, from a record.

What reads a tensor beside the map that comes next is known by the place where the tensor lies.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from landscape.curvature.symmetry.parts import Block, Factor, Product, Rows, Units, Values
from landscape.curvature.symmetry.record import Call
from landscape.curvature.symmetry.recurrent import Cell, Recurrence

_LINEAR = ("linear", "convolution")
_LORA = re.compile(r"(^|[._])lora_(embedding_)?A(?=$|[._])")


def chain_of(calls: Sequence[Call]) -> list[Call]:
    """Linear maps and batch norms, each once, in their order."""
    once = {call.name: call for call in calls if call.kind in (*_LINEAR, "batch norm")}
    return list(once.values())


def rescaled_units(chain: Sequence[Call]) -> Iterator[Units]:
    """Makers and readers of hidden units, where one follows the other."""
    for place, maker in enumerate(chain[:-1], start=1):
        if columns := _columns_for(chain, place, maker.num_outputs):
            yield Units(((maker.rows, maker.bias),), columns)


def permuted_units(chain: Sequence[Call]) -> Iterator[Units]:
    """The same with batch norms in between, and with all maps that make the units together."""
    for place, reader in enumerate(chain):
        if reader.kind not in _LINEAR:
            continue
        before = list(chain[:place])
        norms: list[Call] = []
        while before and before[-1].kind == "batch norm":
            norms.append(before.pop())
        if not before or before[-1].kind == "batch norm":
            continue
        maker = before[-1]
        columns = _columns_for(chain, place, maker.num_outputs)
        if not columns or any(n.num_outputs != maker.num_outputs for n in norms):
            continue
        alike = (maker.source, maker.num_outputs)
        makers = [c for c in before if (c.source, c.num_outputs) == alike]  # as gate and up
        weights = tuple((call.rows, call.bias) for call in (*makers, *norms))
        yield Units(weights, columns, tuple(norm.name for norm in norms))


def filters(chain: Sequence[Call]) -> Iterator[Rows]:
    """Maps that a batch norm follows."""
    for maker, norm in pairwise(chain):
        follows = maker.kind in _LINEAR and norm.kind == "batch norm"
        if follows and maker.num_outputs == norm.num_outputs:
            yield Rows(maker.rows, maker.bias, norm.name, norm.eps)


def low_rank_pairs(values: Values) -> Iterator[Product]:
    """A and B of adapters, by their names."""
    for name in values:
        if found := _LORA.search(name):
            partner = f"{name[: found.end() - 1]}B{name[found.end() :]}"
            if partner in values and _fit(values, name, partner):
                left = Factor(Block(partner, first=1, cut=1))
                yield Product("LoRA", (left,), (Factor(Block(name)),))


def adjacent_maps(calls: Sequence[Call]) -> Iterator[tuple[Call, Call, Product]]:
    """Linear maps whose output another one takes as it is."""
    linear = [call for call in calls if call.kind == "linear"]
    for first, second in pairwise(linear):
        assert second.columns is not None
        if first.target == second.source and first.num_outputs == second.num_inputs:
            left, right = Factor(second.columns), Factor(first.rows, first.bias)
            yield first, second, Product("adjacent maps", (left,), (right,))


def _fit(values: Values, first: str, second: str) -> bool:
    A, B = values[first], values[second]
    return A.ndim == B.ndim == 2 and A.shape[0] == B.shape[1]


def readers_at(chain: Sequence[Call], place: int) -> list[Call]:
    """The map there and those after it that read the same tensor; none where it is no map."""
    if place >= len(chain) or chain[place].kind not in _LINEAR:
        return []
    wanted = (chain[place].source, chain[place].num_inputs)
    after = (call for call in chain[place:] if call.kind in _LINEAR)
    return [call for call in after if (call.source, call.num_inputs) == wanted]


def cells_read(chain: Sequence[Call], found: Recurrence) -> list[tuple[Cell, tuple[Block, ...]]]:
    """The cells of a recurrence with what reads them: for the last layer, what comes next."""
    own = {cell.from_inputs for cell in found.layers[0]}
    places = [place for place, call in enumerate(chain) if call.name in own]
    readers = readers_at(chain, places[-1] + 1) if places else []
    columns = [(c.columns, c.num_inputs) for c in readers if c.columns is not None]
    return found.read(columns if len(columns) == len(readers) else ())


def _columns_for(chain: Sequence[Call], place: int, count: int) -> tuple[Block, ...]:
    """The inputs of what reads there as ``count`` units; none where they are no multiple."""
    readers = readers_at(chain, place)
    if not count or any(c.columns is None or c.num_inputs % count for c in readers):
        return ()
    return tuple(
        replace(c.columns, repeat=c.num_inputs // count) for c in readers if c.columns is not None
    )
