"""Which scales the networks that are compared show to be invariant: their stored certificates.

A measure's kind says which rescalings leave it alone. Whether a network has further symmetries,
that move it, is seen by moving its weights (:mod:`landscape.analysis.preflight.invariance`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from landscape.catalog import SCALES_OF_WEIGHTS, MeasureKind
from landscape.compare.groups import Analysed
from landscape.hints import few
from landscape.results import Invariance, Preflight


class Certificate(NamedTuple):
    """Of a measure on all networks compared."""

    holds: bool | None  # None: some have none
    words: str


Certificates = Mapping[str, Certificate]  # by scale


def certificates_of(checkpoints: Sequence[Analysed]) -> Certificates:
    """For each scale of weights, what all ``checkpoints`` say together."""
    return {scale: _at(scale, checkpoints) for scale in SCALES_OF_WEIGHTS}


def certificate_of(kind: MeasureKind, scale: str, certificates: Certificates) -> Certificate:
    """That of a measure: its scale's, unless its invariance is its own, which is not measured."""
    if kind.invariant_under is None and scale in certificates:
        return certificates[scale]
    known = any(found.holds is not None for found in certificates.values())
    return Certificate(False if known else None, "its invariance is not measured")


def _at(scale: str, checkpoints: Sequence[Analysed]) -> Certificate:
    changed: dict[str, dict[str, Invariance]] = {}  # by move, by network
    lacking = []
    for checkpoint in checkpoints:
        found = _changes(checkpoint, scale)
        if found is None:
            lacking.append(checkpoint.label)
        for move in found or ():
            changed.setdefault(move.move, {})[checkpoint.label] = move
    if changed:
        told = [
            f"{name} ({_how_far(list(networks.values()), scale)} on {few(list(networks))})"
            for name, networks in changed.items()
        ]
        return Certificate(False, f"not invariant on these networks: moved by {few(told)}")
    if lacking or not checkpoints:
        return Certificate(
            None, f"not certified: there is no certificate of invariance of {few(lacking)}"
        )
    count = len(checkpoints)
    where = "both networks" if count == 2 else f"all {count} networks"
    return Certificate(True, f"certified as invariant on {where}, along every symmetry found")


def _changes(checkpoint: Analysed, scale: str) -> tuple[Invariance, ...] | None:
    results = (r for r in checkpoint.results if isinstance(r, Preflight))
    found = (result.changed_at(scale) for result in results)
    return next((moves for moves in found if moves is not None), None)


def _how_far(moves: Sequence[Invariance], scale: str) -> str:
    """The range of the traces' ratios, which every budget measures."""
    traces = [r.trace for m in moves if (r := m.at(scale)) is not None and r.trace is not None]
    low, high = min(traces), max(traces)
    return f"its trace times {low:.3g}{'' if low == high else f' to {high:.3g}'}"
