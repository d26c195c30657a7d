"""The directions along which operators are put to the test: unit vectors, shape (P,)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.linalg.eigen import Eigenpairs, extreme_eigenpairs
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.units import unit
from landscape.store.units import Journal
from landscape.surface.directions import normalise, random_directions

_TOL = 1e-2  # of eigenvectors: each is then judged by its own vᵀAv, whatever its residual


class Direction(NamedTuple):
    """A unit vector with where it comes from."""

    name: str
    kind: str  # top | bottom | random | filter-normalised
    operator: str | None
    vector: Tensor


def eigen_directions(
    name: str,
    operator: SelfAdjointOperator,
    *,
    num_top: int,
    num_bottom: int,
    max_matvecs: int,
    known: Mapping[str, Eigenpairs],
    target: Target,
    keep: Journal,
) -> list[Direction]:
    """Top and, where there is a lower end, bottom eigenvectors; taken from ``known`` if there.

    Otherwise they are one unit of ``keep``, and the search for them has a file beside its own.
    """
    # A definite one has no lower end to look at.
    num_bottom = 0 if OPERATORS[name].is_definite else num_bottom
    if num_top + num_bottom == 0:
        return []
    pairs = known.get(name)
    if pairs is None or pairs.num_largest < num_top or pairs.num_smallest < num_bottom:
        num_top, num_bottom = _fitting(num_top, num_bottom, operator.dim)
        file = keep.file.beside(name)

        def search() -> Tensor:
            with file.flushed():
                found = extreme_eigenpairs(
                    operator,
                    num_largest=num_top,
                    num_smallest=num_bottom,
                    tol=_TOL,
                    max_matvecs=max(max_matvecs, 2 * (num_top + num_bottom)),
                    rng=target.generator(f"fidelity {name}"),
                    check_matvecs=0,
                    keep=file,
                )
            operator.num_matvecs = found.num_matvecs  # with those of a search that was cut off
            return found.vectors.clone()  # not the whole basis

        vectors = unit(keep, f"{name} eigenvectors", search)
        file.remove()
    else:
        vectors = pairs.vectors
    top = [Direction(f"{name} top {k + 1}", "top", name, vectors[k]) for k in range(num_top)]
    bottom = [
        Direction(f"{name} bottom {k + 1}", "bottom", name, vectors[-1 - k])
        for k in range(num_bottom)
    ]
    return [d._replace(vector=_unit(d.vector, target.risk.theta)) for d in (*top, *bottom)]


def random_units(target: Target, *, num_random: int, num_filter: int) -> list[Direction]:
    """Random directions, isotropic and filter-normalised, the same for every checkpoint."""
    layout, theta = target.risk.layout, target.risk.theta
    found: list[Direction] = []
    for kind, count, how in (
        ("random", num_random, "none"),
        ("filter-normalised", num_filter, "filter"),
    ):
        if count < 1:
            continue
        raw: Sequence[Tensor] = random_directions(
            layout, count, target.generator(f"fidelity {kind}")
        )
        for k, direction in enumerate(raw):
            vector = normalise(direction, theta, layout, how)
            if vector.any():  # all filters may be zero
                found.append(Direction(f"{kind} {k + 1}", kind, None, _unit(vector, theta)))
    return found


def _fitting(num_top: int, num_bottom: int, dim: int) -> tuple[int, int]:
    """As many of each as a space of ``dim`` dimensions has."""
    num_top = min(num_top, dim)
    return num_top, min(num_bottom, dim - num_top)


def _unit(vector: Tensor, theta: Tensor) -> Tensor:
    vector = vector.to(theta)
    return vector.div(vector.norm())
