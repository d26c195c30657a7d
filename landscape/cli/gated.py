"""What gates can be about: the values of results, by the names that summary.json has for them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from landscape.gates import Known, Value, qualifier

if TYPE_CHECKING:
    from landscape.analysis.sharpness_settings import SharpnessSettings
    from landscape.results import Comparison, Measure, OperatorSpec, Result
    from landscape.results.comparison import MeasureRow, PairRow

_Z = 1.96  # standard errors to either side of a normal estimate that hold the truth in 95 of 100
NO_BOUNDS = "lambda_max has no bounds over examples yet, only an error; gate on lambda_max itself"
NO_ERROR = "it has no interval"
OF_SUBJECT = ("loss", "accuracy", "grad_norm", "num_params")
OF_TRACE = ("trace", "mean_curvature", "frobenius_norm", "effective_rank")
_OF_ANY_OPERATOR = ("lambda_max", *OF_TRACE)
# Measures of a sharpness table that come in one value a radius, and those that do not.
_BALLS = {"worst_rise": ("worst_rise",), "sam_rise": ("sam_rise", "sam_first_order")}


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


def eigenvalue_names(*, scale: str, operator: str, smallest: bool) -> list[Known]:
    """What the eigenvalues at both ends give."""
    ends = ["lambda_max", *(["lambda_min"] if smallest else [])]
    return [
        known_of(name, scale=scale, operator=operator, main=operator, unbounded=NO_BOUNDS)
        for name in ends
    ]


def trace_names(*, scale: str, operator: str) -> list[Known]:
    """What traces give."""
    return [known_of(name, scale=scale, operator=operator, main=operator) for name in OF_TRACE]


def spectrum_names(*, scale: str, operator: str) -> list[Known]:
    """What a whole spectrum gives."""
    return [
        *eigenvalue_names(scale=scale, operator=operator, smallest=True),
        *trace_names(scale=scale, operator=operator),
        known_of("negative_mass", scale=scale, operator=operator, main=operator),
    ]


def sharpness_names(settings: "SharpnessSettings") -> list[Known]:
    """What a table of sharpness gives."""
    found: list[Known] = []
    pairs: list[tuple[str, str, float | None]]
    for measure in settings.measures:
        if measure == "expected_rise":
            pairs = [(measure, s, r) for s in settings.scales for r in settings.radii]
        elif measure == "smoothed_trace":
            pairs = [(measure, "none", r) for r in settings.radii]
        elif measure in _BALLS:
            pairs = [
                (name, s, r)
                for name in _BALLS[measure]
                for s in settings.scales
                for r in settings.ball_radii
            ]
        elif measure == "tolerated_noise":
            pairs = [(measure, s, None) for s in settings.scales]
        else:  # of layers, whose names are the network's
            found.append(Known(measure, any_qualifier=True))
            continue
        found += [known_of(name, scale=s, radius=r) for name, s, r in pairs]
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
    from landscape.results import (
        Eigenvalues,
        Fidelity,
        Preflight,
        SharpnessTable,
        SpectralDensity,
        Trace,
    )

    if isinstance(result, Preflight):
        count = sum(check.status == "fail" for check in result.checks)
        return [Value(known_of("failed_checks", unbounded=NO_ERROR), count)]
    if isinstance(result, Eigenvalues):
        spread = next(iter(result.shard_stderr), None)
        ends = (("lambda_max", result.largest, spread), ("lambda_min", result.smallest, None))
        return [
            with_error(
                _of_operator(name, result.operator, main, NO_BOUNDS),
                pairs[0].value,
                pairs[0].residual,
                stderr,
            )
            for name, pairs, stderr in ends
            if pairs
        ]
    if isinstance(result, Trace):
        estimates = ((name, getattr(result, name)) for name in OF_TRACE)
        return [
            bounded(_of_operator(name, result.operator, main), e.mean, e.stderr)
            for name, e in estimates
            if e is not None
        ]
    if isinstance(result, SpectralDensity):
        mass = result.negative_mass
        return [
            bounded(_of_operator("negative_mass", result.operator, main), mass.mean, mass.stderr)
        ]
    if isinstance(result, SharpnessTable):
        return [_of_measure(row, main) for row in result.rows]
    if isinstance(result, Fidelity) and result.directions:
        return [_of_measure(result.steepest_cusp, main)]
    return []


def _of_measure(row: "Measure", main: str) -> Value:
    # Of a measure that is made with one operator only, nobody need name it.
    main = main if row.name in _OF_ANY_OPERATOR else row.operator or main
    known = known_of(
        row.name,
        scale=row.scale,
        operator=row.operator,
        main=main,
        radius=row.radius,
        layer=row.layer,
    )
    return bounded(known, row.value, row.stderr)


def _of_operator(name: str, spec: "OperatorSpec", main: str, unbounded: str = "") -> Known:
    return known_of(name, scale=spec.scale, operator=spec.name, main=main, unbounded=unbounded)


def with_error(known: Known, value: float, residual: float, stderr: float | None) -> Value:
    """An eigenvalue with the larger of its solver's error and that over examples."""
    return Value(known, value, max(residual, _Z * (stderr or 0.0)))


def bounded(known: Known, value: float | None, stderr: float | None) -> Value:
    """A value with its 95 % interval, where its standard error is known."""
    if value is None or stderr is None:
        return Value(known, value)
    half = _Z * stderr
    return Value(known, value, half, value - half, value + half)


def comparison_values(pair: "PairRow") -> list[Value]:
    """The ratios (or differences) to the baseline of one pair of groups, with their intervals."""
    return [_of_row(row) for row in pair.measures]


def _of_row(row: "MeasureRow") -> Value:
    known, interval = compared_name(row.measure), row.interval
    if interval is None:
        return Value(known, row.estimate)
    return Value(known, row.estimate, None, interval.low, interval.high)


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
    from landscape.statistics.multiplicity import holm

    primary, alpha = comparison.settings.primary, comparison.settings.alpha
    rows = [row for pair in comparison.pairs for row in pair.measures]
    # The corrected p-values where each test gives the smallest that its number of runs allows.
    best = holm([row.p_floor for row in rows])
    decided = {row.measure for row, p in zip(rows, best, strict=True) if p <= alpha}
    found = {"undecided"}
    if primary in decided:
        found |= {"flatter", "sharper"}
    if any(r.measure == primary and r.equivalence_p is not None for r in rows):
        found.add("equivalent")
    return found
