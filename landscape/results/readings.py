"""What stored results say of a checkpoint's flatness: the one way from a result to a measure.

:func:`readings_of` is what comparisons, tables, ``summary.json`` and notebooks read; the functions
below are those that the entries of the catalog name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.catalog import MEASURES, MeasureKind, resolve
from landscape.results.activity import Activity
from landscape.results.base import Result
from landscape.results.fidelity import Fidelity
from landscape.results.sharpness import Measure, SharpnessTable, make_measure
from landscape.results.spectrum import Eigenvalues, SpectralDensity, Trace
from landscape.results.subject import OperatorSpec
from landscape.values import Eigenvalue, Estimate, Population

NOT_CONVERGED = "not converged"

Conditions = tuple[tuple[str, str], ...]  # how something was measured: (name, value in words)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A measure as a result holds it."""

    measure: Measure
    shards: tuple[float, ...] = ()  # as measured on each part of the examples
    conditions: Conditions = ()  # what has to be alike, beside the data and the loss
    residual: float | None = None  # the solver's, of an eigenvalue
    population: Population | None = None  # what it says of the set that the examples stand for
    no_population: str = ""  # why that is not known

    @property
    def kind(self) -> MeasureKind:
        """What the measure is, whatever an earlier version stored of it."""
        return MEASURES[self.measure.name]

    @property
    def name(self) -> str:
        """What comparisons call the measure."""
        label, params = self.measure.label, self._params
        return label if params == "*" else f"{label} of {params}"

    @property
    def is_of_all(self) -> bool:
        """Whether it is of all parameters."""
        return self._params == "*"

    @property
    def _params(self) -> str:
        return dict(self.conditions).get("parameters", "*")

    @property
    def shard_stderr(self) -> float | None:
        """Standard error of the value from the spread over parts of the examples."""
        return stderr_over(self.shards)

    @property
    def over_shards(self) -> Estimate | None:
        """The value with that error."""
        stderr = self.shard_stderr
        dof = len(self.shards) - 1
        return None if stderr is None else Estimate(self.measure.value, stderr, dof=dof)


def stderr_over(parts: Sequence[float]) -> float | None:
    """Standard error of a mean over disjoint parts of the examples; None: there are no two."""
    if len(parts) < 2:
        return None
    return float(np.std(parts, ddof=1) / np.sqrt(len(parts)))


def readings_of(result: Result) -> list[Reading]:
    """Every measure that ``result`` holds, in the order of the catalog, or of the table's rows."""
    if isinstance(result, SharpnessTable):
        return [Reading(measure=row, conditions=_of_row(row, result)) for row in result.rows]
    return [
        reading for kind in MEASURES.values() if kind.read for reading in resolve(kind.read)(result)
    ]


def largest_eigenvalue(result: Result) -> Iterator[Reading]:
    """Of a spectrum, with those of the data shards."""
    if isinstance(result, Eigenvalues) and result.largest:
        shards = tuple(values[0] for values in result.shards)
        yield _eigenvalue("lambda_max", result, result.largest[0], shards)


def smallest_eigenvalue(result: Result) -> Iterator[Reading]:
    """Of a spectrum."""
    if isinstance(result, Eigenvalues) and result.smallest:
        yield _eigenvalue("lambda_min", result, result.smallest[0])


def trace(result: Result) -> Iterator[Reading]:
    """With those of the data shards."""
    if isinstance(result, Trace):
        yield _estimate("trace", result, result.trace, result.shards, result.population)


def mean_curvature(result: Result) -> Iterator[Reading]:
    """The trace, and those of the data shards, over the number of parameters."""
    if isinstance(result, Trace):
        shards = tuple(shard / result.operator.num_params for shard in result.shards)
        whole = result.population
        mean = None if whole is None else whole / result.operator.num_params
        yield _estimate("mean_curvature", result, result.mean_curvature, shards, mean)


def frobenius_norm(result: Result) -> Iterator[Reading]:
    """Where the method gives it."""
    if isinstance(result, Trace) and result.frobenius_norm is not None:
        norm, whole = result.frobenius_norm, result.frobenius_population
        yield _estimate("frobenius_norm", result, norm, population=whole)


