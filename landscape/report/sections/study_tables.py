"""The tables of a study."""

from collections.abc import Iterable
from typing import NamedTuple

from landscape.page.columns import (
    count_column,
    interval_column,
    number_column,
    text_column,
)
from landscape.page.table import Column, Table
from landscape.results.study import (
    AccuracyDifference,
    ControlRow,
    JudgedAt,
    LossMatchedRow,
    OneImageSpectrum,
    RecipeAccuracy,
    SpeedRow,
    Study,
    StudyRun,
)


def _reached(row: SpeedRow) -> str:
    counts = zip(row.num_reached, row.num_runs, strict=True)
    return ", ".join(f"{reached} of {runs}" for reached, runs in counts)


_CONTROLS: list[Column[ControlRow]] = [
    text_column("control", lambda c: c.name),
    text_column("group", lambda c: c.group),
    text_column("baseline", lambda c: c.baseline),
    text_column("expected", lambda c: c.expected),
    text_column("found", lambda c: c.found, hint=lambda c: c.words),
    text_column("as expected", lambda c: "yes" if c.passed else "NO"),
]
_ACCURACIES: list[Column[RecipeAccuracy]] = [
    text_column("recipe", lambda a: a.recipe),
    text_column("split", lambda a: a.split),
    count_column("runs", lambda a: a.num_runs),
    number_column("mean (%)", lambda a: 100 * a.mean),
    interval_column("interval (%)", lambda a: a.interval, factor=100),
    number_column("lowest (%)", lambda a: 100 * a.lowest),
    number_column("highest (%)", lambda a: 100 * a.highest),
]
_CLAIMS: list[Column[RecipeAccuracy]] = [
    number_column("claimed (%)", lambda a: None if a.claimed is None else 100 * a.claimed),
    text_column("claim", lambda a: a.words),
]
_DIFFERENCES: list[Column[AccuracyDifference]] = [
    text_column("group", lambda d: d.group),
    text_column("baseline", lambda d: d.baseline),
    count_column("pairs", lambda d: d.num_pairs),
    number_column("difference", lambda d: 100 * d.difference, digits=3),
    interval_column("interval", lambda d: d.interval, factor=100),
]
_SPEEDS: list[Column[SpeedRow]] = [
    text_column("group", lambda s: s.group),
    text_column("baseline", lambda s: s.baseline),
    number_column("test accuracy (%)", lambda s: 100 * s.accuracy),
    number_column("epochs", lambda s: s.epochs, digits=3),
    number_column("baseline's epochs", lambda s: s.baseline_epochs, digits=3),
    text_column("reached by", _reached),
    count_column("pairs", lambda s: s.num_pairs),
    number_column("ratio", lambda s: s.ratio, digits=3),
    interval_column("interval", lambda s: s.interval),
    text_column("verdict", lambda s: s.words),
]


def _judged_columns(at: str) -> list[Column[JudgedAt]]:
    """Of a contrast between networks chosen in one way, which ``at`` names."""
    return [
        count_column(f"pairs, {at}", lambda j: j.num_pairs),
        number_column(f"loss ratio, {at}", lambda j: j.loss_ratio, digits=3),
        number_column(f"ratio, {at}", lambda j: j.estimate, digits=3),
        interval_column(f"interval, {at}", lambda j: j.interval),
        text_column(f"verdict, {at}", lambda j: j.verdict),
    ]


def _by_epoch(row: LossMatchedRow) -> JudgedAt:
    return row.by_epoch


def _by_loss(row: LossMatchedRow) -> JudgedAt:
    return row.by_loss


_LOSS_MATCHED: list[Column[LossMatchedRow]] = [
    text_column("group", lambda r: r.group),
    text_column("baseline", lambda r: r.baseline),
    text_column("measure", lambda r: r.measure),
    *(column.of(_by_epoch) for column in _judged_columns("last epoch")),
    *(column.of(_by_loss) for column in _judged_columns("one loss")),
]
_RUNS: list[Column[StudyRun]] = [
    text_column("run", lambda r: r.label),
    text_column("recipe", lambda r: r.recipe),
    count_column("seed", lambda r: r.seed),
    text_column("state", lambda r: r.state, hint=lambda r: r.reason),
    number_column("train loss", lambda r: r.train_loss),
    number_column("train accuracy", lambda r: r.train_accuracy),
    number_column("test accuracy", lambda r: r.test_accuracy),
    number_column("training (s)", lambda r: r.training_seconds, digits=3),
    number_column("analysis (s)", lambda r: r.analysis_seconds, digits=3),
]


