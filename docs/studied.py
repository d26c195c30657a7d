"""Tables of the site made from the outcome of the study that is shipped."""

import csv
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_STUDY = Path(__file__).parents[1] / "reports" / "ikun-study"
_OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}


def study_verdicts() -> str:
    """Each contrast, both measures' ratios with their intervals, and the verdict."""
    found = _result("comparison")
    titles = {m["name"]: m["title"] for m in found["measures"]}
    primary = [m["measure"] for m in found["pairs"][0]["measures"]]
    head = " | ".join(titles[name].partition(" (")[0] for name in primary)
    rows = []
    for pair in found["pairs"]:
        (group, optimizer), (baseline, _) = (_split(pair[k]) for k in ("group", "baseline"))
        by_name = {m["measure"]: m for m in pair["measures"]}
        cells = [f"{_ratio(by_name[name])} {by_name[name]['verdict']}" for name in primary]
        rows.append((f"{group} / {baseline}", optimizer, *cells, f"**{pair['verdict']}**"))
    ratios = sorted(m["detectable_ratio"] for pair in found["pairs"] for m in pair["measures"])
    middle, low, high = statistics.median(ratios), ratios[0], ratios[-1]
    told = (
        "*Ratios to the baseline, paired by seed, with their 95 % intervals; a verdict needs both "
        f"measures. With the scatter found, each test has a chance of 80 % to find a ratio of "
        f"{middle:.2f} (median of all; {low:.2f} to {high:.2f}) or its inverse.*"
    )
    table = _table(["networks", "by", *head.split(" | "), "verdict"], rows)
    return f"{table}\n\n{told}"


def study_controls() -> str:
    """What was known beforehand, and what came."""
    rows = [
        (c["name"], c["expected"], f"**{c['found']}**", c["words"])
        for c in _result("study")["controls"]
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
    return _table(["harm", *(m.partition(" (")[0] for m in measures)], rows)


def study_matched() -> str:
    """The contrasts at the last epoch and at one training loss."""
    rows = []
    for row in _result("study")["loss_matched"]:
        (group, optimizer), (baseline, _) = (_split(row[k]) for k in ("group", "baseline"))
        at = [f"{_ratio(row[k])} {row[k]['verdict']}" for k in ("by_epoch", "by_loss")]
        measure = row["measure"].partition(" (")[0]
        rows.append((f"{group} / {baseline}", optimizer, measure, *at))
    return _table(["networks", "by", "measure", "last epoch, 20 pairs", "one loss, 10 pairs"], rows)


def study_accuracies() -> str:
    """Test accuracy of each contrast's groups, and epochs until 70 and 80 %."""
    study = _result("study")
    speeds: dict[tuple[str, str], list[str]] = {}
    for row in study["speeds"]:
        speeds.setdefault((row["group"], row["baseline"]), []).append(_speed(row))
    rows = []
    for row in study["differences"]:
        (group, optimizer), (baseline, _) = (_split(row[k]) for k in ("group", "baseline"))
        points = _interval(row["interval"], factor=100)
        more = f"{100 * row['difference']:+.1f} {points}"
        rows.append(
            (f"{group} / {baseline}", optimizer, more, *speeds[row["group"], row["baseline"]])
        )
    head = ["networks", "by", "test accuracy, points", "epochs to 70 %", "epochs to 80 %"]
    return _table(head, rows)


def study_one_image() -> str:
    """The largest eigenvalue on one image: that of the first seed, and the range of all seeds."""
    with (_STUDY / "tables" / "one-image.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    columns = {
        "recipe": "recipe",
        "first seed": "λ_max__first_seed",
        "lowest seed": "lowest_seed",
        "highest seed": "highest_seed",
    }
    rows = [
        (row[columns["recipe"]], *(f"{float(row[c]):.2g}" for c in list(columns.values())[1:]))
        for row in found
    ]
    return _table(list(columns), rows)


def _result(name: str) -> Any:
    return json.loads((_STUDY / f"{name}.json").read_text(encoding="utf-8"))["result"]


def _split(recipe: str) -> tuple[str, str]:
    name, _, optimizer = recipe.rpartition("-")
    return name, _OPTIMIZERS[optimizer]


def _ratio(row: Any) -> str:
    return "" if row["estimate"] is None else f"{row['estimate']:.2f} {_interval(row['interval'])}"


def _interval(ends: Any, *, factor: float = 1) -> str:
    if ends is None:
        return ""
    low, high = factor * ends["low"], factor * ends["high"]
    return f"({low:.1f} to {high:.1f})" if factor != 1 else f"({low:.2f} to {high:.2f})"


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


OF_THE_STUDY = {
    made.__name__: made
    for made in (
        study_accuracies,
        study_controls,
        study_links,
        study_matched,
        study_one_image,
        study_verdicts,
    )
}
