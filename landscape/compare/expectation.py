"""What a comparison will be able to decide, by the numbers of runs alone."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from landscape.catalog.measures import COMPARED
from landscape.compare.groups import Origin, names_of_groups
from landscape.hints import few
from landscape.results import Comparison
from landscape.statistics import seeds_pair
from landscape.statistics.multiplicity import in_turn
from landscape.statistics.permutation import floor_of, runs_needed_at_least
from landscape.statistics.verdict import best_equivalence_p, branches_of
from landscape.statistics.wording import runs_words


class Planned(NamedTuple):
    """Two groups to be compared."""

    names: str
    num_runs: tuple[int, int]
    paired: bool

    @property
    def floor(self) -> float:
        """The smallest p-value that so many runs can give in one test."""
        return floor_of(self.num_runs, paired=self.paired)


def planned(origins: Sequence[Origin]) -> tuple[list[Planned], int]:
    """Every two groups that these checkpoints are divided into, and how many will be compared.

    That is each with one baseline, which is not known yet.
    """
    seeds: dict[str, dict[object, None]] = {}
    for origin, name in zip(origins, names_of_groups(origins), strict=True):
        run = origin.label if origin.seed is None else origin.seed
        seeds.setdefault(name, {})[run] = None
    found = [
        planned_pair(f"{one} and {two}", list(seeds[one]), list(seeds[two]))
        for one, two in combinations(seeds, 2)
    ]
    return found, max(0, len(seeds) - 1)


def expectation(
    pairs: Sequence[Planned], *, num_tests: int, num_after: int = 0, alpha: float
) -> list[str]:
    """For pairs of so many runs each, in a sentence, whether a difference can be shown at all.

    Parameters
    ----------
    num_tests
        How many tests share alpha where the primary measure is tested.
    num_after
        How many do where the others are, once it is decided; 0: they are tested with it.
    """
    alike: dict[tuple[tuple[int, int], bool], list[str]] = {}
    for pair in pairs:
        alike.setdefault((pair.num_runs, pair.paired), []).append(pair.names)
    return [
        f"{few(names)}: {_sentence(num_runs, paired, num_tests, num_after, alpha)}"
        for (num_runs, paired), names in alike.items()
    ]


def expected_of(origins: Sequence[Origin], *, alpha: float) -> list[str]:
    """The same for checkpoints that are to be analysed, then compared by the default measures."""
    pairs, num_pairs = planned(origins)
    further = sum(bool(kind.compared_at) for kind in COMPARED.values()) - 1
    return expectation(pairs, num_tests=num_pairs, num_after=num_pairs * further, alpha=alpha)


def expected_of_comparison(comparison: Comparison) -> list[str]:
    """The same for one that was made."""
    s = comparison.settings
    pairs = [
        Planned(f"{p.group} against {p.baseline}", row.num_runs, p.paired)
        for p in comparison.pairs
        for row in p.measures
        if row.measure == s.primary
    ]
    further = max(len(p.measures) for p in comparison.pairs) - 1
    if s.turns:
        num_after = len(pairs) * further
        return expectation(pairs, num_tests=len(pairs), num_after=num_after, alpha=s.alpha)
    return expectation(pairs, num_tests=len(pairs) * (further + 1), alpha=s.alpha)


def can_decide(comparison: Comparison) -> bool:
    """Whether so many runs can show a difference by the primary measure, for some pair."""
    s = comparison.settings
    rows = [(p, row) for p in comparison.pairs for row in p.measures]
    tests = [((p.group, p.baseline), row.measure) for p, row in rows]
    best = in_turn(
        [row.p_floor for _, row in rows], branches_of(tests, s.primary if s.turns else None)
    )
    return any(
        row.measure == s.primary and p <= s.alpha for (_, row), p in zip(rows, best, strict=True)
    )


def can_be_equivalent(comparison: Comparison) -> bool:
    """Whether so many runs can be shown to be equivalent by the primary measure, in some pair."""
    s = comparison.settings
    rows = [row for p in comparison.pairs for row in p.measures]
    best = best_equivalence_p([None if r.equivalence_p is None else r.p_floor for r in rows])
    return any(
        row.measure == s.primary and p is not None and p <= s.alpha
        for row, p in zip(rows, best, strict=True)
    )


def planned_pair(names: str, a: Sequence[object], b: Sequence[object]) -> Planned:
    """Two groups of these seeds, or labels where a seed is not known; they pair if seeds do."""
    paired, shared = seeds_pair(a, b), len(set(a) & set(b))
    return Planned(names, (shared, shared) if paired else (len(a), len(b)), paired)


def _sentence(
    num_runs: tuple[int, int], paired: bool, num_tests: int, num_after: int, alpha: float
) -> str:
    def needed(tests: int) -> str:
        number = runs_needed_at_least(alpha, tests, paired=paired)
        return f"{number}{'' if paired else ' a group'}"

    floor = floor_of(num_runs, paired=paired)
    runs = runs_words(num_runs, paired=paired)
    best, best_after = (min(1.0, floor * tests) for tests in (num_tests, num_after))
    at = f"the smallest p-value{_for(num_tests)} is {best:.2g}, alpha {alpha:g}"
    more = num_after > num_tests and needed(num_after) != needed(num_tests)
    if best > alpha:
        also = f", {needed(num_after)} by the measures tested after it" if more else ""
        return f"{runs}: tendencies only ({at}); {needed(num_tests)} needed{also}."
    if best_after > alpha:
        return (
            f"{runs} can show a difference that is large enough by the primary measure ({at}), but "
            f"not by those tested after it ({best_after:.2g}{_for(num_after)}); "
            f"{needed(num_after)} needed."
        )
    return f"{runs} can show a difference that is large enough ({at})."


def _for(num_tests: int) -> str:
    return "" if num_tests == 1 else f" for {num_tests} tests"
