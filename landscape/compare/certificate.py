"""Which scales the networks that are compared show to be invariant: their stored certificates.

A measure's kind says which rescalings leave it alone. Whether a network has further symmetries,
that move it, is seen by moving its weights (:mod:`landscape.analysis.preflight.invariance`).
"""

from collections import Counter
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
    moves: tuple[str, ...] = ()  # that it rests on: each of them changes some other scale


Certificates = Mapping[str, Certificate]  # by scale

_MANY = {"permutation of units": "permutations of units"}


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
    telling: Counter[str] = Counter()
    lacking: dict[str, list[str]] = {}  # by the reason
    for checkpoint in checkpoints:
        preflight = _preflight(checkpoint, scale)
        found = None if preflight is None else preflight.changed_at(scale)
        if preflight is None or found is None:
            lacking.setdefault(_why_none(preflight), []).append(checkpoint.label)
            continue
        telling.update(m.move for m in preflight.invariances if m.is_telling)
        for move in found:
            changed.setdefault(move.move, {})[checkpoint.label] = move
    if changed:
        told = [
            f"{name} ({_how_far(list(networks.values()), scale)} on {few(list(networks))})"
            for name, networks in changed.items()
        ]
        return Certificate(False, f"not invariant on these networks: moved by {few(told)}")
    if lacking or not checkpoints:
        reasons = [why.format(few(labels)) for why, labels in lacking.items()]
        return Certificate(None, f"not certified: {'; '.join(reasons) or 'no networks'}")
    count = len(checkpoints)
    where = "both networks" if count == 2 else f"all {count} networks"
    by = ", ".join(
        name if number == count else f"{name} on {number} of them"
        for name, number in telling.items()
    )
    words = f"certified as invariant on {where}, along every symmetry found ({by})"
    return Certificate(True, words, tuple(telling))


def _preflight(checkpoint: Analysed, scale: str) -> Preflight | None:
    """The one that says something of a scale, else any."""
    found = [r for r in checkpoint.results if isinstance(r, Preflight)]
    saying = (result for result in found if result.changed_at(scale) is not None)
    return next(saying, found[0] if found else None)


def _why_none(preflight: Preflight | None) -> str:
    """Why a network has no certificate, with a place for its name."""
    moves = [m for m in preflight.invariances if m.num_places] if preflight else []
    if not moves or any(r.trace is None for move in moves for r in move.ratios):
        return "there is no certificate of invariance of {}"
    names = [_MANY.get(move.move, move.move) for move in moves]
    return f"only {', '.join(names)} were found of {{}}, which leave every scale alone"


def _how_far(moves: Sequence[Invariance], scale: str) -> str:
    """The range of the traces' ratios, which every budget measures."""
    traces = [r.trace for m in moves if (r := m.at(scale)) is not None and r.trace is not None]
    low, high = min(traces), max(traces)
    return f"its trace times {low:.3g}{'' if low == high else f' to {high:.3g}'}"
