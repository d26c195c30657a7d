"""What a study's finished runs left: their results by label, by recipe, and their curves."""

from collections.abc import Iterable, Mapping

from landscape.compare.groups import Analysed
from landscape.results import Result, load_result
from landscape.results.training import TrainingCurves
from landscape.study.folder import StudyFolder
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run

Found = Mapping[str, list[Result]]  # by label
Curves = Mapping[str, Mapping[int, TrainingCurves]]  # by recipe and seed


def finished_results(plan: Plan, folder: StudyFolder) -> dict[str, list[Result]]:
    """Results of finished trainings and their rescaled copies, in the plan's order."""
    finished = {(run.recipe, run.config.seed) for run in done(plan.runs, folder)}
    source = {c.name: c.of for c in plan.copies}
    return {
        label: list(found.values())
        for label, (name, seed) in plan.labels.items()
        if (source.get(name, name), seed) in finished
        and (found := folder.finished(label).results())
    }


def results_along(copies: Iterable[Run], folder: StudyFolder) -> dict[str, list[Result]]:
    """Results of the copies along trainings that were measured."""
    return {
        run.label: list(folder.finished(run.label).results().values())
        for run in done(copies, folder)
    }


def done(runs: Iterable[Run], folder: StudyFolder) -> list[Run]:
    """Those that did not fail and are not under way."""
    return [run for run in runs if folder.record(run.label).state == "done"]


def by_recipe(found: Found, recipes: Mapping[str, str], split: str) -> dict[str, list[Analysed]]:
    """The checkpoints of each recipe with what was measured of them on ``split``.

    ``recipes`` names that of each label.
    """
    groups: dict[str, list[Analysed]] = {}
    for label, results in found.items():
        kept = tuple(r for r in results if r.subject.split == split)
        if kept:
            group = groups.setdefault(recipes[label], [])
            group.append(Analysed(subject=kept[0].subject, results=kept))
    return groups


def training_curves(plan: Plan, folder: StudyFolder) -> Curves:
    """How the finished trainings went; nothing else of theirs is read."""
    curves: dict[str, dict[int, TrainingCurves]] = {}
    for run in done(plan.runs, folder):
        path = folder.result(run.label, "training")
        if path.exists():
            found = load_result(path)
            assert isinstance(found, TrainingCurves)
            curves.setdefault(run.recipe, {})[run.config.seed] = found
    return curves
