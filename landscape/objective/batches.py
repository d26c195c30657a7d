"""Batches of examples: cut, dealt out, put together, as far as the objective allows."""

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor

from landscape.distributed import all_reduce_sum, rank, world_size
from landscape.nests import Nest, concatenated, num_rows, take_rows
from landscape.objective.objective import Objective


def num_examples(batch: Nest) -> int:
    """The first dimension that all tensors share; a batch without one counts as an example."""
    rows = num_rows(batch)
    return 1 if rows is None else rows


def in_two(batch: Nest, objective: Objective) -> tuple[Nest, Nest] | None:
    """A batch in two, as ``objective.split`` says or along the first dimension; None: it stays."""
    if objective.split is False:
        return None
    if objective.split is not None:
        return objective.split(batch)
    rows = num_rows(batch)
    if rows is None or rows < 2:
        return None
    half = (rows + 1) // 2
    return take_rows(batch, slice(0, half)), take_rows(batch, slice(half, rows))


def cut_to(batch: Nest, size: int, objective: Objective) -> list[Nest]:
    """A batch in pieces of at most ``size`` examples, as far as it can be cut."""
    rows = num_rows(batch)
    if objective.split is None and rows is not None:
        return [take_rows(batch, slice(k, k + size)) for k in range(0, rows, size)]
    halves = in_two(batch, objective) if num_examples(batch) > size or rows is None else None
    if halves is None:
        return [batch]
    return [piece for half in halves for piece in cut_to(half, size, objective)]


def dealt(batches: Iterable[Nest], count: int, objective: Objective) -> list[list[Nest]]:
    """Batches in ``count`` disjoint parts, every ``count``-th example in each.

    Where batches can only be halved, halves are dealt; where they stay whole, whole batches are.
    """
    parts: list[list[Nest]] = [[] for _ in range(count)]
    place = 0  # of the next example, or piece, in the whole data
    for batch in batches:
        rows = num_rows(batch)
        if objective.split is None and rows is not None:
            # By the place in the whole data, so that any number of processes makes the same parts.
            own = (rank() + world_size() * (place + torch.arange(rows))) % count
            _deal_rows(batch, own, parts)
            place += rows
            continue
        for piece in _in_pieces(batch, count, objective):
            parts[place % count].append(piece)
            place += 1
    return parts


def dealt_at_random(
    batches: Sequence[Nest], count: int, rng: Generator, device: torch.device
) -> list[list[Nest]]:
    """Batches in ``count`` parts of equally many examples, dealt at random, and one of the rest.

    Batches must hold examples along the first dimension. Where processes have examples by turns,
    any number of them makes the same parts. ``device`` is the one on which processes add up.
    """
    own = sum(num_examples(batch) for batch in batches)
    counts = torch.zeros(world_size(), dtype=torch.float64, device=device)
    counts[rank()] = own
    each = [int(n) for n in all_reduce_sum(counts).tolist()]
    total, before = sum(each), sum(each[: rank()])
    places = torch.arange(before, before + own)
    if all(n == len(range(r, total, world_size())) for r, n in enumerate(each)):
        places = torch.arange(rank(), total, world_size())  # by turns
    part_of = torch.full((total,), count)
    size = total // count
    part_of[torch.randperm(total, generator=rng)[: size * count]] = torch.arange(count).repeat(size)
    parts: list[list[Nest]] = [[] for _ in range(count + 1)]
    begin = 0
    for batch in batches:
        end = begin + num_examples(batch)
        _deal_rows(batch, part_of[places[begin:end]], parts)
        begin = end
    return parts


def _deal_rows(batch: Nest, part_of: Tensor, parts: list[list[Nest]]) -> None:
    """Give each row to the part that ``part_of``, shape (rows,), names."""
    for k, part in enumerate(parts):
        if bool((part_of == k).any()):
            part.append(take_rows(batch, torch.nonzero(part_of == k).flatten()))


def joined(batches: Sequence[Nest], size: int, objective: Objective) -> list[Nest]:
    """The same examples in fewer batches of up to ``size``, where their tensors fit together."""
    if objective.split is not None or any(num_rows(batch) is None for batch in batches):
        return list(batches)
    together: list[Nest] = []
    for batch in batches:
        last = together[-1] if together else None
        if last is not None and num_examples(last) + num_examples(batch) <= size:
            try:
                together[-1] = concatenated([last, batch])
                continue
            except (RuntimeError, ValueError):  # padded to other lengths
                pass
        together.append(batch)
    return together


def _in_pieces(batch: Nest, count: int, objective: Objective) -> list[Nest]:
    pieces = [batch]
    while len(pieces) < count:
        halves = [in_two(piece, objective) for piece in pieces]
        if not any(halves):
            break
        pieces = [
            half
            for piece, both in zip(pieces, halves, strict=True)
            for half in (both if both is not None else (piece,))
        ]
    return pieces
