"""The results of one report, in order, and what the sections ask of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from landscape.page.detail import shown_in_detail
from landscape.page.style import Stroke, strokes_for
from landscape.results import OperatorSpec, Result, Subject, operator_title, recipe_of

_R = TypeVar("_R", bound=Result)


@dataclass(frozen=True, kw_only=True)
class Material:
    """The checkpoints that a page shows one by one, in order of first appearance, and the others.

    Attributes
    ----------
    results
        Of the checkpoints shown.
    labels
        Theirs.
    drawn
        All runs of the recipes of these, which lines and bands are drawn of; those shown first.
    strokes
        Of every label, those drawn first.
    baseline
        A label that others are shown relative to.
    all_results
        Of every checkpoint, shown or not.
    """

    results: tuple[Result, ...]
    labels: tuple[str, ...]
    drawn: tuple[str, ...]
    strokes: dict[str, Stroke]
    baseline: str | None
    all_results: tuple[Result, ...]

    @cached_property
    def whole(self) -> "Material":
        """The same with every checkpoint shown."""
        return gather(self.all_results, self.baseline)

    @cached_property
    def groups(self) -> dict[str, str]:
        """What each run of the recipes shown is drawn as: its recipe, or itself."""
        return by_recipe(self.drawn)

    @property
    def is_banded(self) -> bool:
        """Whether runs of one recipe share a line."""
        return len(set(self.groups.values())) < len(self.groups)

    def of(self, kind: type[_R]) -> list[_R]:
        """The results of one type, checkpoints in the report's order."""
        return _in_order(self.results, kind, self.labels)

    def runs(self, kind: type[_R]) -> list[_R]:
        """Those that lines and bands are drawn of: of each recipe shown all runs, in ``groups``.

        Where no two share a line, the runs shown.
        """
        return _in_order(self.all_results, kind, self.drawn if self.is_banded else self.labels)

    @property
    def subjects(self) -> list[Subject]:
        """Each checkpoint once for each set of examples it was measured on, the largest first."""
        seen: dict[tuple[str, str, str], Subject] = {}
        for result in self.results:
            subject = result.subject
            seen.setdefault((subject.label, subject.split, subject.examples_sha256), subject)
        return sorted(seen.values(), key=lambda s: (self.labels.index(s.label), -s.num_examples))


def _in_order(results: Iterable[Result], kind: type[_R], labels: Sequence[str]) -> list[_R]:
    place = {label: i for i, label in enumerate(labels)}
    found = (r for r in results if isinstance(r, kind) and r.subject.label in place)
    return sorted(found, key=lambda r: place[r.subject.label])


def gather(results: Sequence[Result], baseline: str | None, *, most: int | None = None) -> Material:
    """Collect ``results``; the order of checkpoints is that of their first result.

    Of more than ``most`` checkpoints, if it is given, the page shows only so many.

    Raises
    ------
    ValueError
        If there are no results, or ``baseline`` names none of their checkpoints.
    """
    if not results:
        raise ValueError("results must hold at least one result; got none. Analyse a checkpoint.")
    labels = tuple(dict.fromkeys(r.subject.label for r in results))
    if baseline is not None and baseline not in labels:
        raise ValueError(
            f"baseline must be the label of a checkpoint in the report ({', '.join(labels)}); "
            f"got {baseline!r}."
        )
    shown = shown_in_detail(labels, baseline, most=most or len(labels))
    recipes = {recipe_of(label) for label in shown}
    others = [label for label in labels if label not in shown]
    drawn = (*shown, *(label for label in others if recipe_of(label) in recipes))
    return Material(
        results=tuple(r for r in results if r.subject.label in shown),
        labels=shown,
        drawn=drawn,
        strokes=strokes_for([*drawn, *others]),
        baseline=baseline,
        all_results=tuple(results),
    )


def by_recipe(labels: Sequence[str]) -> dict[str, str]:
    """Each label's recipe, where there are several and one has several runs; else the label."""
    recipes = {label: recipe_of(label) for label in labels}
    several = 1 < len(set(recipes.values())) < len(recipes)
    return recipes if several else {label: label for label in labels}


def grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """From (label, text): each text once, with all its labels joined by commas."""
    return [(text, ", ".join(labels)) for text, labels in labels_by_text(pairs).items()]


def labels_by_text(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """From (label, text): each text once, with all its labels, each of these once."""
    labels_of: dict[str, dict[str, None]] = {}
    for label, text in pairs:
        labels_of.setdefault(text, {})[label] = None
    return {text: list(labels) for text, labels in labels_of.items()}


def slug(text: str) -> str:
    """``text`` as a part of a file's name: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "unnamed"


def like(result: Result) -> tuple[object, ...]:
    """What two results must share for their numbers to be compared."""
    subject = result.subject
    spec = getattr(result, "operator", None)
    return (
        subject.examples_sha256,
        subject.loss_name,
        spec_key(spec) if isinstance(spec, OperatorSpec) else None,
    )


def spec_key(spec: OperatorSpec) -> tuple[object, ...]:
    """An operator's settings, the number of parameters aside."""
    return (spec.name, spec.params, spec.scale, spec.weight_decay, spec.batch_norm, spec.dtype)


def by_operator(results: Sequence[_R]) -> list[tuple[OperatorSpec, str, list[_R]]]:
    """Group results by operator and split, each group with a part for file names."""
    groups: dict[tuple[object, ...], list[_R]] = {}
    for result in results:
        spec: OperatorSpec = result.operator  # type: ignore[attr-defined]
        groups.setdefault((spec_key(spec), result.subject.split), []).append(result)
    named: list[tuple[OperatorSpec, str, list[_R]]] = []
    for position, members in enumerate(groups.values()):
        spec = members[0].operator  # type: ignore[attr-defined]
        suffix = "" if position == 0 else f"-{slug(operator_text(spec, spiking=False))}"
        if any(suffix == other for _, other, _ in named):
            suffix = f"{suffix}-{position + 1}"
        named.append((spec, suffix, members))
    return named


def operator_text(spec: OperatorSpec, *, spiking: bool) -> str:
    """The operator in a few words, with every setting that is not the plain one."""
    parts = [operator_title(spec.name, spiking=spiking)]
    if spec.params != "*":
        parts.append(f"of {spec.params}")
    if spec.scale != "none":
        parts.append(f"scaled by {spec.scale}")
    if spec.weight_decay:
        parts.append(f"plus weight decay {spec.weight_decay:g}")
    if spec.batch_norm != "eval":
        parts.append(f"batch norm in {spec.batch_norm} mode")
    return ", ".join(parts)


def mismatch_note(results: Sequence[Result]) -> str:
    """A sentence where results shown together were not measured alike, else nothing."""
    if len({like(r)[:2] for r in results}) <= 1:
        return ""
    return (
        "Not measured alike: these checkpoints differ in their examples or loss, so their numbers "
        "do not compare."
    )


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The baseline's value, which others are shown relative to."""

    value: float
    stderr: float | None
    result: Result


def relative(value: float | None, result: Result, reference: Reference | None) -> str:
    """``value`` as a multiple of the baseline's.

    A dash where the two were not measured alike, or where one is not positive or the baseline's
    is within two errors of zero, so that a ratio says nothing.
    """
    if value is None or reference is None or like(result) != like(reference.result):
        return "–"
    if result is reference.result:
        return "1"
    if value <= 0 or reference.value <= 2 * (reference.stderr or 0.0):
        return "–"
    return f"{value / reference.value:.2f}×"
