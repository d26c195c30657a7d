"""What gates can be about: the values of results, by the names that summary.json has for them."""

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from landscape.catalog import MEASURES
from landscape.catalog.measure_kind import OF_SOLVER
from landscape.gates import Known, Value, qualifier
from landscape.values import Estimate

if TYPE_CHECKING:
    from landscape.analysis.sharpness.settings import SharpnessSettings
    from landscape.analysis.suite_settings import SuiteSettings
    from landscape.catalog import AnalysisKind
    from landscape.results import Comparison, Result
    from landscape.results.comparison import ComparedMeasure, MeasureRow, PairRow
    from landscape.results.readings import Reading

NO_BOUNDS = "it has no bounds over examples, only a solver's residual; gate on it itself"
NO_ERROR = "it has no interval"
OF_SUBJECT = ("loss", "accuracy", "grad_norm", "num_params")


def known_of(
    name: str,
    *,
    scale: str = "none",
    operator: str | None = None,
    main: str | None = None,
    radius: float | None = None,
    layer: str | None = None,
    unbounded: str = "",
) -> Known:
    """How a measure is called in a gate.

    A scale is always named, and so is an operator that is not the command's, ``main``; a radius and
    a layer pick one of several values.
    """
    needs = {scale} - {"none"}
    may = {qualifier(f"{radius:g}")} if radius is not None else set()
    may |= {layer} if layer else set()
    if operator is not None:
        (may if operator == main else needs).add(operator)
    brackets = ",".join((*sorted(needs), *sorted(may - {operator})))
    shown = f"{name}[{brackets}]" if brackets else name
    return Known(name, frozenset(needs), frozenset(may), unbounded, shown=shown)


def subject_names() -> list[Known]:
    """What every command knows of a checkpoint."""
    return [known_of(name, unbounded=NO_ERROR) for name in OF_SUBJECT]


def check_names() -> list[Known]:
    """What a preflight gives."""
    return [*subject_names(), known_of("failed_checks", unbounded=NO_ERROR)]


def result_names(
    kind: str, *, scale: str = "none", operator: str | None = None, without: Collection[str] = ()
) -> list[Known]:
    """The measures of a type of result, by the catalog."""
    return [
        known_of(
            measure.name,
            scale=scale,
            operator=operator,
            main=operator,
            unbounded=NO_BOUNDS if measure.error_over == OF_SOLVER else "",
        )
        for measure in MEASURES.values()
        if measure.of == kind and measure.name not in without
    ]


def sharpness_names(settings: "SharpnessSettings") -> list[Known]:
    """What a table of sharpness gives."""
    found: list[Known] = []
    for name, scales, radii, _, of_layers in settings.rows:
        if of_layers:
            found.append(Known(name, any_qualifier=True))
        else:
            found += [known_of(name, scale=s, radius=r) for s in scales for r in radii]
    return found


def analysis_names(kind: "AnalysisKind", suite: "SuiteSettings") -> list[Known]:
    """What an analysis of a report gives, by its entry in the catalog."""
    found: list[Known] = []
    for given in kind.gives:
        if given == "Preflight":
            found += check_names()
        elif given == "SharpnessTable":
            found += sharpness_names(suite.budget.sharpness)
        else:
            found += result_names(given, scale=kind.scale, operator=suite.operator)
    return found


def values_of(results: Iterable["Result"], *, main: str) -> list[Value]:
    """Every value of one checkpoint's results that a gate may name; ``main`` is the operator."""
    found: dict[Known, Value] = {}
    for result in results:
        for value in (*_of_subject(result), *_of_result(result, main)):
            found.setdefault(value.known, value)
    return list(found.values())


def _of_subject(result: "Result") -> list[Value]:
    return [Value(k, getattr(result.subject, k.name)) for k in subject_names()]


def _of_result(result: "Result", main: str) -> list[Value]:
    from landscape.results import Preflight, readings_of

    if isinstance(result, Preflight):
        count = sum(check.status == "fail" for check in result.checks)
        return [Value(known_of("failed_checks", unbounded=NO_ERROR), count)]
    return [_of_reading(reading, main) for reading in readings_of(result)]


