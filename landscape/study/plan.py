"""A study as it was declared before anything ran: trainings, analyses, what decides, controls."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from landscape.catalog import ANALYSES
from landscape.compare.expectation import Planned, expectation, planned_pair
from landscape.snn.schemes import scheme_by_name
from landscape.statistics.permutation import pairs_needed
from landscape.study.measured import check_measures, is_compared
from landscape.study.plan_parts import (
    EXPECTATIONS,
    AnalysisPlan,
    ComparisonPlan,
    Control,
    Recipe,
    RescaledCopy,
    Run,
    label_of,
)
from landscape.training.config import TrainConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
        check_measures(self.analysis, self.comparison.all_measures)
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
        """All that is measured of a run and of its copies: labels with names of analyses.

        Of a copy along a training that is what comparisons take.
        """
        only = self.analysis.only
        found = [(run.label, name) for name in only if run.epoch is None or is_compared(name)]
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
    def pairs(self) -> tuple[Planned, ...]:
        """The contrasts, with how many runs each has."""
        return tuple(
            planned_pair(
                f"{group} against {baseline}",
                self.recipe(group).seeds,
                self.recipe(baseline).seeds,
            )
            for group, baseline in self.comparison.contrasts
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the plan cannot decide however it comes out."""
        alpha = self.comparison.alpha
        need = pairs_needed(alpha, self.num_tests)
        found = []
        if 0 < (matched := self.comparison.loss_matched_seeds) < need:
            found.append(
                f"loss_matched_seeds: with {matched} seeds at one training loss nothing can be "
                f"significant over {self.num_tests} tests; {need} seeds could decide."
            )
        too_few = [pair for pair in self.pairs if pair.floor * self.num_tests > alpha]
        return (*found, *expectation(too_few, num_tests=self.num_tests, alpha=alpha))

    def record(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return found

    @property
    def sha256(self) -> str:
        text = json.dumps(self.record(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _require_known(name: str, known: set[str], what: str) -> None:
    if name not in known:
        raise ValueError(f"{what} {name!r}, which is none of {', '.join(sorted(known))}.")
