"""Examples dealt at random: each once, in equal parts, alike whatever the number of processes."""

import torch

from landscape.objective import batches as module
from landscape.objective.batches import dealt_at_random

CPU = torch.device("cpu")


def sets(parts):
    return [{int(n) for batch in part for n in batch} for part in parts]


def dealt(batches):
    return sets(dealt_at_random(batches, 4, torch.Generator().manual_seed(0), CPU))


def test_examples_are_dealt_once_into_equal_parts_with_the_rest_apart():
    parts = dealt(torch.arange(39).split(10))
    assert [len(part) for part in parts] == [9, 9, 9, 9, 3]
    assert set.union(*parts) == set(range(39))


def test_processes_with_examples_by_turns_deal_the_parts_of_one(monkeypatch):
    whole, together = dealt([torch.arange(39)]), [set() for _ in range(5)]
    for rank in range(4):
        monkeypatch.setattr(module, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(module, "world_size", lambda: 4)
        monkeypatch.setattr(module, "all_reduce_sum", lambda _: torch.tensor([10.0, 10, 10, 9]))
        for part, own in zip(together, dealt([torch.arange(rank, 39, 4)]), strict=True):
            part.update(own)
    assert together == whole


def test_processes_with_batches_of_their_own_deal_each_example_once(monkeypatch):
    own, together = (torch.arange(30), torch.arange(30, 39)), [set() for _ in range(5)]
    for rank in range(2):
        monkeypatch.setattr(module, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(module, "world_size", lambda: 2)
        monkeypatch.setattr(module, "all_reduce_sum", lambda _: torch.tensor([30.0, 9]))
        for part, mine in zip(together, dealt([own[rank]]), strict=True):
            part.update(mine)
    assert [len(part) for part in together] == [9, 9, 9, 9, 3]
