"""A study's own sections: controls, scale, loss, accuracy, curvature along training, runs."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from landscape.page.material import operator_text
from landscape.page.section import ReportFigure, Section
from landscape.page.style import Stroke, strokes_for
from landscape.plotting import legend_above
from landscape.plotting.course import plot_course
from landscape.plotting.scales import plot_recipe_scales
from landscape.report.sections.study_links import links_section
from landscape.report.sections.study_tables import (
    accuracy_table,
    control_table,
    difference_table,
    loss_matched_table,
    one_image_table,
    run_table,
    speed_table,
)
from landscape.results import ControlRow, Result
from landscape.results.study import CurvatureCourse, OneImageSpectrum, RecipeScale, Study

_FEW_CONTROLS = 2  # failed ones that are named beside the headline
_MEASURES = ("lambda_max", "trace", "rise")


def split_study(study: Study, results: Sequence[Result]) -> tuple[list[Result], list[Section]]:
    """All runs' results that any report shows, runs in order, and the study's own sections.

    Parameters
    ----------
    study
        The outcome.
    results
        Those of all runs, in any order.
    """
    place = {run.label: i for i, run in enumerate(study.runs)}  # copies come last
    results = sorted(
        results, key=lambda r: (place.get(r.subject.label, len(place)), r.subject.label)
    )
    courses = [r for r in results if isinstance(r, CurvatureCourse)]
    one_image = [r for r in results if isinstance(r, OneImageSpectrum)]
    along = {run.label for run in study.runs if run.epoch is not None}
    others = [
        r
        for r in results
        if not isinstance(r, CurvatureCourse | OneImageSpectrum) and r.subject.label not in along
    ]
    sections = (
        _controls(study),
        _scales(study),
        _loss_matched(study),
        _accuracy(study),
        links_section(study),
        _course(study, courses),
        _one_image(study, one_image),
        _runs(study),
    )
    return others, [section for section in sections if section is not None]


def _controls(study: Study) -> Section | None:
    if not study.controls:
        return None
    wrong = [c.name for c in study.controls if not c.passed]
    lead = (
        "All controls came out as they must."
        if not wrong
        else f"Not as expected: {', '.join(wrong)}. Read the verdicts with that in mind."
    )
    return Section(
        key="controls",
        title="Controls",
        summary=lead,
        warning=_failed(study.controls),
        paragraphs=(
            "Comparisons whose outcome was declared with the plan: a recipe against itself must "
            "show no difference, a copy with rescaled filters must give a ratio of 1, and what is "
            "known to flatten minima must show. Each is judged on the primary measures alone, as "
            "a family of its own.",
        ),
        tables=(control_table(study),),
        notes=tuple(f"{c.name}: {c.words}" for c in study.controls),
    )


def _failed(controls: Sequence[ControlRow]) -> str:
    """Which came out wrong, and how: undecided is not the same as flatter where nothing differs."""
    wrong = [c for c in controls if not c.passed]
    if not wrong:
        return ""
    told = [f"{c.name} came out {c.found}, not {c.expected}" for c in wrong[:_FEW_CONTROLS]]
    told += ["others too"] * (len(wrong) > _FEW_CONTROLS)
    return f"{len(wrong)} of {len(controls)} controls failed: {'; '.join(told)}"


def _scales(study: Study) -> Section | None:
    if not study.scales:
        return None
    measures = dict.fromkeys(row.measure for row in study.scales)
    named = list(dict.fromkeys(row.init for row in study.scales))
    swept = next(row for row in study.scales if row.in_sweep)
    runs = max(len(row.values) for row in study.scales)
    return Section(
        key="scale",
        title="This initialisation, or this scale?",
        summary=f"{swept.init} at several gains, the others beside it ({swept.optimizer})",
        paragraphs=(
            "Schemes differ in the scale of the weights before anything else. The line is one "
            "scheme times several gains; a scheme whose bar lies on the line owes what it shows "
            "to its scale, one beside the line to something of its own.",
        ),
        figures=tuple(
            ReportFigure(
                name=f"scale-{number + 1}",
                draw=partial(_draw_scales, study.scales, measure),
                height=3.4,
                caption=f"{measure[0].upper()}{measure[1:]} against the scale of the initial "
                "weights (geometric mean over layers; 1 is LeCun's, 2 Kaiming's). Dots: runs; "
                f"bars: median and range of up to {runs} runs of the named schemes.",
                alt=f"{measure} by the scale of initial weights for {', '.join(named)}.",
            )
            for number, measure in enumerate(measures)
        ),
    )


def _draw_scales(rows: Sequence[RecipeScale], measure: str, figure: Figure, _log: bool) -> None:
    ax = figure.subplots()
    plot_recipe_scales(rows, ax, measure=measure)
    legend_above(ax, figure)


def _loss_matched(study: Study) -> Section | None:
    if not study.loss_matched:
        return None
    rows = study.loss_matched
    same = sum(row.by_epoch.verdict == row.by_loss.verdict for row in rows)
    return Section(
        key="loss-matched",
        title="At one training loss",
        summary=f"{same} of {len(rows)} verdicts are the same",
        paragraphs=(
            "A network that is trained to a lower loss may be flatter or sharper for that reason "
            "alone. Here, of each pair, the run that ends lower is set back to the epoch whose "
            "training loss is nearest to where the other ends. Its learning rate had then not "
            "come down yet, which is a difference of its own.",
        ),
        tables=(loss_matched_table(study),),
    )


def _accuracy(study: Study) -> Section | None:
    tables = [
        table
        for table in (accuracy_table(study), difference_table(study), speed_table(study))
        if table is not None
    ]
    if not tables:
        return None
    return Section(
        key="accuracy-and-speed",
        title="Accuracy and speed of training",
        summary="by recipe, with intervals over seeds",
        tables=tuple(tables),
        notes=(
            "Intervals are over training runs, each on its own, not corrected for their number.",
        ),
    )


def _course(study: Study, courses: list[CurvatureCourse]) -> Section | None:
    if not courses:
        return None
    recipes = {r.label: r.recipe for r in study.runs}
    groups = {c.subject.label: recipes.get(c.subject.label, c.subject.label) for c in courses}
    strokes = strokes_for(list(groups.values()))
    examples = courses[0].subject
    return Section(
        key="course",
        title="Curvature along training",
        summary=f"{len(courses)} runs",
        figures=tuple(
            ReportFigure(
                name=f"course-{measure.replace('_', '-')}",
                draw=partial(_draw, courses, measure, groups, strokes),
                height=3.4,
                caption=_caption(measure, courses, examples.num_examples, examples.split),
                alt=f"{measure} by epoch for {', '.join(dict.fromkeys(groups.values()))}.",
            )
            for measure in _MEASURES
        ),
        notes=(
            "The edge (2 + 2m)/lr is where gradient descent with momentum m leaves a quadratic "
            "minimum (Cohen et al. 2021, full batches); cosine annealing raises it to infinity "
            "at the end. Adam has one of another matrix, the Hessian preconditioned by its state; "
            "that of sharpness-aware minimisation is lower and moves with the gradient.",
        ),
    )


def _one_image(study: Study, results: list[OneImageSpectrum]) -> Section | None:
    if not results:
        return None
    return Section(
        key="one-image",
        title="What one image would have said",
        summary="the published protocol beside all seeds",
        paragraphs=(
            "The published protocol looks at the Hessian of a single test image, of one training "
            "run each. The first column is all that it would have seen; the next ones show how far "
            "the same number goes on the other seeds of the same recipe. Where the ranges of two "
            "recipes overlap, the order of their first seeds is luck.",
            "An image that is fitted exactly leaves only the Gauss-Newton part, of rank 10 at "
            "most: none of its eigenvalues is then negative, whatever the initialisation.",
        ),
        tables=(one_image_table(study, results),),
    )


def _caption(measure: str, courses: list[CurvatureCourse], count: int, split: str) -> str:
    first = courses[0]
    operator = operator_text(first.operator, spiking=first.subject.spiking)
    what = {
        "lambda_max": f"Largest eigenvalue of the {operator}",
        "trace": f"Trace of the {operator}",
        "rise": f"Expected rise of the loss under noise of ρ = {first.radius:g} "
        "relative to the filters' norms",
    }[measure]
    return f"{what}, on {count:,} {split} examples; of a recipe's runs the median and range."


def _draw(
    courses: list[CurvatureCourse],
    measure: str,
    groups: dict[str, str],
    strokes: dict[str, Stroke],
    figure: Figure,
    _log: bool,
) -> None:
    ax = figure.subplots()
    plot_course(courses, ax, measure=measure, groups=groups, strokes=strokes)
    legend_above(ax, figure)


def _runs(study: Study) -> Section:
    trained = [r for r in study.runs if r.epoch is None]
    done = sum(r.state == "done" for r in trained)
    hours = study.total_seconds / 3600
    spent = f"{hours:.2g} hours" if hours >= 1 else f"{study.total_seconds / 60:.2g} minutes"
    return Section(
        key="runs",
        title="Runs",
        summary=f"{done} of {len(trained)} trainings finished",
        on_paper=False,
        paragraphs=(
            f"{done} of {len(trained)} trainings were finished; all took {spent} of one "
            "process's time. The first finished seed of each recipe is shown in detail below; "
            "all are judged above. The plan, written before the first run, has SHA-256 "
            f"{study.plan_sha256[:16]}…; {study.num_tests} tests are corrected for together.",
        ),
        tables=(run_table(study),),
        notes=(
            *(f"{r.label} failed: {r.reason}" for r in study.runs if r.state == "failed"),
            *study.notes,
        ),
    )
