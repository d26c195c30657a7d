"""Robustness: what disturbances of weights and inputs change, checkpoints side by side."""

from collections.abc import Sequence

from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import text_column
from landscape.page.material import Material, grouped, mismatch_note
from landscape.page.section import Section
from landscape.page.table import Column, Explanation, Table
from landscape.results.robustness import (
    CONTRAST,
    INPUT_NOISE,
    ROUNDING,
    TRANSLATION,
    WEIGHT_NOISE,
    Robustness,
    disturbance_title,
)
from landscape.values import Estimate

_MEANINGS = {
    WEIGHT_NOISE: "change under ρ S ε, ε ~ N(0, I), S the filters' norms; mean over antithetic "
    "pairs",
    ROUNDING: "each filter at the levels max|w| k / K, k = -K … K with K = 2^(bits - 1) - 1, "
    "rounded to nearest [Krishnamoorthi 2018, arXiv 1806.08342]",
    INPUT_NOISE: "Gaussian noise, its size relative to the inputs' standard deviation",
    TRANSLATION: "images moved up, down, left and right, the edge repeated; mean of the four",
    CONTRAST: "pixels nearer to the mean of their channel by this factor [Hendrycks & Dietterich "
    "2019, arXiv 1903.12261]",
}
_Key = tuple[str, float]  # of a disturbance; ("", 0): none


def robustness_section(material: Material) -> Section | None:
    """A table for each split: the loss as it is and what each disturbance adds to it."""
    results = material.of(Robustness)
    if not results:
        return None
    splits = dict.fromkeys(u.split for r in results for u in r.undisturbed)
    mismatch = mismatch_note(results)
    left_out = grouped((r.subject.label, reason) for r in results for reason in r.left_out)
    return Section(
        key="robustness",
        title="Robustness",
        summary=f"on the {results[0].split} examples",
        paragraphs=(
            "The first row is the network as it is; each further one is what a disturbance adds "
            "to that, example by example, ± the standard error over examples. Networks of one "
            "layout see the same noise. Rounding has a step for each filter, so that it does not "
            "depend on the scale of weights before a batch norm.",
            *([mismatch] if mismatch else []),
        ),
        tables=tuple(
            table
            for split in splits
            for table in (_table(results, split, "loss"), _table(results, split, "accuracy"))
            if table is not None
        ),
        notes=tuple(f"Not measured for {labels}: {reason}." for reason, labels in left_out),
    )


def _table(results: Sequence[Robustness], split: str, what: str) -> Table[_Key] | None:
    members = [r for r in results if any(u.split == split for u in r.undisturbed)]
    cells = {r.subject.label: _cells(r, split, what) for r in members}
    if not any(cells.values()):
        return None
    keys = dict.fromkeys(key for found in cells.values() for key in found)
    number = max(u.num_examples for r in members for u in r.undisturbed if u.split == split)
    columns: list[Column[_Key]] = [
        text_column("disturbance", _title, hint=lambda key: _MEANINGS.get(key[0], "")),
        *(_column(label, found) for label, found in cells.items()),
    ]
    change = "Loss, and its change" if what == "loss" else "Accuracy (%), and its change in points"
    return Table(
        name=f"robustness-{what}-{split}",
        caption=f"{change} under disturbances, on {number:,} {split} examples.",
        columns=columns,
        rows=list(keys),
        note="Beside weight noise the tooltip has the error over its draws.",
        row_explanations=tuple(
            Explanation(title=_title((name, size)), formula=_MEANINGS.get(name, ""))
            for name, size in {name: (name, size) for name, size in keys if name}.values()
        ),
        folded=split != results[0].split,
    )


def _cells(result: Robustness, split: str, what: str) -> dict[_Key, Cell]:
    factor, loss = (1, True) if what == "loss" else (100, False)
    (base,) = (u for u in result.undisturbed if u.split == split)
    found = {("", 0.0): _number(base.loss if loss else base.accuracy, factor)}
    for row in result.on(split):
        change = row.loss_change if loss else row.accuracy_change
        draws = row.loss_over_draws if loss else row.accuracy_over_draws
        hint = "" if draws is None else f"± {factor * draws:.2g} over draws of the noise"
        found[row.name, row.size] = _number(change, factor, hint)
    return found if loss or base.accuracy is not None else {}


def _number(found: Estimate | None, factor: float, hint: str = "") -> Cell:
    if found is None:
        return text_cell(None, hint="not finite")
    stderr = None if found.stderr is None else factor * found.stderr
    return number_cell(factor * found.mean, stderr, hint=hint)


def _column(label: str, cells: dict[_Key, Cell]) -> Column[_Key]:
    return Column(key=label, title=label, cell=lambda key: cells.get(key, text_cell(None)))


def _title(key: _Key) -> str:
    name, size = key
    return disturbance_title(name, size) if name else "none"
