"""The preflight: whether the numbers that follow can mean anything."""

from collections.abc import Iterable
from dataclasses import dataclass

from landscape.results.base import Result

# Ratios that count as 1: of eigenvalues found to a residual of 1e-3 ‖A‖, and of traces from the
# same draws before and after, where a move that changes nothing leaves rounding alone.
_CLOSE, _EQUAL = 1e-3, 1e-4
MOVES = "moves along symmetries"  # the line that says why none were made


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the preflight."""

    name: str
    status: str  # pass | fail | note
    value: str  # what was measured, in words and figures
    advice: str = ""  # what to do where it failed


@dataclass(frozen=True, kw_only=True)
class ScaleRatio:
    """Measures at one scale after a move of the weights, over what they were before."""

    scale: str
    lambda_max: float | None  # None: not measured, or not positive before
    # Of the Gauss-Newton matrix (else of the empirical Fisher matrix); None: not measured.
    trace: float | None = None
    trace_stderr: float | None = None  # over draws; rounding where each of them stays

    @property
    def trace_stays(self) -> bool | None:
        """Whether the move leaves the trace, in its mean and its draws; None: not measured."""
        if self.trace is None or self.trace_stderr is None:
            return None
        return abs(self.trace - 1) < _EQUAL and self.trace_stderr < _EQUAL

    @property
    def is_one(self) -> bool:
        """Whether the move changes nothing at this scale, as closely as was measured."""
        stays = self.lambda_max is None or abs(self.lambda_max - 1) < _CLOSE
        return self.trace_stays is True and stays


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """A kind of move of the weights, and what it does to the measures of a network."""

    move: str
    num_places: int  # where the outputs stay; 0: they change, the network lacks this symmetry
    ratios: tuple[ScaleRatio, ...]

    @property
    def is_telling(self) -> bool:
        """Whether it changes the trace at some scale, so that another one that stays is a finding.

        No scale can fail on a move that leaves all of them alone, as a permutation of units does.
        """
        return bool(self.num_places) and any(r.trace_stays is False for r in self.ratios)

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

    def changed_at(self, scale: str) -> tuple[Invariance, ...] | None:
        """The moves that change what is measured at a scale; None: there is no certificate of it.

        That is where no move was found that changes any scale, or what one does at this scale was
        not measured. With none of them the scale is certified as invariant: along every symmetry
        found, on this network.
        """
        moves = [move for move in self.invariances if move.num_places]
        ratios = [move.at(scale) for move in moves]
        unknown = any(ratio is None or ratio.trace is None for ratio in ratios)
        if unknown or not any(move.is_telling for move in moves):
            return None
        pairs = zip(moves, ratios, strict=True)
        return tuple(move for move, ratio in pairs if ratio is not None and not ratio.is_one)

    def first_invariant(self, scales: Iterable[str]) -> str | None:
        """The first of ``scales`` that is certified as invariant; None: none is."""
        return next((scale for scale in scales if self.changed_at(scale) == ()), None)