def effective_rank(result: Result) -> Iterator[Reading]:
    """Where the method gives it."""
    if isinstance(result, Trace) and result.effective_rank is not None:
        yield _estimate("effective_rank", result, result.effective_rank)


def negative_mass(result: Result) -> Iterator[Reading]:
    """Of a density."""
    if isinstance(result, SpectralDensity):
        yield _estimate("negative_mass", result, result.negative_mass)


def steepest_cusp(result: Result) -> Iterator[Reading]:
    """The slope of the steepest cusp among the directions of a fidelity test."""
    if not isinstance(result, Fidelity):
        return
    steepest, num_directions = result.sharpest, len(result.directions)
    yield Reading(
        measure=make_measure(
            "cusp_slope",
            steepest.cusp_slope.mean,
            steepest.cusp_slope.stderr,
            dof=steepest.cusp_slope.dof,
            num_evaluations=2 * len(result.radii) * num_directions,
            note=f"along the steepest of {num_directions} directions, {steepest.name}; "
            f"t up to {result.fit_radius:g} ‖θ‖",
        ),
        conditions=(
            ("batch norm", result.batch_norm),
            ("directions", ", ".join(d.name for d in result.directions)),
            ("fitted up to", f"{result.fit_radius:g} ‖θ‖"),
        ),
    )


def firing_rate(result: Result) -> Iterator[Reading]:
    """Of a spiking network's neurons."""
    if isinstance(result, Activity):
        rate = result.firing.firing_rate
        yield Reading(
            measure=make_measure(
                "firing_rate", rate.mean, rate.stderr, dof=rate.dof, num_evaluations=1
            )
        )


def _eigenvalue(
    name: str, result: Eigenvalues, pair: Eigenvalue, shards: tuple[float, ...] = ()
) -> Reading:
    note = "" if pair.converged else NOT_CONVERGED
    # A set that is there in full has no error over examples.
    stderr = (pair.population.stderr or None) if pair.population else None
    reading = _of_spectrum(name, result, Estimate(pair.value, stderr), shards, note)
    return replace(
        reading,
        residual=pair.residual,
        population=pair.population,
        no_population=result.no_population,
    )


def _estimate(
    name: str,
    result: Trace | SpectralDensity,
    estimate: Estimate,
    shards: tuple[float, ...] = (),
    population: Population | None = None,
) -> Reading:
    return replace(_of_spectrum(name, result, estimate, shards, ""), population=population)


def _of_spectrum(
    name: str,
    result: Eigenvalues | Trace | SpectralDensity,
    found: Estimate,
    shards: tuple[float, ...],
    note: str,
) -> Reading:
    spec = result.operator
    return Reading(
        measure=make_measure(
            name,
            found.mean,
            found.stderr,
            dof=found.dof,
            scale=spec.scale,
            operator=spec.name,
            num_evaluations=result.num_matvecs,
            note=note,
        ),
        shards=shards,
        conditions=_of_operator(spec),
    )


def _of_operator(spec: OperatorSpec) -> Conditions:
    return (
        ("operator", spec.name),
        ("parameters", spec.params),
        ("weight decay", f"{spec.weight_decay:g}"),
        ("batch norm", spec.batch_norm),
        ("dtype", spec.dtype),
    )


def _of_row(row: Measure, table: SharpnessTable) -> Conditions:
    conditions = [("batch norm", table.batch_norm)]
    if row.operator:
        conditions.append(("operator", row.operator))
    if row.name == "expected_rise":
        base = "L(θ)" if row.base_radius is None else f"smoothed at ρ₀ = {row.base_radius:g}"
        conditions.append(("base of the rise", base))
    if row.name == "tolerated_noise":
        conditions.append(("accuracy drop", f"{table.accuracy_drop:g}"))
    if row.name == "radius_of_rise":
        conditions.append(("rise", f"{table.rise_share:g} of the loss with all weights zero"))
    return tuple(conditions)
