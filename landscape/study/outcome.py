"""From all runs' results to the study's outcome and its report."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from landscape.analysis.provenance import start_clock
from landscape.report import write_report
from landscape.report.sections.study import split_study
from landscape.results import save_result
from landscape.results.study import Study, StudyRun
from landscape.study.accuracy import (
    accuracy_differences,
    final_accuracy,
    recipe_accuracies,
    speed_rows,
)
from landscape.study.contrasts import compare_contrasts
from landscape.study.controls import check_control
from landscape.study.folder import StudyFolder
from landscape.study.gathered import (
    Curves,
    by_recipe,
    finished_results,
    results_along,
    training_curves,
)
from landscape.study.links import outcome_links
from landscape.study.matching import loss_matched_rows, loss_matched_runs, unmatched
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run
from landscape.study.scales import recipe_scales


def write_outcome(
    plan: Plan, folder: StudyFolder, *, command: str, figures: Sequence[str] = ()
) -> tuple[Path, Study]:
    """Judge what was measured and write the report; runs that failed are named in it.

    Raises
    ------
    ValueError
        If no run was finished.
    """
    clock = start_clock()
    results = finished_results(plan, folder)
    if not results:
        reasons = "; ".join(
            f"{r.label}: {r.reason}" for run in plan.runs if (r := folder.record(run.label)).reason
        )
        raise ValueError(f"no run of the study was finished, so there is no report. {reasons}")
    curves = training_curves(plan, folder)
    copies = loss_matched_runs(plan, curves)
    along = results_along(copies, folder)
    recipes = {label: name for label, (name, _) in plan.labels.items()}
    groups = by_recipe(results, recipes, plan.analysis.split)
    # Each network once: rescaled copies compute the same.
    trained = {r.name: groups[r.name] for r in plan.recipes if r.name in groups}
    comparison = compare_contrasts(
        groups, plan.comparison, split=plan.analysis.split, command=command
    )
    runs = tuple(_run_rows((*plan.runs, *copies), folder, curves))
    whole = by_recipe(
        results | along, recipes | {c.label: c.recipe for c in copies}, plan.analysis.split
    )
    matched = loss_matched_rows(plan, whole, comparison, command=command)
    lacking = unmatched(comparison, matched) if plan.comparison.loss_matched_seeds else []
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
        links=outcome_links(trained, plan.comparison),
        alpha=plan.comparison.alpha,
        notes=(*plan.warnings, *_declared_later(folder.added), *lacking),
        loss_matched=matched,
        scales=recipe_scales(plan, groups),
    )
    save_result(study, folder.study)
    if comparison is not None:
        save_result(comparison, folder.comparison)
    others, sections = split_study(study, [r for found in results.values() for r in found])
    page = write_report(
        folder.root,
        others,
        title=plan.title,
        comparison=comparison,
        further=sections,
        figures=figures,
    )
    return page, study


def _declared_later(added: Sequence[str]) -> list[str]:
    if not added:
        return []
    return [
        f"Asked for after the first runs, and what no verdict above rests on: {', '.join(added)}."
    ]


def _run_rows(runs: Iterable[Run], folder: StudyFolder, curves: Curves) -> Sequence[StudyRun]:
    rows = []
    for run in runs:
        record = folder.record(run.label)
        trained = run.epoch is None
        known = curves.get(run.recipe, {}).get(run.config.seed) if trained else None
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
                epoch=run.epoch,
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
