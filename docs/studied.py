"""Tables of the site made from the outcomes of the studies that are shipped."""

import csv
import json
import statistics
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

_REPORTS = Path(__file__).parents[1] / "reports"
_STUDY = "ikun-study"  # the one that most tables are of
_OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}


def verdicts(study: str) -> str:
    """Each contrast, both measures' ratios with their intervals, and the verdict."""
    found = _result("comparison", study)
    titles = {m["name"]: m["title"] for m in found["measures"]}
    primary = [m["measure"] for m in found["pairs"][0]["measures"]]
    rows = []
    for pair in found["pairs"]:
        by_name = {m["measure"]: m for m in pair["measures"]}
        cells = [f"{_ratio(by_name[name])} {by_name[name]['verdict']}" for name in primary]
        rows.append((*_names(pair), *cells, f"**{pair['verdict']}**"))
    ratios = sorted(m["detectable_ratio"] for pair in found["pairs"] for m in pair["measures"])
    middle, low, high = statistics.median(ratios), ratios[0], ratios[-1]
    told = (
        "*Ratios to the baseline, paired by seed, with their 95 % intervals; a verdict needs both "
        f"measures. With the scatter found, each test has a chance of 80 % to find a ratio of "
        f"{middle:.2f} (median of all; {low:.2f} to {high:.2f}) or its inverse.*"
    )
    heads = [_short(titles[name]) for name in primary]
    table = _table(["networks", "by", *heads, "verdict"], rows)
    return f"{table}\n\n{told}"


def controls(study: str) -> str:
    """What was known beforehand, and what came."""
    rows = [
        (c["name"], c["expected"], f"**{c['found']}**", c["words"])
        for c in _result("study", study)["controls"]
    ]
    return _table(["control", "expected", "found", "by measure"], rows)


def study_links() -> str:
    """Rank correlations of the measures with what becomes of the networks, within recipes."""
    links = _result("study")["links"]
    measures = list(dict.fromkeys(link["title"] for link in links))
    by_outcome: dict[str, dict[str, Any]] = {}
    for link in links:
        by_outcome.setdefault(link["outcome"], {})[link["title"]] = link
    rows = [
        (outcome, *(_correlation(of[m]) if m in of else "" for m in measures))
        for outcome, of in by_outcome.items()
    ]
    return _table(["harm", *map(_short, measures)], rows)


def study_matched() -> str:
    """The contrasts at the last epoch and at one training loss."""
    rows = []
    found = _result("study")["loss_matched"]
    for row in found:
        at = [f"{_ratio(row[k])} {row[k]['verdict']}" for k in ("by_epoch", "by_loss")]
        rows.append((*_names(row), _short(row["measure"]), *at))
    pairs = [max(row[k]["num_pairs"] for row in found) for k in ("by_epoch", "by_loss")]
    heads = [f"last epoch, {pairs[0]} pairs", f"one loss, {pairs[1]} pairs"]
    return _table(["networks", "by", "measure", *heads], rows)


def study_accuracies() -> str:
    """Test accuracy of each contrast's groups, and epochs until 70 and 80 %."""
    study = _result("study")
    speeds: dict[tuple[str, str], list[str]] = {}
    for row in study["speeds"]:
        speeds.setdefault((row["group"], row["baseline"]), []).append(_speed(row))
    rows = []
    for row in study["differences"]:
        more = f"{100 * row['difference']:+.1f} {_interval(row['interval'], 100, digits=1)}"
        rows.append((*_names(row), more, *speeds[row["group"], row["baseline"]]))
    head = ["networks", "by", "test accuracy, points", "epochs to 70 %", "epochs to 80 %"]
    return _table(head, rows)


def study_one_image() -> str:
    """The largest eigenvalue on one image: that of the first seed, and the range of all seeds."""
    with (_REPORTS / _STUDY / "tables" / "one-image.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        found = list(csv.DictReader(file))
    keys = ("λ_max__first_seed", "lowest_seed", "highest_seed")
    rows = [(row["recipe"], *(f"{float(row[key]):.2g}" for key in keys)) for row in found]
    return _table(["recipe", "first seed", "lowest seed", "highest seed"], rows)


def _result(name: str, study: str = _STUDY) -> Any:
    return json.loads((_REPORTS / study / f"{name}.json").read_text(encoding="utf-8"))["result"]


def _names(row: Any) -> tuple[str, str]:
    """A contrast's two initialisations, and the optimiser of both."""
    group, _, optimizer = row["group"].rpartition("-")
    return f"{group} / {row['baseline'].rpartition('-')[0]}", _OPTIMIZERS[optimizer]


def _short(title: str) -> str:
    return title.partition(" (")[0]


def _ratio(row: Any) -> str:
    return "" if row["estimate"] is None else f"{row['estimate']:.2f} {_interval(row['interval'])}"


def _interval(ends: Any, factor: float = 1, *, digits: int = 2) -> str:
    if ends is None:
        return ""
    return f"({factor * ends['low']:.{digits}f} to {factor * ends['high']:.{digits}f})"


def _correlation(link: Any) -> str:
    told = f"{link['correlation']:+.2f} {_interval(link['interval'])}"
    return f"**{told}**" if link["p_holm"] is not None and link["p_holm"] <= 0.05 else told


def _speed(row: Any) -> str:
    if row["ratio"] is None or row["interval"] is None:
        return f"{row['num_pairs']} pairs reach it"
    return f"{row['ratio']:.2f} {_interval(row['interval'])}"


def _table(head: list[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


OF_THE_STUDIES = {
    made.__name__: made for made in (study_accuracies, study_links, study_matched, study_one_image)
} | {
    f"{study.removesuffix('-study')}_{made.__name__}": partial(made, study)
    for study in sorted(path.name for path in _REPORTS.glob("*-study"))
    for made in (verdicts, controls)
}
