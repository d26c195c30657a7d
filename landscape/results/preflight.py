"""The preflight: whether the numbers that follow can mean anything."""

from dataclasses import dataclass

from landscape.results.base import Result

# Ratios of eigenvalues found to a residual of 1e-3 ‖A‖ that count as 1.
_CLOSE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the preflight."""

    name: str
    status: str  # pass | fail | note
    value: str  # what was measured, in words and figures
    advice: str = ""  # what to do where it failed


@dataclass(frozen=True, kw_only=True)
class ScaleRatio:
    """λ_max at one scale after a move of the weights, over what it was before."""

    scale: str
    lambda_max: float | None  # None: not positive before
    # Of the block of the weights that move, the others held fixed; measured where the whole stays.
    of_moved: float | None

    @staticmethod
    def stays(ratio: float | None) -> bool:
        """Whether a ratio is 1, as closely as it is measured."""
        return ratio is not None and abs(ratio - 1) < _CLOSE

    @property
    def is_one(self) -> bool:
        """Whether the move changes nothing at this scale."""
        return (self.stays(self.lambda_max) and self.of_moved is None) or self.stays(self.of_moved)


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """A kind of move of the weights, and what it does to the measures of a network."""

    move: str
    num_places: int  # where the outputs stay; 0: they change, the network lacks this symmetry
    ratios: tuple[ScaleRatio, ...]

    def at(self, scale: str) -> ScaleRatio | None:
        """What was measured at a scale; None where nothing was."""
        return next((r for r in self.ratios if r.scale == scale), None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Preflight(Result):
    """All checks of one checkpoint."""

    checks: tuple[Check, ...]
    invariances: tuple[Invariance, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.status != "fail" for check in self.checks)
