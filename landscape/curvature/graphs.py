"""Autograd graphs that are kept between matvecs, for as many batches as memory allows.

A Hessian-vector product costs 9 forward passes where the gradient's graph is built anew, and 6
where it was kept; so the first matvec measures what a batch's graph holds and keeps what fits.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch import Tensor

from landscape.memory import free_memory
from landscape.objective.risk import EmpiricalRisk

G = TypeVar("G")

_SHARE_OF_FREE_MEMORY = 0.5  # the rest is for Krylov bases and the work inside a matvec


class GraphCache(Generic[G]):
    """Graphs by batch index, built on first use and kept while ``budget`` bytes last.

    What several of them hold, such as weights and the data that batches are cut from, counts once.
    Those whose bytes cannot be counted are not kept. Who builds them is not held, so that they end
    with the operator that owns them, and need not wait for Python's collector.

    Parameters
    ----------
    device
        Where the graphs lie.
    budget
        Bytes; None: half of what is free on ``device``, shared among the processes on this host.
    """

    def __init__(self, device: torch.device, budget: int | None = None) -> None:
        self._kept: dict[int, G] = {}
        self._storages: set[int] = set()  # where those lie that the graphs kept hold
        self.budget = free_memory(device, _SHARE_OF_FREE_MEMORY) if budget is None else budget
        self.bytes_kept = 0
        self.largest_graph = 0  # bytes; the peak that one batch adds
        self._can_count = True

    def graph(self, index: int, build: Callable[[int], G]) -> G:
        """That of batch ``index``: the one that was kept, or what ``build`` makes of the index."""
        if index in self._kept:
            return self._kept[index]
        if not self._can_count:
            return build(index)
        try:
            with saved_storages() as storages:
                graph = build(index)
        except RuntimeError as error:
            # torch.func.grad and its kin inside a network forbid the hooks that count.
            if "saved tensor hooks" not in str(error):
                raise
            self._can_count = False
            return build(index)
        self.largest_graph = max(self.largest_graph, sum(storages.values()))
        further = {place: size for place, size in storages.items() if place not in self._storages}
        if self.bytes_kept + sum(further.values()) <= self.budget:
            self._kept[index] = graph
            self._storages |= {place for place in further if place >= 0}
            self.bytes_kept += sum(further.values())
        return graph

    def emptied(self, budget: int) -> "GraphCache[G]":
        """A new cache with nothing kept; what this one kept is given back."""
        self._kept.clear()
        return GraphCache(torch.device("cpu"), budget)

    def keeps(self, index: int) -> bool:
        """Whether batch ``index`` need not be built again."""
        return index in self._kept


def rebatched(risk: EmpiricalRisk, size: int) -> EmpiricalRisk:
    """The same risk with each of its batches cut to at most ``size`` examples."""
    smaller = copy.copy(risk)
    smaller.cut_batches(size)
    return smaller


@contextmanager
def saved_storages() -> Iterator[dict[int, int]]:
    """Where the storages lie that autograd saves inside the block, and the bytes of each.

    One that has no place of its own, as that of a tensor which wraps another, has a negative one.
    """
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        try:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        except RuntimeError:  # a tensor of torch.func.jvp and its kin
            storages[-1 - len(storages)] = tensor.nbytes
            return tensor
        # Detached: the output of a step that is kept as itself holds the step that keeps it, and
        # the graph is never given back.
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield storages
