"""What a study adds to the results of its checkpoints: runs, controls, accuracy and speed."""

from dataclasses import dataclass
from typing import Annotated

from landscape.results.arrays import Array, Shape
from landscape.results.base import Result, Stored
from landscape.results.subject import OperatorSpec
from landscape.values import Interval, Levels, WithinGroupCorrelation

ByEpoch = Annotated[Array, Shape("E", measured=True)]


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """One training of the plan, and what became of it."""

    label: str
    recipe: str
    seed: int
    state: str  # waiting | begun | done | failed
    reason: str  # why it failed, and in which stage; empty otherwise
    training_seconds: float
    analysis_seconds: float
    epoch: int | None = None  # after which the copy was made that was measured; None: the last
    train_loss: float | None = None  # at the final weights
    train_accuracy: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class RecipeAccuracy:
    """Final accuracy of a recipe, as fractions."""

    recipe: str
    split: str
    num_runs: int
    mean: float
    interval: Interval | None  # of the mean over seeds; None with one run
    lowest: float
    highest: float
    claimed: float | None  # what was claimed of such runs
    words: str  # whether the interval reaches it


@dataclass(frozen=True, kw_only=True)
class AccuracyDifference:
    """Test accuracy of a recipe less that of another, paired by seed, as fractions."""

    group: str
    baseline: str
    num_pairs: int
    difference: float  # the centre of the pairs
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class SpeedRow:
    """Epochs until a test accuracy is first reached, between epochs by linear interpolation."""

    group: str
    baseline: str
    accuracy: float
    epochs: float | None  # median over the group's runs that reach it; None: none does
    baseline_epochs: float | None
    num_reached: tuple[int, int]  # of the group and of the baseline
    num_runs: tuple[int, int]
    num_pairs: int  # of seeds where both reach it
    ratio: float | None  # the centre of these pairs, group over baseline
    interval: Interval | None  # of the ratio
    words: str


@dataclass(frozen=True, kw_only=True)
class JudgedAt:
    """A contrast by one measure, between networks chosen in one way."""

    num_pairs: int
    loss_ratio: float | None  # median of the group's loss over the baseline's
    scale: str  # ratio | difference
    estimate: float
    interval: Interval | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class LossMatchedRow:
    """A contrast by one measure: at the last epoch, and between networks of one training loss."""

    group: str
    baseline: str
    measure: str  # in words
    by_epoch: JudgedAt
    by_loss: JudgedAt


@dataclass(frozen=True, kw_only=True)
class RecipeScale:
    """How large a recipe's weights are at the start, and what is then measured of its networks."""

    recipe: str
    init: str
    optimizer: str
    gain: float
    in_sweep: bool  # differs from another recipe in its gain alone
    scale: float  # geometric mean over layers of fan-in times the weights' variance
    measure: str  # in words
    values: tuple[float, ...]  # a run each


@dataclass(frozen=True, kw_only=True)
class ControlRow:
    """A comparison whose outcome was known beforehand."""

    name: str
    group: str
    baseline: str
    expected: str
    found: str
    passed: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class OutcomeLink(WithinGroupCorrelation):
    """Sharpness by a primary measure against a harm, by ranks within recipes.

    Positive: of two runs of a recipe the flatter one tends to fare better.
    """

    measure: str
    title: str  # the measure's, for a reader
    outcome: str  # the harm, in words
    p_holm: float | None  # over all links of the study


@dataclass(frozen=True, kw_only=True, eq=False)
class Study(Stored):
    """A plan's outcome, beside the verdicts on its contrasts."""

    title: str
    plan_sha256: str
    num_tests: int  # in the family that Holm's correction spans
    total_seconds: float  # of all runs together, on one thread each
    runs: tuple[StudyRun, ...]
    controls: tuple[ControlRow, ...]
    accuracies: tuple[RecipeAccuracy, ...]
    differences: tuple[AccuracyDifference, ...]
    speeds: tuple[SpeedRow, ...]
    links: tuple[OutcomeLink, ...] = ()
    alpha: float = Levels.alpha  # at which links are called distinguishable from zero
    notes: tuple[str, ...]
    loss_matched: tuple[LossMatchedRow, ...] = ()
    scales: tuple[RecipeScale, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class CurvatureCourse(Result):
    """Curvature along one training, from copies of the weights; E epochs."""

    operator: OperatorSpec
    epochs: Annotated[Array, Shape("E")]  # 0 is the initialisation
    losses: ByEpoch  # on the same examples
    lambda_max: ByEpoch  # of the plain operator
    lambda_residual: ByEpoch
    trace: ByEpoch
    trace_stderr: ByEpoch  # over probes
    rise: ByEpoch  # expected, under noise relative to the filters' norms
    rise_stderr: ByEpoch  # over noise pairs
    radius: float  # ρ of the noise
    learning_rates: ByEpoch  # of the epoch that begins there; 0 at the end
    edges: ByEpoch  # (2 + 2 m) / lr of plain SGD; NaN: no such edge


@dataclass(frozen=True, kw_only=True, eq=False)
class OneImageSpectrum(Result):
    """The published protocol: the formal Hessian of the loss of a single test image."""

    operator: OperatorSpec
    largest: tuple[float, ...]  # by value, descending
    residuals: tuple[float, ...]
    trace: float
