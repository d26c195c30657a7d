"""Finished units of an analysis in a file, so that the same command goes on after the last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from landscape.analysis.progress import Progress
from landscape.analysis.state_file import State, StateFile
from landscape.analysis.target import Target
from landscape.distributed import PeerLostError
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.units import Keep, afresh


@contextmanager
def journal(
    path: Path | None,
    configuration: Mapping[str, str | int | float],
    *,
    counted: Sequence[SelfAdjointOperator] = (),
) -> Iterator[Keep]:
    """A :data:`Keep` for the block, whose units outlive it where the block does not end.

    Units are the same on all processes, or none of their business: process 0 writes its own and
    tells the others what it finds. A signal drops the unit under way.

    Parameters
    ----------
    path
        The file, removed at the block's end; None: units are computed, and nothing is kept.
    configuration
        What the units belong to; those of another configuration are not used.
    counted
        Operators whose ``num_matvecs`` shall include what earlier runs spent on kept units.
    """
    if path is None:
        yield afresh
        return
    file = StateFile(path, configuration)
    units: State = file.load() or {}
    for index, A in enumerate(counted):
        A.num_matvecs += int(units.get(_count(index), 0))

    def keep(name: str, compute: Callable[[], Tensor]) -> Tensor:
        nonlocal units
        known = units.get(name)
        if isinstance(known, Tensor):
            return known
        unit = compute().detach().cpu()
        counts = {_count(index): A.num_matvecs for index, A in enumerate(counted)}
        rest = {n: v for n, v in units.items() if not n.startswith(f"{name}/")}
        units = {**rest, **counts, name: unit}  # at once: a signal finds the old or the new
        file.save(units)
        return unit

    try:
        yield keep
    except (KeyboardInterrupt, PeerLostError):
        file.save(units, now=True)
        raise
    file.remove()


def told(keep: Keep, progress: Progress, total: int) -> Keep:
    """``keep``, with each of ``total`` units told to ``progress``."""
    done = 0
    progress(done, total)

    def and_tell(name: str, compute: Callable[[], Tensor]) -> Tensor:
        nonlocal done
        unit = keep(name, compute)
        done += 1
        progress(done, total)
        return unit

    return and_tell


def configuration_of(target: Target, settings: object) -> dict[str, str | int | float]:
    """What the state of an analysis belongs to: checkpoint, examples, and all that moves a bit."""
    subject = target.subject
    return {
        "checkpoint": subject.checkpoint_sha256,
        "examples": subject.examples_sha256,
        "loss": subject.loss_name,
        "batch_norm": target.risk.batch_norm,
        "dtype": str(target.risk.dtype),
        "seed": target.settings.seed,
        **{
            name: value if isinstance(value, str | int | float) else repr(value)
            for name, value in vars(settings).items()
        },
    }


def _count(index: int) -> str:
    return f"matvecs {index}"