def _of_reading(reading: "Reading", main: str) -> Value:
    m, population = reading.measure, reading.population
    known = known_of(
        m.name,
        scale=m.scale,
        operator=m.operator,
        # Of a measure that is made with one operator only, nobody need name it.
        main=main if reading.kind.of else m.operator,
        radius=m.radius,
        layer=m.layer,
        unbounded=reading.no_population or (NO_BOUNDS if m.error_over == OF_SOLVER else ""),
    )
    if population is not None:
        return within(known, m.value, population.low, population.high)
    if reading.residual is not None:
        spread = reading.over_shards or Estimate(m.value, 0.0)
        # The larger of its solver's error and that over examples.
        return Value(known, m.value, max(reading.residual, spread.interval()[1] - m.value))
    return bounded(known, m.value, m.interval)


def within(known: Known, value: float, low: float | None, high: float) -> Value:
    """A value with the interval that holds for the set that the examples stand for."""
    return Value(known, value, low=-math.inf if low is None else low, high=high)


def bounded(known: Known, value: float | None, ends: tuple[float, float] | None) -> Value:
    """A value with its 95 % interval, where that is known."""
    if value is None or ends is None:
        return Value(known, value)
    return Value(known, value, ends[1] - value, *ends)


PRIMARY = "primary"  # the measure that bears the verdict, whichever it is


def comparison_names(comparison: "Comparison") -> list[Known]:
    """What is compared, and the measure that bears the verdict by that name too."""
    return [Known(PRIMARY), *(compared_name(m.name) for m in comparison.measures)]


def names_aside(comparison: "Comparison", results: Iterable["Result"]) -> list[Known]:
    """What could have been compared of these results, and was not."""
    from landscape.results import readings_of

    compared = {m.name for m in comparison.measures}
    found = (r.name for result in results for r in readings_of(result) if r.kind.is_compared)
    return [compared_name(name) for name in dict.fromkeys(found) if name not in compared]


def comparison_values(pair: "PairRow", comparison: "Comparison") -> list[Value]:
    """The ratios (or differences) to the baseline of one pair of groups, with their intervals.

    That by the primary measure comes twice: it has a name of its own, by which it is withheld where
    it bears no verdict.
    """
    primary = comparison.measure(comparison.settings.primary)
    deciding = [
        _of_row(
            row, Known(PRIMARY, shown=f"{PRIMARY} ({primary.name})"), _why_no_verdict(pair, primary)
        )
        for row in pair.measures
        if row.measure == primary.name
    ]
    return [*deciding, *(_of_row(row, compared_name(row.measure)) for row in pair.measures)]


def _why_no_verdict(pair: "PairRow", primary: "ComparedMeasure") -> str:
    """Why no verdict is by the primary measure, whatever it shows; empty: it may bear one."""
    if primary.scale_invariant or pair.verdict != "undecided":
        return ""
    why = primary.certificate if primary.certified is False else "it is not scale-invariant"
    return (
        f"it bears no verdict by itself: {why}. Gate on the measure by its own name for the plain "
        "ratio; --scale symmetry may have one that these networks keep"
    )


def _of_row(row: "MeasureRow", known: Known, why_no_verdict: str = "") -> Value:
    i, withheld = row.interval, row.withheld or why_no_verdict
    if i is None:
        return Value(known, row.estimate, withheld=withheld)
    return Value(known, row.estimate, None, i.low, i.high, withheld)


def compared_name(label: str) -> Known:
    """How a gate calls what ``compare`` calls ``lambda_max[filter] hessian``, ``… ρ=0.03``."""
    first, *words = label.split(" of ", maxsplit=1)[0].split()
    name, _, scale = first.rstrip("]").partition("[")
    return Known(
        name,
        frozenset({scale} if scale else ()),
        frozenset(map(qualifier, words)),
        shown=label,
    )


def reachable(comparison: "Comparison") -> set[str]:
    """Verdicts that so many runs can reach on some pair; undecided always."""
    from landscape.compare.expectation import can_be_equivalent, can_decide

    found = {"undecided"}
    if can_decide(comparison):
        found |= {"flatter", "sharper"}
    if can_be_equivalent(comparison):
        found.add("equivalent")
    return found
