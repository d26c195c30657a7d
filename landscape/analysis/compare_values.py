"""The measures that stored results hold: each value with what it must share to be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from landscape.analysis.compare_groups import Analysed
from landscape.results import (
    MEASURES,
    Eigenvalues,
    Fidelity,
    Measure,
    OperatorSpec,
    Result,
    SharpnessTable,
    Subject,
    Trace,
    make_measure,
    measure_title,
)

Settings = tuple[tuple[str, str], ...]  # what was measured, how: (name, value in words)
_SPECTRAL = ("lambda_max", "mean_curvature", "frobenius_norm")
_PROBED = ("probes", "noise pairs")


class Key(NamedTuple):
    """What a measure is, settings aside."""

    name: str  # of results.MEASURES
    scale: str
    radius: float | None
    layer: str | None


@dataclass(frozen=True, kw_only=True)
class Value:
    """A measure of one checkpoint."""

    row: Measure
    spiking: bool  # whether the network is
    settings: Settings
    shards: tuple[float, ...] = ()  # as measured on each part of the examples

    @property
    def key(self) -> Key:
        return Key(self.row.name, self.row.scale, self.row.radius, self.row.layer)

    @property
    def name(self) -> str:
        params = self._params
        return self.row.label if params == "*" else f"{self.row.label} of {params}"

    @property
    def title(self) -> str:
        """The name for a reader."""
        return measure_title(self.row, spiking=self.spiking, params=self._params)

    @property
    def _params(self) -> str:
        return dict(self.settings).get("parameters", "*")

    @property
    def probe_stderr(self) -> float:
        """Of the value; 0 where it comes from examples or a solver, which are no probes."""
        return (self.row.stderr or 0.0) if self.row.error_over in _PROBED else 0.0

    @property
    def recentred_shards(self) -> tuple[float, ...]:
        """Shard values times the factor that makes the whole's value their geometric mean.

        The largest eigenvalue of a part exceeds that of the whole; only the scatter is wanted.
        """
        if len(self.shards) < 2 or min(*self.shards, self.row.value) <= 0:
            return ()
        product = 1.0
        for shard in self.shards:
            product *= (shard / self.row.value) ** (1 / len(self.shards))
        return tuple(shard / product for shard in self.shards)


def values_of(checkpoint: Analysed) -> list[Value]:
    """Every measure of flatness of a checkpoint; an operator's from its own results if stored.

    A measure that is flatter neither way, such as the effective rank, is none of flatness.
    """
    found = [v for r in checkpoint.results for v in _of_result(r)]
    own = {(v.key, v.row.operator) for v in found}
    for r in checkpoint.results:
        if isinstance(r, SharpnessTable):
            rows = _of_table(r)
            found += [v for v in rows if v.row.name not in _SPECTRAL]
            found += [
                v for v in rows if v.row.name in _SPECTRAL and (v.key, v.row.operator) not in own
            ]
    return found


def _of_result(result: Result) -> Iterator[Value]:
    if isinstance(result, Eigenvalues) and result.largest:
        top = result.largest[0]
        yield Value(
            row=make_measure(
                "lambda_max",
                top.value,
                top.residual,
                scale=result.operator.scale,
                operator=result.operator.name,
                note="" if top.converged else "not converged",
            ),
            spiking=result.subject.spiking,
            settings=_settings(result.subject, result.operator),
            shards=tuple(values[0] for values in result.shards),
        )
    elif isinstance(result, Trace):
        spec, size = result.operator, result.operator.num_params
        estimates = {
            "mean_curvature": (result.mean_curvature, tuple(s / size for s in result.shards)),
            "frobenius_norm": (result.frobenius_norm, ()),
        }
        for name, (estimate, shards) in estimates.items():
            if estimate is None:
                continue
            yield Value(
                row=make_measure(
                    name, estimate.mean, estimate.stderr, scale=spec.scale, operator=spec.name
                ),
                spiking=result.subject.spiking,
                settings=_settings(result.subject, spec),
                shards=shards,
            )
    elif isinstance(result, Fidelity) and result.directions:
        further = {
            "batch norm": result.batch_norm,
            "directions": ", ".join(d.name for d in result.directions),
            "fitted up to": f"{result.fit_radius:g} ‖θ‖",
        }
        yield Value(
            row=result.steepest_cusp,
            spiking=result.subject.spiking,
            settings=_settings(result.subject, None, further),
        )


def _of_table(table: SharpnessTable) -> list[Value]:
    found = []
    for row in (row for row in table.rows if MEASURES[row.name].better != "neither"):
        further = {"batch norm": table.batch_norm}
        if row.operator:
            further["operator"] = row.operator
        if row.name == "tolerated_noise":
            further["accuracy drop"] = f"{table.accuracy_drop:g}"
        found.append(
            Value(
                row=row,
                spiking=table.subject.spiking,
                settings=_settings(table.subject, None, further),
            )
        )
    return found


def _settings(
    subject: Subject, spec: OperatorSpec | None, further: Mapping[str, str] | None = None
) -> Settings:
    shared = {
        "data": subject.data,
        "examples": f"{subject.num_examples} of {subject.split} ({subject.examples_sha256[:12]})",
        "loss": subject.loss_name,
    }
    if spec is not None:
        shared |= {
            "operator": spec.name,
            "parameters": spec.params,
            "weight decay": f"{spec.weight_decay:g}",
            "batch norm": spec.batch_norm,
            "dtype": spec.dtype,
        }
    return tuple((shared | dict(further or {})).items())
