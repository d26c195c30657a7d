"""Groups of checkpoints set against a baseline: what was compared, what it showed, and why.

The numbers of ``landscape.statistics`` in a form that is stored: each row carries its own words,
so that a page can be made again without judging again.
"""

from dataclasses import dataclass

from landscape.results.base import Stored
from landscape.values import Interval, Levels, VarianceComponents, WithinGroupCorrelation


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One checkpoint that was a candidate: of one training run, after one epoch."""

    label: str
    checkpoint: str  # the path as it was given
    checkpoint_sha256: str
    seed: int | None  # of its training; None: unknown
    epoch: int | None
    loss: float  # mean over the examples of the comparison
    accuracy: float | None  # likewise, a fraction
    test_accuracy: float | None  # as its training logged it


@dataclass(frozen=True, kw_only=True)
class ComparedGroup:
    """Checkpoints that share a recipe."""

    name: str
    runs: tuple[ComparedRun, ...]


@dataclass(frozen=True, kw_only=True)
class RunValue:
    """One measure of one checkpoint."""

    label: str
    value: float  # on all examples
    stderr: float  # from probes or noise; 0 where none went in
    shards: tuple[float, ...]  # on disjoint parts of the examples; empty: not measured


@dataclass(frozen=True, kw_only=True)
class JudgedMeasure:
    """What a verdict needs to know of a measure."""

    name: str  # e.g. lambda_max[filter] hessian
    title: str  # for sentences
    larger_is: str  # sharper | flatter
    # Certified on all networks compared; where they have no certificates, by its kind.
    scale_invariant: bool
    hard_forward: bool  # read off losses of the network as deployed, spikes and all
    mismatch: str = ""  # what the values do not share, in words; empty: nothing
    # Whether all networks were seen to keep it, moved along their symmetries; None: not known.
    certified: bool | None = None
    certificate: str = ""  # the same in words
    # What a certificate rests on: moves that change some scale, and not this one.
    certified_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ComparedMeasure(JudgedMeasure):
    """What was compared, and its value on every checkpoint that has one."""

    formula: str
    source: str
    unit: str
    settings: dict[str, str]  # shared by all values: examples, loss, operator, …
    values: tuple[RunValue, ...]


@dataclass(frozen=True, kw_only=True)
class MeasureRow:
    """One measure of one pair of groups, judged."""

    measure: str  # a name among ``Comparison.measures``
    verdict: str  # flatter | sharper | equivalent | undecided
    reason: str
    scale: str  # ratio | difference: of the estimate and its intervals
    estimate: float  # central ratio to the baseline
    interval: Interval | None
    other_intervals: tuple[Interval, ...]
    test: str
    p_value: float
    p_floor: float  # the smallest that so many runs can give
    p_holm: float  # corrected over all measures and pairs
    equivalence_p: float | None
    equivalence_p_holm: float | None
    detectable_ratio: float | None  # > 1: it or its inverse could have been shown
    runs_needed: int | None  # pairs (or runs a group) that find a ratio at the bounds
    components: VarianceComponents | None
    num_runs: tuple[int, int]  # of the group and of the baseline
    num_left_out: int
    # Why what is seen is none of the minima, so that no gate goes by it; empty: nothing says so.
    withheld: str = ""


@dataclass(frozen=True, kw_only=True)
class PairVerdict:
    """The answer for one group against its baseline."""

    group: str
    baseline: str
    verdict: str
    reason: str
    measures: tuple[MeasureRow, ...]


@dataclass(frozen=True, kw_only=True)
class PairRow(PairVerdict):
    """The same with the checkpoints that it rests on."""

    paired: bool  # by seed
    runs: tuple[str, ...]  # labels, in the order of ``baseline_runs`` where paired
    baseline_runs: tuple[str, ...]
    matched: str  # how the checkpoints were chosen, and what gap in loss is left
    loss_ratio: float | None  # median of the group's loss over the baseline's


@dataclass(frozen=True, kw_only=True)
class AccuracyRow(WithinGroupCorrelation):
    """Flatness, as the logarithm of a measure, against test accuracy: no part of the verdict."""

    measure: str
    p_holm: float | None  # over the measures


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings(Levels):
    """Declared before looking."""

    primary: str  # the measure that decides
    primary_declared: bool  # named by the user, or chosen by rule
    match: str  # epoch | loss | none
    split: str
    allow_mismatch: bool
    turns: bool = False  # the primary measure tested first, and only then the others
    primary_reason: str = ""  # why that one, and whether it is certified as invariant, in words


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison(Stored):
    """Several groups of checkpoints against one of them."""

    baseline: str
    settings: ComparisonSettings
    groups: tuple[ComparedGroup, ...]
    measures: tuple[ComparedMeasure, ...]
    pairs: tuple[PairRow, ...]
    accuracy: tuple[AccuracyRow, ...]
    notes: tuple[str, ...]

    def measure(self, name: str) -> ComparedMeasure:
        """The measure of that name.

        Raises
        ------
        ValueError
            If it was not compared.
        """
        for measure in self.measures:
            if measure.name == name:
                return measure
        known = ", ".join(m.name for m in self.measures)
        raise ValueError(f"name must be a measure that was compared ({known}); got {name!r}.")
