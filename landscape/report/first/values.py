"""The numbers of the first screen: which measures, and each one's value with its error."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landscape.catalog.measure_kind import OF_SOLVER
from landscape.page.material import Material
from landscape.report.first.entries import Entry
from landscape.results import (
    Comparison,
    Measure,
    Reading,
    SharpnessTable,
    readings_of,
)

EXAMPLES = "all examples"  # an interval for the set that those measured stand for


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number, how far it may be off or how far its runs go, and over what."""

    value: float
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    over: str = ""  # all examples: an interval; data shards | probes | noise pairs | runs


class Key(NamedTuple):
    """Which measure: what must be the same for two values to be of one."""

    name: str
    scale: str
    operator: str | None
    radius: float | None


class Readings:
    """What the results of one split say of each checkpoint, all parameters together."""

    def __init__(self, everything: Material) -> None:
        splits = [r.subject.split for r in everything.results]
        self.split = "train" if "train" in splits else splits[0]
        self._found: dict[str, dict[Key, Reading]] = {}
        # A spectrum knows more of its numbers than the table that repeats them.
        for result in sorted(everything.results, key=lambda r: isinstance(r, SharpnessTable)):
            if result.subject.split != self.split:
                continue
            of_label = self._found.setdefault(result.subject.label, {})
            for reading in readings_of(result):
                if reading.is_of_all and reading.measure.layer is None:
                    of_label.setdefault(_key(reading.measure), reading)

    def pick(
        self, name: str, entries: Sequence[Entry], comparison: Comparison | None, scale: str = ""
    ) -> Key | None:
        """The measure of that name which says most: one that all entries have.

        One that was compared goes first, then the filter scale, which rescaled weights leave
        alone, then the largest radius.
        """
        compared = [] if comparison is None else [m.name for m in comparison.measures]
        common = self._common(entries)
        return max(
            (key for key in common if key.name == name and scale in ("", key.scale)),
            key=lambda key: (
                common[key].measure.label in compared,
                key.scale == "filter",
                key.operator in (None, "hessian"),
                key.radius or 0.0,
            ),
            default=None,
        )

    def called(self, measure: str, entries: Sequence[Entry]) -> Key | None:
        """The measure that a comparison names so, if all entries have it."""
        common = self._common(entries)
        return next((k for k, found in common.items() if found.measure.label == measure), None)

    def _common(self, entries: Sequence[Entry]) -> dict[Key, Reading]:
        """What all entries have, with a reading of the first."""
        first, *others = (
            {key: reading for r in e.labels for key, reading in self._found.get(r, {}).items()}
            for e in entries
        )
        return {key: found for key, found in first.items() if all(key in o for o in others)}

    def measure(self, key: Key, entry: Entry) -> Measure:
        """The measure as a run of ``entry`` holds it."""
        return next(
            self._found[r][key].measure for r in entry.labels if key in self._found.get(r, {})
        )

    def value(self, key: Key, entry: Entry) -> Value | None:
        """Of one network with its error, of several runs their median and range."""
        found = [self._found[r][key] for r in entry.labels if key in self._found.get(r, {})]
        if len(entry.labels) == 1 and found:
            return _of_one(found[0])
        return median_of(reading.measure.value for reading in found)


def median_of(values: Iterable[float]) -> Value | None:
    """The median of runs and their range."""
    found = list(values)
    if not found:
        return None
    return Value(value=statistics.median(found), low=min(found), high=max(found), over="runs")


def _key(measure: Measure) -> Key:
    return Key(measure.name, measure.scale, measure.operator, measure.radius)


def _of_one(reading: Reading) -> Value:
    """With what it says of the set that the examples stand for, where that is known."""
    m, whole = reading.measure, reading.population
    if whole is not None and whole.no_error:
        return Value(value=m.value)
    if whole is not None:
        return Value(
            value=m.value, low=whole.low, high=whole.high, stderr=whole.stderr, over=EXAMPLES
        )
    # A solver's residual says nothing of other examples; it stands in the details.
    ends, stderr, over = m.interval, m.stderr, m.error_over
    if reading.over_shards is not None:
        stderr, over = reading.over_shards.stderr, "data shards"
        ends = reading.over_shards.interval()
    if ends is None or over == OF_SOLVER:
        return Value(value=m.value)
    return Value(value=m.value, low=ends[0], high=ends[1], stderr=stderr, over=over)
