"""The split of the data that a target is not of: what tells of examples held out."""

from pathlib import Path
from typing import NamedTuple

from landscape.analysis.choices import choose_data
from landscape.analysis.memory import fitting_batches
from landscape.analysis.target import IN_MEMORY, Target
from landscape.catalog.words import SPLITS
from landscape.checkpoint.load import Checkpoint, load_checkpoint
from landscape.data.choice import Choice
from landscape.data.source import Source
from landscape.objective.risk import EmpiricalRisk


def other_split(split: str) -> str:
    """Train for test, and test for train."""
    return next(name for name in SPLITS if name != split)


class OtherSplit(NamedTuple):
    """The risk over examples of another split, and where these come from."""

    risk: EmpiricalRisk
    source: Source


def on_other_split(
    target: Target, examples: str | int | None, checkpoint: Checkpoint | None = None
) -> OtherSplit:
    """The target's network and loss on the other split; not known to fit these examples yet.

    Parameters
    ----------
    examples
        Which ones, as in :class:`landscape.data.choosing.Choice`.
    checkpoint
        That of the target, where it is at hand; None: it is read again.

    Raises
    ------
    ValueError
        If there are no such examples.
    """
    settings = target.settings
    if checkpoint is None:
        if target.subject.checkpoint == IN_MEMORY:
            raise ValueError("network and data were given in memory")
        checkpoint = load_checkpoint(
            Path(target.subject.checkpoint),
            use_ema=settings.use_ema,
            state_key=settings.state_key,
            allow_globals=settings.allow_globals,
            unsafe_pickle=settings.unsafe_pickle,
        )
    choice = Choice(
        split=other_split(target.subject.split),
        examples=examples,
        seed=settings.seed,
        keep=settings.keep,
    )
    source = choose_data(checkpoint, settings, choice).source
    own = target.risk
    risk = own.on(source.batches(settings.batch_size, own.dtype, own.device))
    if settings.memory is not None:
        risk = fitting_batches(risk, settings.memory)
    return OtherSplit(risk, source)
