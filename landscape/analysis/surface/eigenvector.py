"""Lines and planes along eigenvectors of a curvature operator, whose search survives a kill."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from landscape.analysis.progress import Progress
from landscape.analysis.surface.course import Course, course_along
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.linalg.eigen import Eigenpairs, extreme_eigenpairs
from landscape.linalg.units import State
from landscape.results import DoesNotApply
from landscape.store.identity import identity_of
from landscape.store.states import StateFile
from landscape.store.units import told
from landscape.surface.direction_files import RawDirections


def eigenvector_course(
    target: Target,
    operator: str,
    *,
    ranks: Sequence[int],
    normalisation: str,
    tol: float,
    max_matvecs: int,
    state: Path | None = None,
    progress: Progress,
) -> Course:
    """Along eigenvectors of a curvature operator: rank 1 is the top one, -1 the bottom one.

    With ``state``, a killed search goes on where it was, and what was found stays in that file.

    Raises
    ------
    ValueError
        If a rank is 0, or an eigenpair did not converge within ``max_matvecs``.
    """
    if not ranks or 0 in ranks:
        raise ValueError("ranks count from 1 (largest eigenvalue) or from -1 (smallest); got 0.")
    wanted = {
        "operator": operator,
        "params": target.risk.layout.names,
        "ranks": tuple(ranks),
        "tol": tol,
        "max_matvecs": max_matvecs,
    }
    file = StateFile(state, identity_of(target, wanted))
    known = file.load()
    if known is None or "directions" not in known:
        with file.flushed():
            pairs = extreme_eigenpairs(
                make_operator(target.risk, operator),
                num_largest=max(0, *ranks),
                num_smallest=max(0, *(-r for r in ranks)),
                tol=tol,
                max_matvecs=max_matvecs,
                rng=target.generator("eigenvector direction"),
                keep=told(file, progress, max_matvecs),
            )
        known = _of_ranks(pairs, ranks, operator=operator, tol=tol)
        file.save(known, now=True)
    values, directions = known["values"], known["directions"]
    assert isinstance(values, Tensor)
    assert isinstance(directions, Tensor)
    texts = tuple(
        f"eigenvector {rank} of the {operator}, λ = {value:.4g}"
        for rank, value in zip(ranks, values.tolist(), strict=True)
    )
    vectors = tuple(v.to(target.risk.theta) for v in directions)
    raw = RawDirections(vectors, "eigenvector", target.settings.seed, texts)
    return course_along(target, raw, normalisation=normalisation)


def _of_ranks(pairs: Eigenpairs, ranks: Sequence[int], *, operator: str, tol: float) -> State:
    """The eigenpairs of ``ranks``; an eigenvector's sign is arbitrary, and fixed here."""
    found = []
    if max(abs(rank) for rank in ranks) > pairs.vectors.shape[1]:
        raise DoesNotApply(
            f"eigenvectors {', '.join(map(str, ranks))} were asked for; the operator has "
            f"{pairs.vectors.shape[1]}."
        )
    for rank in ranks:
        k = rank - 1 if rank > 0 else len(pairs.values) + rank
        if not pairs.accurate[k]:
            raise ValueError(
                f"eigenvector {rank} of the {operator} has a residual of "
                f"{pairs.residuals[k]:.2g} after {pairs.num_matvecs} matvecs, above tol = {tol:g} "
                "of the norm; allow more with --max-matvecs."
            )
        v = pairs.vectors[k]
        found.append((pairs.values[k], v * v[v.abs().argmax()].sign()))
    values, vectors = zip(*found, strict=True)
    return {"values": torch.stack(values), "directions": torch.stack(vectors)}
