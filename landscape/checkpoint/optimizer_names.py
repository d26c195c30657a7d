"""Which of a network's parameters is which in an optimiser, that knows them by numbers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Shape = tuple[int, ...]

_MOST_MERGES = 10_000  # that are followed at once


class _Merge(NamedTuple):
    """A way, or several, to have dealt the first parameters to the groups."""

    ways: int  # 2: two or more
    dealt: "tuple[_Merge, int] | None" = None  # the one before, and the group of the last


def in_order(
    groups: Sequence[Sequence[Shape | None]], named: Mapping[str, Shape]
) -> list[list[str]]:
    """The names of each group's parameters, which it lists in the network's order.

    Parameters
    ----------
    groups
        The shapes of each group's parameters; None where the optimiser has kept nothing of one.
    named
        All parameters of the network, in its order.

    Raises
    ------
    ValueError
        If shapes do not fit, or leave several ways.
    """
    reached = {(0,) * len(groups): _Merge(1)}
    for shape in named.values():
        further: dict[tuple[int, ...], _Merge] = {}
        for counts, merge in reached.items():
            for g, (count, group) in enumerate(zip(counts, groups, strict=True)):
                if count == len(group) or group[count] not in (None, shape):
                    continue
                after = (*counts[:g], count + 1, *counts[g + 1 :])
                ways = merge.ways + (further[after].ways if after in further else 0)
                further[after] = _Merge(min(ways, 2), (merge, g))
        if len(further) > _MOST_MERGES:
            raise ValueError(_UNCLEAR)
        reached = further
    whole = tuple(map(len, groups))
    if whole not in reached:
        raise ValueError(
            "its optimiser's moments have other shapes than the network's parameters in their order"
        )
    merge = reached[whole]
    if merge.ways > 1:
        raise ValueError(_UNCLEAR)
    dealt: list[int] = []
    while merge.dealt is not None:
        merge, g = merge.dealt
        dealt.append(g)
    found: list[list[str]] = [[] for _ in groups]
    for name, g in zip(named, reversed(dealt), strict=True):
        found[g].append(name)
    return found


_UNCLEAR = (
    "its optimiser has several groups of parameters, known by numbers alone, and shapes do not "
    "tell which is which. Give the optimiser names: Adam(model.named_parameters())"
)
