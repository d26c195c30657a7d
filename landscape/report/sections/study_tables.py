"""The tables of a study."""

from landscape.report.numbers import rounded
from landscape.report.table import Cell, Column, Table, count_cell, number_cell, text_cell
from landscape.results.study import OneImageSpectrum, Study
from landscape.values import Interval


def control_table(study: Study) -> Table:
    """A row for each control: what was expected, what came."""
    titles = ("control", "group", "baseline", "expected", "found", "as expected")
    return Table(
        name="controls",
        caption="Comparisons whose outcome was known beforehand.",
        columns=_columns(titles),
        rows=tuple(
            (
                text_cell(c.name),
                text_cell(c.group),
                text_cell(c.baseline),
                text_cell(c.expected),
                text_cell(c.found, hint=c.words),
                text_cell("yes" if c.passed else "NO"),
            )
            for c in study.controls
        ),
    )


def accuracy_table(study: Study) -> Table | None:
    """Final accuracy of each recipe, in per cent, set against what was claimed."""
    if not study.accuracies:
        return None
    claimed = any(row.claimed is not None for row in study.accuracies)
    titles = ["recipe", "split", "runs", "mean (%)", "interval (%)", "lowest (%)", "highest (%)"]
    rows = []
    for a in study.accuracies:
        cells = [
            text_cell(a.recipe),
            text_cell(a.split),
            count_cell(a.num_runs),
            number_cell(100 * a.mean),
            _per_cent(a.interval),
            number_cell(100 * a.lowest),
            number_cell(100 * a.highest),
        ]
        if claimed:
            claim = None if a.claimed is None else 100 * a.claimed
            cells += [number_cell(claim), text_cell(a.words)]
        rows.append(tuple(cells))
    return Table(
        name="accuracies",
        caption="Accuracy of the trained networks: mean over seeds with its t interval.",
        columns=_columns((*titles, *(("claimed (%)", "claim") if claimed else ()))),
        rows=tuple(rows),
    )


def difference_table(study: Study) -> Table | None:
    """Test accuracy of each contrast, paired by seed, in points."""
    if not study.differences:
        return None
    return Table(
        name="accuracy-differences",
        caption="Test accuracy, group less baseline, paired by seed, in percentage points.",
        columns=_columns(("group", "baseline", "pairs", "difference", "interval")),
        rows=tuple(
            (
                text_cell(d.group),
                text_cell(d.baseline),
                count_cell(d.num_pairs),
                number_cell(100 * d.difference, digits=3),
                _per_cent(d.interval),
            )
            for d in study.differences
        ),
    )


def speed_table(study: Study) -> Table | None:
    """Epochs to reach an accuracy."""
    if not study.speeds:
        return None
    titles = (
        "group",
        "baseline",
        "test accuracy (%)",
        "epochs",
        "baseline's epochs",
        "reached by",
        "pairs",
        "ratio",
        "interval",
        "verdict",
    )
    return Table(
        name="epochs-to-accuracy",
        caption=(
            "Epochs until a test accuracy is first reached: medians, and the ratio over the seeds "
            "with which both recipes reach it."
        ),
        columns=_columns(titles),
        rows=tuple(
            (
                text_cell(s.group),
                text_cell(s.baseline),
                number_cell(100 * s.accuracy),
                number_cell(s.epochs, digits=3),
                number_cell(s.baseline_epochs, digits=3),
                text_cell(
                    f"{s.num_reached[0]} of {s.num_runs[0]}, {s.num_reached[1]} of {s.num_runs[1]}"
                ),
                count_cell(s.num_pairs),
                number_cell(s.ratio, digits=3),
                _interval(s.interval, 1),
                text_cell(s.words),
            )
            for s in study.speeds
        ),
        note="A ratio of 0.5 is half the epochs.",
    )


def run_table(study: Study) -> Table:
    """Every training of the plan, and what became of it."""
    titles = (
        "run",
        "recipe",
        "seed",
        "state",
        "train loss",
        "train accuracy",
        "test accuracy",
        "training (s)",
        "analysis (s)",
    )
    return Table(
        name="runs",
        caption="The runs, each on its own process.",
        columns=_columns(titles),
        rows=tuple(
            (
                text_cell(r.label),
                text_cell(r.recipe),
                count_cell(r.seed),
                text_cell(r.state, hint=r.reason),
                number_cell(r.train_loss),
                number_cell(r.train_accuracy),
                number_cell(r.test_accuracy),
                number_cell(r.training_seconds, digits=3),
                number_cell(r.analysis_seconds, digits=3),
            )
            for r in study.runs
        ),
        folded=True,
    )


def one_image_table(study: Study, results: list[OneImageSpectrum]) -> Table:
    """A row a recipe: the first seed's largest eigenvalue, then the range over all seeds."""
    recipes = {r.label: r.recipe for r in study.runs}
    found: dict[str, list[OneImageSpectrum]] = {}
    for result in results:
        found.setdefault(recipes.get(result.subject.label, result.subject.label), []).append(result)
    rows = []
    for recipe, members in found.items():
        top = [m.largest[0] for m in members]
        rows.append(
            (
                text_cell(recipe),
                number_cell(top[0], members[0].residuals[0]),
                number_cell(min(top)),
                number_cell(max(top)),
                count_cell(len(members)),
                number_cell(members[0].trace),
                number_cell(members[0].subject.loss),
                number_cell(members[0].subject.grad_norm),
            )
        )
    titles = (
        "recipe",
        "λ_max, first seed",
        "lowest seed",
        "highest seed",
        "seeds",
        "trace, first seed",
        "loss of the image",
        "gradient norm",
    )
    return Table(
        name="one-image",
        caption="Largest eigenvalue of the plain formal Hessian on the first test image.",
        columns=_columns(titles),
        rows=tuple(rows),
    )


def _columns(titles: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(
        Column(key="".join(c if c.isalnum() else "_" for c in t).strip("_"), title=t)
        for t in titles
    )


def _per_cent(interval: Interval | None) -> Cell:
    return _interval(interval, 100)


def _interval(interval: Interval | None, factor: float) -> Cell:
    if interval is None:
        return text_cell(None)
    low, high = (rounded(factor * end, digits=3).text() for end in (interval.low, interval.high))
    return text_cell(f"{low} to {high}", hint=interval.method)
