"""Analyses that a network leaves nothing to do for."""

from dataclasses import dataclass

from landscape.results.base import Result


class DoesNotApply(ValueError):
    """An analysis cannot be made of this network, whatever its settings; the message says why.

    Where one analysis alone was asked for, this is its error. Among others it becomes a
    :class:`LeftOut`, and they go on.
    """


@dataclass(frozen=True, kw_only=True, eq=False)
class LeftOut(Result):
    """In place of the results of an analysis that does not apply to the checkpoint."""

    analysis: str
    reason: str  # why, as a clause

    @property
    def note(self) -> str:
        """One line for lists of notes."""
        return f"{self.analysis} left out: {self.reason.removesuffix('.')}."
