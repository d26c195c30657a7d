"""A study as it was declared before anything ran: trainings, analyses, what decides, controls."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from landscape.analysis.budget import Budget
from landscape.analysis.spectrum.settings import OperatorSettings, SpectrumSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import ANALYSES
from landscape.catalog.words import MOST_EXAMPLES
from landscape.compare.settings import DecisionSettings
from landscape.snn.schemes import scheme_by_name
from landscape.statistics.permutation import pairs_needed
from landscape.training.config import TrainConfig

Expectation = Literal["flatter", "sharper", "equivalent", "no difference", "identical"]
EXPECTATIONS = get_args(Expectation)

# The spectrum blind to rescaled filters, and the rise of the loss that spikes really compute.
DEFAULT_PRIMARY = ("lambda_max[filter] hessian", "expected_rise[filter] ρ=0.1")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that decides a study's numbers, apart from the machine."""

    title: str
    recipes: tuple[Recipe, ...]
    copies: tuple[RescaledCopy, ...]
    analysis: AnalysisPlan
    comparison: ComparisonPlan
    controls: tuple[Control, ...]

    def __post_init__(self) -> None:
        names = [r.name for r in self.recipes] + [c.name for c in self.copies]
        _require(bool(self.recipes), "a plan must train something; it has no recipe.")
        for name in names:
            _require(
                _NAME.fullmatch(name) is not None,
                f"a recipe's name must be letters, digits, dots and dashes; got {name!r}.",
            )
            _require(names.count(name) == 1, f"recipe {name!r} is there twice. Rename one.")
        trained = {r.name for r in self.recipes}
        for recipe in self.recipes:
            scheme_by_name(recipe.config.init)
            _require(bool(recipe.seeds), f"recipe {recipe.name!r} has no seeds.")
        for copy in self.copies:
            _require_known(copy.of, trained, f"copy {copy.name!r} is of")
            _require(copy.factor > 0, f"factor must be positive; got {copy.factor}.")
        _require(bool(self.comparison.contrasts), "contrasts must hold at least one pair.")
        _require(bool(self.comparison.primary), "primary must name at least one measure.")
        for pair in self.comparison.contrasts:
            for name in pair:
                _require_known(name, trained, "contrasts name")
            _require(pair[0] != pair[1], f"a contrast needs two recipes; got {pair[0]!r} twice.")
        for control in self.controls:
            for name in (control.group, control.baseline):
                _require_known(name, set(names), f"control {control.name!r} names")
            _require(
                control.expect in EXPECTATIONS,
                f"expect must be one of {', '.join(EXPECTATIONS)}; got {control.expect!r}.",
            )
        for name in self.analysis.only:
            _require_known(name, set(ANALYSES), "only names the analysis")
        for name, sd in self.comparison.scatter.items():
            _require_known(name, set(self.comparison.all_measures), "scatter names the measure")
            _require(sd > 0, f"scatter of {name!r} must be positive; got {sd}.")
        wanted = self.comparison.loss_matched_seeds
        _require(wanted >= 0, f"loss_matched_seeds must be 0 or more; got {wanted}.")

    @property
    def runs(self) -> tuple[Run, ...]:
        """All trainings, one seed of every recipe after another: a study cut short is balanced."""
        found = []
        for position in range(max(len(r.seeds) for r in self.recipes)):
            for recipe in self.recipes:
                if position < len(recipe.seeds):
                    seed = recipe.seeds[position]
                    wanted = self.analysis.curvature_seeds
                    found.append(
                        Run(
                            label=label_of(recipe.name, seed),
                            recipe=recipe.name,
                            config=dataclasses.replace(recipe.config, seed=seed),
                            with_course=self.analysis.curvature_every > 0
                            and (wanted is None or position < wanted),
                        )
                    )
        return tuple(found)

    def recipe(self, name: str) -> Recipe:
        """The one of that name, which the plan is known to have."""
        return next(r for r in self.recipes if r.name == name)

    @property
    def labels(self) -> dict[str, tuple[str, int]]:
        """The recipe (or copy) and the seed behind each label."""
        found = {r.label: (r.recipe, r.config.seed) for r in self.runs}
        for copy in self.copies:
            seeds = self.recipe(copy.of).seeds
            found |= {label_of(copy.name, seed): (copy.name, seed) for seed in seeds}
        return found

    def analyses_of(self, run: Run) -> tuple[tuple[str, str], ...]:
        """All that is measured of a run and of its copies: labels with names of analyses."""
        only = self.analysis.only
        found = [(run.label, name) for name in only]
        if self.analysis.one_image and run.epoch is None:
            found.append((run.label, "one-image"))
        if run.with_course:
            found.append((run.label, "course"))
        for copy in self.copies_of(run):
            label = label_of(copy.name, run.config.seed)
            found += [(label, name) for name in only]
        return tuple(found)

    def course_epochs(self, config: TrainConfig) -> tuple[int, ...]:
        """Epochs after which the curvature is measured; 0 is the initialisation."""
        return tuple(range(0, config.epochs + 1, self.analysis.curvature_every))

    def copies_of(self, run: Run) -> tuple[RescaledCopy, ...]:
        """The copies that are made of what a run ends with."""
        return tuple(c for c in self.copies if c.of == run.recipe and run.epoch is None)

    @property
    def num_tests(self) -> int:
        """Size of the family that Holm's correction spans."""
        return len(self.comparison.contrasts) * len(self.comparison.all_measures)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the plan cannot decide however it comes out."""
        seeds = {r.name: set(r.seeds) for r in self.recipes}
        need = pairs_needed(self.comparison.alpha, self.num_tests)
        found = []
        if 0 < (matched := self.comparison.loss_matched_seeds) < need:
            found.append(
                f"loss_matched_seeds: with {matched} seeds at one training loss nothing can be "
                f"significant over {self.num_tests} tests; {need} seeds could decide."
            )
        for group, baseline in self.comparison.contrasts:
            n = len(seeds[group] & seeds[baseline])
            if n < need:
                found.append(
                    f"{group} against {baseline}: with {n} shared seeds nothing can be "
                    f"significant over {self.num_tests} tests; {need} seeds could decide."
                )
        return tuple(found)

    def record(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return found

    @property
    def sha256(self) -> str:
        text = json.dumps(self.record(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def label_of(recipe: str, seed: int) -> str:
    """The name of one run's checkpoint."""
    return f"{recipe}-s{seed}"


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _require_known(name: str, known: set[str], what: str) -> None:
    if name not in known:
        raise ValueError(f"{what} {name!r}, which is none of {', '.join(sorted(known))}.")
