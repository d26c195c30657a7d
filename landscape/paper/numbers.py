"""The numbers that a paper's table may show, by the names that users type."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from landscape.catalog import MEASURES
from landscape.compare.groups import Analysed
from landscape.compare.measures import Shared, fits, measures_of
from landscape.hints import close_to, few
from landscape.page.cells import Cell, number_cell
from landscape.page.latex.text import UNBROKEN
from landscape.results import NOT_CONVERGED, Measure, Subject, flatter_arrow

# Unasked: of each line the first that is there.
_DEFAULT = (
    ("lambda_max", "lambda_max[filter]"),
    ("trace", "trace[filter]"),
    ("expected_rise[filter]", "expected_rise", "worst_rise[filter]", "worst_rise"),
    ("test_accuracy", "accuracy"),
)
_MOST_NAMED = 12


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of checkpoints: a column of the table."""

    name: str
    title: str  # for a narrow column
    better: str
    cell: Callable[[Analysed], Cell]  # value ± error
    meaning: str = ""  # of the title, in words
    error_over: str = ""
    is_share: bool = False  # shown in per cent
    mismatch: str = ""  # in what checkpoints were not measured alike


def chosen_numbers(checkpoints: Sequence[Analysed], asked: Sequence[str] | None) -> list[Number]:
    """The numbers asked for, in that order; None: the default ones.

    Raises
    ------
    ValueError
        If a name is unknown, or was not measured of any checkpoint.
    """
    measured = measures_of(checkpoints, fits=lambda _kind: True)
    own = [n for n in _OF_SUBJECT if any(n.cell(c).value is not None for c in checkpoints)]
    known: list[Shared | Number] = [*measured, *own]
    found: list[Shared | Number] = []
    if asked is None:
        for names in _DEFAULT:
            there = (_default(name, measured, own) for name in names)
            found += next((numbers for numbers in there if numbers), [])
    for name in asked or ():
        fitting = [n for n in known if fits(n.name, name)]
        if not fitting:
            raise ValueError(_unknown(name, [n.name for n in known]))
        found += [n for n in fitting if n not in found]
    rows = [m.any.row for m in found if isinstance(m, Shared)]
    return [_of_measure(m, rows) if isinstance(m, Shared) else m for m in found]


def _default(name: str, measured: Sequence[Shared], own: Sequence[Number]) -> list[Shared | Number]:
    """One number; of measures that of all parameters, of the Hessian, at the middle radius."""
    fitting = [m for m in measured if fits(m.name, name) and m.any.is_of_all]
    plain = [m for m in fitting if m.any.row.operator in (None, "hessian")] or fitting
    by_radius = sorted(plain, key=lambda m: m.any.row.radius or 0.0)
    middle = len(by_radius) // 2
    return [*by_radius[middle : middle + 1], *(n for n in own if n.name == name)]


def _unknown(name: str, there: Sequence[str]) -> str:
    listed = f"there are {few(there, _MOST_NAMED)}."
    if name.partition("[")[0] in (*MEASURES, *(n.name for n in _OF_SUBJECT)):
        return f"--measures: {name!r} was not measured; {listed}"
    known = dict.fromkeys([*there, *(n.split("[")[0].split(" ")[0] for n in there)])
    return f"--measures: nothing is called {name!r}; {listed}{close_to(name, known)}"


def _of_measure(measure: Shared, among: Sequence[Measure]) -> Number:
    row = measure.any.row

    def cell(checkpoint: Analysed) -> Cell:
        value = measure.values.get(checkpoint.label)
        if value is None:
            return number_cell(None)
        stderr = value.row.stderr if value.shard_stderr is None else value.shard_stderr
        converged = value.row.note != NOT_CONVERGED
        return number_cell(value.row.value, stderr, converged=converged, bound=value.row.bound)

    title = _title(row, among)
    return Number(
        name=measure.name,
        title=title,
        better=flatter_arrow(row),
        cell=cell,
        meaning=f"{title}: {measure.title}, {row.unit}",
        error_over=measure.error_over,
        mismatch=measure.mismatch,
    )


def _title(row: Measure, among: Sequence[Measure]) -> str:
    """A measure's symbol, with what tells it from those beside it; of a spectrum its scale."""
    alike = [o for o in among if o.name == row.name]
    details = (
        row.scale
        if row.scale != "none" and (row.operator or _differ(o.scale for o in alike))
        else "",
        row.operator if row.operator and _differ(o.operator for o in alike) else "",
        row.layer if row.layer and _differ(o.layer for o in alike) else "",
        f"ρ{UNBROKEN}={UNBROKEN}{row.radius:g}"
        if row.radius is not None and _differ(o.radius for o in alike)
        else "",
    )
    told = ", ".join(filter(None, details))
    symbol = MEASURES[row.name].symbol or MEASURES[row.name].title
    return f"{symbol} ({told})" if told else symbol


def _differ(values: Iterable[object]) -> bool:
    return len(set(values)) > 1


def _of_subject(
    name: str,
    better: str,
    value: Callable[[Subject], float | None],
    *,
    title: str = "",
    stderr: Callable[[Subject], float | None] = lambda _: None,
    error_over: str = "",
) -> Number:
    return Number(
        name=name,
        title=title or name.replace("_", " "),
        better=better,
        cell=lambda c: number_cell(value(c.subject), stderr(c.subject)),
        error_over=error_over,
        is_share=name.endswith("accuracy"),
    )


def _of_count(subject: Subject) -> float | None:
    p = subject.accuracy
    return None if p is None else math.sqrt(p * (1 - p) / subject.num_examples)


_OF_SUBJECT = (
    _of_subject("loss", "↓", lambda s: s.loss),
    _of_subject("accuracy", "↑", lambda s: s.accuracy, stderr=_of_count, error_over="examples"),
    _of_subject("grad_norm", "", lambda s: s.grad_norm, title="‖∇L‖"),
    _of_subject("test_loss", "↓", lambda s: s.training.test_loss if s.training else None),
    _of_subject("test_accuracy", "↑", lambda s: s.training.test_accuracy if s.training else None),
)
