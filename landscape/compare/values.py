"""The measures that stored results hold: each value with what it must share to be compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from landscape.catalog import MeasureKind
from landscape.catalog.measure_kind import OVER_NOISE, OVER_PROBES
from landscape.compare.groups import Analysed
from landscape.results import Measure, Result, SharpnessTable, measure_title, readings_of
from landscape.results.readings import Conditions, stderr_over

_PROBED = (OVER_PROBES, OVER_NOISE)


class Key(NamedTuple):
    """What a measure is, settings aside."""

    name: str  # of catalog.MEASURES
    scale: str
    radius: float | None
    layer: str | None


@dataclass(frozen=True, kw_only=True)
class Value:
    """A measure of one checkpoint."""

    row: Measure
    spiking: bool  # whether the network is
    settings: Conditions  # what was measured, how
    shards: tuple[float, ...] = ()  # as measured on each part of the examples

    @property
    def key(self) -> Key:
        return Key(self.row.name, self.row.scale, self.row.radius, self.row.layer)

    @property
    def name(self) -> str:
        params = self._params
        return self.row.label if params == "*" else f"{self.row.label} of {params}"

    @property
    def title(self) -> str:
        """The name for a reader."""
        return measure_title(self.row, spiking=self.spiking, params=self._params)

    @property
    def is_of_all(self) -> bool:
        """Whether it is of all parameters."""
        return self._params == "*"

    @property
    def _params(self) -> str:
        return dict(self.settings).get("parameters", "*")

    @property
    def probe_stderr(self) -> float:
        """Of the value; 0 where it comes from examples or a solver, which are no probes."""
        return (self.row.stderr or 0.0) if self.row.error_over in _PROBED else 0.0

    @property
    def shard_stderr(self) -> float | None:
        """Standard error of the value from the spread over parts of the examples."""
        return stderr_over(self.shards)

    @property
    def recentred_shards(self) -> tuple[float, ...]:
        """Shard values times the factor that makes the whole's value their geometric mean.

        The largest eigenvalue of a part exceeds that of the whole; only the scatter is wanted.
        """
        if len(self.shards) < 2 or min(*self.shards, self.row.value) <= 0:
            return ()
        product = 1.0
        for shard in self.shards:
            product *= (shard / self.row.value) ** (1 / len(self.shards))
        return tuple(shard / product for shard in self.shards)


def values_of(checkpoint: Analysed, fits: Callable[[MeasureKind], bool]) -> list[Value]:
    """The measures of a checkpoint that fit; an operator's from its own results if stored."""
    tables = [r for r in checkpoint.results if isinstance(r, SharpnessTable)]
    found = [v for r in checkpoint.results if r not in tables for v in _of_result(r, fits)]
    own = {(v.key, v.row.operator) for v in found}
    rows = [v for table in tables for v in _of_result(table, fits)]
    return [*found, *(v for v in rows if (v.key, v.row.operator) not in own)]


def _of_result(result: Result, fits: Callable[[MeasureKind], bool]) -> Iterator[Value]:
    subject = result.subject
    shared = (
        ("data", subject.data),
        (
            "examples",
            f"{subject.num_examples} of {subject.split} ({subject.examples_sha256[:12]})",
        ),
        ("loss", subject.loss_name),
    )
    for reading in readings_of(result):
        if fits(reading.kind):
            yield Value(
                row=reading.measure,
                spiking=subject.spiking,
                settings=(*shared, *reading.conditions),
                shards=reading.shards,
            )
