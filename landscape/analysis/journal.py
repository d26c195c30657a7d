"""Finished units of an analysis in a file, so that the same command goes on after the last."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.analysis.progress import Progress
from landscape.analysis.state_file import State, StateFile
from landscape.analysis.target import Target
from landscape.distributed import PeerLostError, all_reduce_sum, rank, share_out, world_size
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.units import Keep, Unit, afresh
from landscape.results.identity import with_fingerprint


@contextmanager
def journal(
    path: Path | None,
    configuration: Mapping[str, Any],
    *,
    counted: Sequence[SelfAdjointOperator] = (),
    shared: bool = False,
) -> Iterator[Keep]:
    """A :class:`Keep` for the block, whose units outlive it where the block does not end.

    Units are the same on all processes, or none of their business: process 0 writes its own and
    tells the others what it finds. A signal drops the unit under way.

    Parameters
    ----------
    path
        The file, removed at the block's end; None: units are computed, and nothing is kept.
    configuration
        What the units belong to; those of another configuration are not used.
    counted
        Operators whose ``num_matvecs`` shall include what earlier runs spent on kept units, and
        what other processes did.
    shared
        Whether the processes share out independent units, each done by one of them alone.
    """
    if path is None and not shared:
        yield afresh
        return
    file = StateFile(path, configuration)
    known: State = file.load() or {}
    for index, A in enumerate(counted):
        A.num_matvecs += int(known.get(_count(index), 0))

    def each(units: Iterable[Unit]) -> Iterator[Tensor]:
        nonlocal known
        waiting = iter(units)
        while together := dict(islice(waiting, world_size() if shared else 1)):
            found = {n: unit for n in together if isinstance(unit := known.get(n), Tensor)}
            new = {n: compute for n, compute in together.items() if n not in found}
            if new:
                done = (
                    _share_out(list(new.values()), counted) if shared else [new[n]() for n in new]
                )
                finished = {n: u.detach().cpu() for n, u in zip(new, done, strict=True)}
                found |= finished
                if path is not None:
                    counts = {_count(index): A.num_matvecs for index, A in enumerate(counted)}
                    parts = tuple(f"{name}/" for name in new)
                    rest = {n: v for n, v in known.items() if not n.startswith(parts)}
                    # At once: a signal finds the old or the new.
                    known = {**rest, **counts, **finished}
                    file.save(known)
            yield from (found[name] for name in together)

    try:
        yield Keep(each)
    except (KeyboardInterrupt, PeerLostError):
        file.save(known, now=True)
        raise
    file.remove()


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


def told(keep: Keep, progress: Progress, total: int) -> Keep:
    """``keep``, with each of ``total`` units told to ``progress``."""
    done = 0
    progress(done, total)

    def each(units: Iterable[Unit]) -> Iterator[Tensor]:
        nonlocal done
        for unit in keep.each(units):
            done += 1
            progress(done, total)
            yield unit

    return Keep(each)


def configuration_of(target: Target, settings: object) -> dict[str, Any]:
    """What the state of an analysis belongs to: all that moves its numbers beyond rounding."""
    subject = target.subject
    about = {
        "checkpoint": subject.checkpoint_sha256,
        "model": subject.model,
        "examples": subject.examples_sha256,
        "loss": subject.loss_name,
        "batch_norm": target.risk.batch_norm,
        # Elsewhere it moves the rounding, and --memory may cut it.
        "batch_size": target.settings.batch_size if target.risk.coupled_by else 0,
        "dtype": str(target.risk.dtype),
        "seed": target.settings.seed,
        **{
            name: value if isinstance(value, str | int | float) else repr(value)
            for name, value in vars(settings).items()
        },
    }
    return with_fingerprint(about, subject.fingerprint)


def _count(index: int) -> str:
    return f"matvecs {index}"