class _OneImage(NamedTuple):
    """What the runs of a recipe say of one image."""

    recipe: str
    first: OneImageSpectrum
    tops: list[float]  # the largest eigenvalue of each run


_ONE_IMAGE: list[Column[_OneImage]] = [
    text_column("recipe", lambda row: row.recipe),
    number_column("λ_max, first seed", lambda row: row.tops[0]),
    number_column("residual", lambda row: row.first.residuals[0], digits=2),
    number_column("lowest seed", lambda row: min(row.tops)),
    number_column("highest seed", lambda row: max(row.tops)),
    count_column("seeds", lambda row: len(row.tops)),
    number_column("trace, first seed", lambda row: row.first.trace),
    number_column("loss of the image", lambda row: row.first.subject.loss),
    number_column("gradient norm", lambda row: row.first.subject.grad_norm),
]


def control_table(study: Study) -> Table[ControlRow]:
    """A row for each control: what was expected, what came."""
    return Table(
        name="controls",
        caption="Comparisons whose outcome was known beforehand.",
        columns=_CONTROLS,
        rows=study.controls,
    )


def loss_matched_table(study: Study) -> Table[LossMatchedRow]:
    """Every contrast at the last epoch, and between networks of one training loss."""
    differs = any("difference" in (r.by_epoch.scale, r.by_loss.scale) for r in study.loss_matched)
    return Table(
        name="loss-matched",
        caption="The contrasts again, between networks of one training loss.",
        columns=_LOSS_MATCHED,
        rows=study.loss_matched,
        note="A loss ratio is the median of the group's loss over the baseline's. Each way of "
        "choosing is corrected for all its tests."
        + " Where a value is not positive, ratio and interval are a difference."
        * differs,
    )


def accuracy_table(study: Study) -> Table[RecipeAccuracy] | None:
    """Final accuracy of each recipe, in per cent, set against what was claimed."""
    if not study.accuracies:
        return None
    claimed = any(row.claimed is not None for row in study.accuracies)
    return Table(
        name="accuracies",
        caption="Accuracy of the trained networks: mean over seeds with its t interval.",
        columns=[*_ACCURACIES, *(_CLAIMS if claimed else ())],
        rows=study.accuracies,
    )


def difference_table(study: Study) -> Table[AccuracyDifference] | None:
    """Test accuracy of each contrast, paired by seed, in points."""
    if not study.differences:
        return None
    return Table(
        name="accuracy-differences",
        caption="Test accuracy, group less baseline, paired by seed, in percentage points.",
        columns=_DIFFERENCES,
        rows=study.differences,
    )


def speed_table(study: Study) -> Table[SpeedRow] | None:
    """Epochs to reach an accuracy."""
    if not study.speeds:
        return None
    return Table(
        name="epochs-to-accuracy",
        caption=(
            "Epochs until a test accuracy is first reached: medians, and the ratio over the seeds "
            "with which both recipes reach it."
        ),
        columns=_SPEEDS,
        rows=study.speeds,
        note="A ratio of 0.5 is half the epochs.",
    )


def run_table(study: Study) -> Table[StudyRun]:
    """Every training of the plan, and what became of it."""
    return Table(
        name="runs",
        caption="The runs, each on its own process.",
        columns=_RUNS,
        rows=study.runs,
        folded=True,
    )


def one_image_table(study: Study, results: Iterable[OneImageSpectrum]) -> Table[_OneImage]:
    """A row a recipe: the first seed's largest eigenvalue, then the range over all seeds."""
    recipes = {r.label: r.recipe for r in study.runs}
    found: dict[str, list[OneImageSpectrum]] = {}
    for result in results:
        found.setdefault(recipes.get(result.subject.label, result.subject.label), []).append(result)
    return Table(
        name="one-image",
        caption="Largest eigenvalue of the plain formal Hessian on the first test image.",
        columns=_ONE_IMAGE,
        rows=[
            _OneImage(recipe, members[0], [m.largest[0] for m in members])
            for recipe, members in found.items()
        ],
    )
