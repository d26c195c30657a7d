"""Finished units of an analysis in a file, so that the same command goes on after the last."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.distributed import PeerLostError, all_reduce_sum, rank, share_out, world_size
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.units import Afresh, Keep, State, Unit
from landscape.store.states import StateFile


class Journal(Afresh):
    """Units that are kept in ``file``; see :func:`journal`."""

    def __init__(
        self, file: StateFile, counted: Sequence[SelfAdjointOperator], *, shared: bool
    ) -> None:
        self.file, self._counted, self._shared = file, counted, shared
        self._known: dict[str, Tensor | int | float] = dict(file.load() or {})
        for index, A in enumerate(counted):
            A.num_matvecs += int(self._known.get(_count(index), 0))

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        if self.file.path is None and not self._shared:
            yield from super().each(units)
            return
        waiting = iter(units)
        while together := dict(islice(waiting, world_size() if self._shared else 1)):
            found = {n: u for n in together if isinstance(u := self._known.get(n), Tensor)}
            new = {n: compute for n, compute in together.items() if n not in found}
            if new:
                done = (
                    _share_out(list(new.values()), self._counted)
                    if self._shared
                    else [compute() for compute in new.values()]
                )
                finished = {n: u.detach().cpu() for n, u in zip(new, done, strict=True)}
                found |= finished
                if self.file.path is not None:
                    self._note(finished)
            yield from (found[name] for name in together)

    def flush(self) -> None:
        """Write what is known, now."""
        self.file.save(self._known, now=True)

    def _note(self, finished: Mapping[str, Tensor]) -> None:
        counts = {_count(index): A.num_matvecs for index, A in enumerate(self._counted)}
        parts = tuple(f"{name}/" for name in finished)
        rest = {n: v for n, v in self._known.items() if not n.startswith(parts)}
        self._known = {**rest, **counts, **finished}  # at once: a signal finds the old or the new
        self.file.save(self._known)


@contextmanager
def journal(
    path: Path | None,
    identity: Mapping[str, Any],
    *,
    counted: Sequence[SelfAdjointOperator] = (),
    shared: bool = False,
) -> Iterator[Journal]:
    """A :class:`Keep` for the block, whose units outlive it where the block does not end.

    Units are the same on all processes, or none of their business: process 0 writes its own and
    tells the others what it finds. A signal drops the unit under way.

    Parameters
    ----------
    path
        The file, removed at the block's end; None: units are computed, and nothing is kept.
    identity
        What the units belong to; those of another identity are not used.
    counted
        Operators whose ``num_matvecs`` shall include what earlier runs spent on kept units, and
        what other processes did.
    shared
        Whether the processes share out independent units, each done by one of them alone.
    """
    units = Journal(StateFile(path, identity), counted, shared=shared)
    try:
        yield units
    except (KeyboardInterrupt, PeerLostError):
        units.flush()
        raise
    units.file.remove()


def _share_out(
    tasks: Sequence[Callable[[], Tensor]], counted: Sequence[SelfAdjointOperator]
) -> list[Tensor]:
    """What ``tasks`` return, each done by one process; matvecs of all of them are counted."""
    before = [A.num_matvecs for A in counted]
    done = share_out(tasks)
    spent = [A.num_matvecs - b for A, b in zip(counted, before, strict=True)]
    # A process beyond the number of tasks has repeated another's.
    own = torch.tensor(spent, dtype=torch.float64) * (rank() < len(tasks))
    for A, b, n in zip(counted, before, all_reduce_sum(own).tolist(), strict=True):
        A.num_matvecs = b + int(n)
    return done


class _Told:
    def __init__(self, keep: Keep, progress: Callable[[int, int], None], total: int) -> None:
        self._keep, self._progress, self._total = keep, progress, total
        self._done = 0

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        for found in self._keep.each(units):
            self._done += 1
            self._progress(self._done, self._total)
            yield found

    def load(self) -> State | None:
        return self._keep.load()

    def save(self, state: State) -> None:
        done = int(state["num_matvecs"])
        self._progress(done, max(self._total, done + 1))  # a search may take more than expected
        self._keep.save(state)


def told(keep: Keep, progress: Callable[[int, int], None], total: int) -> Keep:
    """``keep``, with each of ``total`` units, or of a search's products, told to ``progress``."""
    progress(0, total)
    return _Told(keep, progress, total)


def _count(index: int) -> str:
    return f"matvecs {index}"
