"""From all runs' results to the study's outcome and its report."""

from collections.abc import Sequence
from pathlib import Path

import torch

from landscape.analysis.provenance import start_clock
from landscape.compare.groups import Analysed
from landscape.report import write_report
from landscape.report.sections.study import split_study
from landscape.results import Result, save_result
from landscape.results.study import Study, StudyRun
from landscape.results.training import TrainingCurves
from landscape.study.accuracy import (
    Curves,
    accuracy_differences,
    final_accuracy,
    recipe_accuracies,
    speed_rows,
)
from landscape.study.contrasts import compare_contrasts
from landscape.study.controls import check_control
from landscape.study.folder import StudyFolder
from landscape.study.links import outcome_links
from landscape.study.plan import Plan


def write_outcome(plan: Plan, folder: StudyFolder, *, command: str) -> tuple[Path, Study]:
    """Judge what was measured and write the report; runs that failed are named in it.

    Raises
    ------
    ValueError
        If no run was finished.
    """
    clock = start_clock()
    results = _results(plan, folder)
    if not results:
        reasons = "; ".join(
            f"{r.label}: {r.reason}" for run in plan.runs if (r := folder.record(run.label)).reason
        )
        raise ValueError(f"no run of the study was finished, so there is no report. {reasons}")
    groups = _groups(plan, results)
    comparison = compare_contrasts(
        groups, plan.comparison, split=plan.analysis.split, command=command
    )
    curves = _curves(plan, results)
    runs = tuple(_run_rows(plan, folder, curves))
    study = Study(
        provenance=clock.provenance(
            command=command, seed=plan.comparison.seed, device=torch.device("cpu")
        ),
        title=plan.title,
        plan_sha256=plan.sha256,
        num_tests=plan.num_tests,
        total_seconds=round(sum(r.training_seconds + r.analysis_seconds for r in runs), 1),
        runs=runs,
        controls=tuple(check_control(c, groups, plan.comparison) for c in plan.controls),
        accuracies=recipe_accuracies(curves, plan.comparison),
        differences=accuracy_differences(curves, plan.comparison),
        speeds=speed_rows(curves, plan.comparison),
        links=outcome_links(_trained(plan, groups), plan.comparison),
        alpha=plan.comparison.alpha,
        notes=plan.warnings,
    )
    save_result(study, folder.study)
    if comparison is not None:
        save_result(comparison, folder.comparison)
    others, sections = split_study(study, [r for found in results.values() for r in found])
    page = write_report(
        folder.root, others, title=plan.title, comparison=comparison, further=sections
    )
    return page, study


def _results(plan: Plan, folder: StudyFolder) -> dict[str, list[Result]]:
    """Results of finished runs and their copies, by label, in the plan's order."""
    finished = {
        (run.recipe, run.config.seed)
        for run in plan.runs
        if folder.record(run.label).state == "done"
    }
    source = {c.name: c.of for c in plan.copies}
    return {
        label: list(found.values())
        for label, (name, seed) in plan.labels.items()
        if (source.get(name, name), seed) in finished
        and (found := folder.finished(label).results())
    }


def _groups(plan: Plan, results: dict[str, list[Result]]) -> dict[str, list[Analysed]]:
    groups: dict[str, list[Analysed]] = {}
    for label, found in results.items():
        kept = tuple(r for r in found if r.subject.split == plan.analysis.split)
        if kept:
            name, _ = plan.labels[label]
            groups.setdefault(name, []).append(Analysed(subject=kept[0].subject, results=kept))
    return groups


def _trained(plan: Plan, groups: dict[str, list[Analysed]]) -> dict[str, list[Analysed]]:
    """Each network once: without the copies, which compute the same."""
    return {r.name: groups[r.name] for r in plan.recipes if r.name in groups}


def _curves(plan: Plan, results: dict[str, list[Result]]) -> Curves:
    curves: dict[str, dict[int, TrainingCurves]] = {}
    for label, found in results.items():
        name, seed = plan.labels[label]
        for result in found:
            if isinstance(result, TrainingCurves):
                curves.setdefault(name, {})[seed] = result
    return curves


def _run_rows(plan: Plan, folder: StudyFolder, curves: Curves) -> Sequence[StudyRun]:
    rows = []
    for run in plan.runs:
        record = folder.record(run.label)
        known = curves.get(run.recipe, {}).get(run.config.seed)
        training = known.subject.training if known else None
        reason = f"{record.stage}: {record.reason}" if record.state == "failed" else ""
        rows.append(
            StudyRun(
                label=run.label,
                recipe=run.recipe,
                seed=run.config.seed,
                state=record.state,
                reason=reason,
                training_seconds=record.training_seconds,
                analysis_seconds=record.analysis_seconds,
                train_loss=training.train_loss if training else None,
                train_accuracy=final_accuracy(known, "train") if known else None,
                test_accuracy=final_accuracy(known, "test") if known else None,
            )
        )
    return rows


def failures(study: Study) -> list[str]:
    """What ``--strict`` does not let pass: failed runs, and controls that came out wrong."""
    return [
        *(f"{r.label} failed ({r.reason})" for r in study.runs if r.state == "failed"),
        *(
            f"control {c.name!r} came out {c.found}, expected {c.expected} ({c.words})"
            for c in study.controls
            if not c.passed
        ),
    ]
