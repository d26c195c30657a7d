"""Trace and Frobenius norm of an operator, each with its standard error.

References
----------
.. [1] Hutchinson (1990), Commun. Stat. Simul. Comput. 19(2):433-450.
.. [2] Meyer, Musco, Musco & Woodruff (2021), Hutch++, SOSA, arXiv 2010.09649.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.linalg import vector_norm

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.grouped import GroupedOperator, GroupSums
from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import DeflatedOperator, SelfAdjointOperator
from landscape.linalg.probes import rademacher
from landscape.linalg.sketch import gram
from landscape.linalg.units import Keep, afresh, numbers, products
from landscape.values import Estimate


class ProbeForms(NamedTuple):
    """What one product A z of a Rademacher probe shows."""

    trace: float  # zᵀ A z, an unbiased estimate of tr A
    frobenius: float  # ||A z||², an unbiased estimate of ||A||_F²
    shares: Tensor | None = None  # of a grouped operator, the groups' (linalg.grouped)


def probe_forms(
    A: SelfAdjointOperator,
    *,
    num_probes: int,
    rng: Generator,
    keep: Keep = afresh,
    first: int = 0,
) -> list[ProbeForms]:
    """zᵀ A z and ||A z||² of ``num_probes`` Rademacher probes: one product, one unit each.

    ``first`` is the number of the first probe, in the units' names.
    """
    grouped = A if isinstance(A, GroupedOperator) else None

    def forms(z: Tensor) -> Tensor:
        product, shares = (finite_product(A, z), None) if grouped is None else grouped.product(z)
        form = float(z.double() @ product.double())
        square = float(vector_norm(product, dtype=torch.float64)) ** 2
        found = torch.tensor([form, square], dtype=torch.float64)
        return found if shares is None else torch.cat([found, shares.flatten()])

    def read(unit: Tensor) -> ProbeForms:
        trace, frobenius, *_ = unit.tolist()
        shares = None if grouped is None else unit[2:].view(len(grouped.groups), -1)
        return ProbeForms(trace, frobenius, shares)

    names = (f"probe {i}" for i in range(first, first + num_probes))
    units = keep.each((name, partial(forms, rademacher(A, rng))) for name in names)
    return list(map(read, units))


def frobenius_squared(
    A: SelfAdjointOperator, *, num_matvecs: int, rng: Generator, keep: Keep = afresh
) -> tuple[Estimate, GroupSums | None]:
    """Estimate ||A||_F² = E ||A z||² by the mean over Rademacher probes.

    Of a grouped operator, also what the same products say of its groups.
    """
    _refuse_below(num_matvecs, 2)
    forms = probe_forms(A, num_probes=num_matvecs, rng=rng, keep=keep)
    squared = estimate_mean(torch.tensor([f.frobenius for f in forms], dtype=torch.float64))
    tables = [form.shares for form in forms if form.shares is not None]
    return squared, GroupSums.of(torch.stack(tables).mean(0)) if tables else None


def hutchpp_trace(
    A: SelfAdjointOperator, *, num_matvecs: int, rng: Generator, keep: Keep = afresh
) -> Estimate:
    """Estimate tr A with Hutch++ [2]_: exact on a random range, Hutchinson on the rest.

    A third of the products makes the range, a third gives its trace, a third probes the rest; the
    standard error is that of the rest, given the range.
    """
    _refuse_below(num_matvecs, 6)
    third = num_matvecs // 3
    draws = ((f"range {i}", rademacher(A, rng)) for i in range(third))
    sketch = torch.stack(list(products(A, draws, keep)))
    Q = torch.linalg.qr(sketch.T)[0].T.contiguous()
    known = sum(numbers(keep, ((f"form {i}", partial(_form, A, q)) for i, q in enumerate(Q))))
    num_probes = num_matvecs - third - len(Q)
    return deflated_trace(A, Q, known, num_matvecs=num_probes, rng=rng, keep=keep)


def deflated_trace(
    A: SelfAdjointOperator,
    Q: Tensor,
    known: float,
    *,
    num_matvecs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> Estimate:
    """Estimate tr A = tr Q A Qᵀ + tr P A P, P = I - QᵀQ, the first part being ``known``.

    Q holds orthonormal rows, shape (k, n): eigenvectors, whose eigenvalues ``known`` sums, or any
    range that was drawn before.
    """
    _refuse_below(num_matvecs, 2)
    forms = probe_forms(DeflatedOperator(A, Q), num_probes=num_matvecs, rng=rng, keep=keep)
    return estimate_mean(torch.tensor([f.trace for f in forms], dtype=torch.float64), known)


def exact_trace(A: SelfAdjointOperator, keep: Keep = afresh) -> Estimate:
    """Tr A from the n unit vectors: no error but rounding."""

    def entry(i: int) -> float:
        e = torch.zeros(A.dim, dtype=A.dtype, device=A.device)
        e[i] = 1
        return float(finite_product(A, e)[i])

    entries = numbers(keep, ((f"entry {i}", partial(entry, i)) for i in range(A.dim)))
    return Estimate(sum(entries), 0.0, 0)


def _form(A: SelfAdjointOperator, q: Tensor) -> float:
    return float(gram(q[None], finite_product(A, q)[None]))


def _refuse_below(num_matvecs: int, least: int) -> None:
    if num_matvecs < least:
        raise ValueError(f"num_matvecs must be at least {least} here; got {num_matvecs}.")
