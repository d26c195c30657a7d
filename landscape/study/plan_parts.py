"""What a study's plan is made of: trainings, analyses, what decides, controls."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from landscape.analysis.budget import Budget
from landscape.analysis.spectrum.settings import (
    EigenvalueSettings,
    OperatorSettings,
    SpectrumSettings,
)
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import MOST_EXAMPLES
from landscape.compare.settings import DecisionSettings
from landscape.data.choice import Choice
from landscape.training.config import TrainConfig

Expectation = Literal["flatter", "sharper", "equivalent", "no difference", "identical"]
EXPECTATIONS = get_args(Expectation)

# The spectrum blind to rescaled filters, and the rise of the loss that spikes really compute.
DEFAULT_PRIMARY = ("lambda_max[filter] hessian", "expected_rise[filter] ρ=0.1")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training and the checkpoint that it leaves, or a copy that was kept along the way.

    Attributes
    ----------
    with_course
        Whether curvature is measured along the training.
    epoch
        After which the copy was made; None: the training itself, and its end.
    """

    label: str
    recipe: str
    config: TrainConfig
    with_course: bool
    epoch: int | None = None

    @property
    def training(self) -> str:
        """Label of the training that the checkpoint is of."""
        return label_of(self.recipe, self.config.seed)

    def copied_at(self, epoch: int) -> "Run":
        """The copy of its weights after ``epoch`` epochs."""
        label = f"{self.label}-e{epoch:02}"
        return dataclasses.replace(self, label=label, with_course=False, epoch=epoch)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A configuration of training, repeated with several seeds."""

    name: str
    config: TrainConfig  # its seed aside
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RescaledCopy:
    """Copies of a recipe's networks with the filters before batch norms times ``factor``.

    They compute the same function: a measure fit for a verdict gives both the same value.
    """

    name: str
    of: str
    factor: float


@dataclass(frozen=True, kw_only=True)
class AnalysisPlan:
    """What is measured of each checkpoint.

    Attributes
    ----------
    only
        Names of analyses, of ``ANALYSES``.
    one_image
        Also the published protocol: eigenvalues on one test image, to be shown beside.
    curvature_every
        Epochs from one measurement of the curvature along training to the next; 0: none.
    curvature_seeds
        Number of seeds of each recipe for which that is done, the first ones; None: all.
    """

    budget: Budget
    only: tuple[str, ...] = ("preflight", "scaled", "sharpness")
    operator: str = OperatorSettings.operator
    examples: int = MOST_EXAMPLES
    batch_size: int = TargetSettings.batch_size
    split: str = TargetSettings.split
    seed: int = TargetSettings.seed
    num_shards: int = SpectrumSettings.num_shards
    one_image: bool = False
    curvature_every: int = 0
    curvature_seeds: int | None = None

    @property
    def choice(self) -> Choice:
        """The examples to measure on; of data that hold fewer, all."""
        return Choice(split=self.split, examples=self.examples, seed=self.seed, at_most=True)

    def __post_init__(self) -> None:
        # What they refuse, a plan refuses too, before anything runs.
        b = self.budget
        EigenvalueSettings(
            operator=self.operator,
            num_shards=self.num_shards,
            num_largest=b.num_largest,
            num_smallest=b.num_smallest,
            tol=b.tol,
            max_matvecs=b.max_matvecs,
        )
        TargetSettings(split=self.split, batch_size=self.batch_size, seed=self.seed)
        if not isinstance(self.examples, int) or self.examples < 1:
            raise ValueError(
                f"examples must be a whole number of at least 1; got {self.examples!r}."
            )


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan(DecisionSettings):
    """What decides, declared beforehand; see ``landscape.statistics.verdict``.

    Attributes
    ----------
    primary
        Measures that must agree; the first one's verdict is the verdict.
    measures
        Further ones in the same family of tests; each raises all corrected p-values.
    contrasts
        Pairs of recipes, the second the baseline.
    accuracies
        Test accuracies; epochs to reach them are counted.
    claimed_train, claimed_test
        Final accuracies that were claimed, as fractions; every recipe is set against them.
    loss_matched_seeds
        Number of seeds, the first ones, whose contrasts are also judged at one training loss: of
        each pair the run that ends lower is set back to the epoch where it had the other's. 0:
        none.
    scatter
        Standard deviation of the paired log ratio over seeds by measure, known from other seeds:
        from it a dry run tells what the plan can be expected to find.
    """

    primary: tuple[str, ...] = DEFAULT_PRIMARY
    measures: tuple[str, ...] = ()
    contrasts: tuple[tuple[str, str], ...]
    accuracies: tuple[float, ...] = ()
    claimed_train: float | None = None
    claimed_test: float | None = None
    loss_matched_seeds: int = 0
    scatter: Mapping[str, float] = field(default_factory=dict)

    @property
    def all_measures(self) -> tuple[str, ...]:
        return (*self.primary, *self.measures)


@dataclass(frozen=True, kw_only=True)
class Control:
    """A comparison whose outcome is known; group and baseline alike: two halves of its seeds."""

    name: str
    group: str
    baseline: str
    expect: Expectation


def label_of(recipe: str, seed: int) -> str:
    """The name of one run's checkpoint."""
    return f"{recipe}-s{seed}"
