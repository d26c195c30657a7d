"""Trace and Frobenius norm of an operator, each with its standard error.

References
----------
.. [1] Hutchinson (1990), Commun. Stat. Simul. Comput. 19(2):433-450.
.. [2] Meyer, Musco, Musco & Woodruff (2021), Hutch++, SOSA, arXiv 2010.09649.
"""

from functools import partial

import torch
from torch import Generator, Tensor
from torch.linalg import vector_norm

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.grouped import INNER, GroupedOperator, GroupSums, random_signs, sketch
from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import DeflatedOperator, SelfAdjointOperator
from landscape.linalg.probes import rademacher
from landscape.linalg.sketch import gram
from landscape.linalg.units import Keep, afresh, numbers, products
from landscape.values import Estimate


def probe_forms(
    A: SelfAdjointOperator,
    *,
    num_probes: int,
    rng: Generator,
    keep: Keep = afresh,
    first: int = 0,
) -> list[float]:
    """zᵀ A z of ``num_probes`` Rademacher probes, unbiased for tr A: one product, one unit each.

    ``first`` is the number of the first probe, in the units' names.
    """

    def form(z: Tensor) -> float:
        return float(z.double() @ finite_product(A, z).double())

    names = (f"probe {i}" for i in range(first, first + num_probes))
    return numbers(keep, ((name, partial(form, rademacher(A, rng))) for name in names))


def frobenius_squared(
    A: SelfAdjointOperator, *, num_matvecs: int, rng: Generator, keep: Keep = afresh
) -> tuple[Estimate, GroupSums | None]:
    """Estimate ||A||_F² = E ||A z||² by the mean over m Rademacher probes.

    Its variance is 2 tr A⁴ / m at most, and (A z)ᵀ A z' of two probes has the mean square tr A⁴:
    relative to their lengths that gives r = tr A⁴ / ||A||_F⁴, which few probes give well where they
    are most in need of it, r = 1 with one eigenvalue alone. Their spread is then now and then close
    to nothing.

    Of a grouped operator, also what the same products say of its groups.
    """
    _refuse_below(num_matvecs, 2)
    grouped = A if isinstance(A, GroupedOperator) else None
    signs = random_signs(torch.empty(A.dim, dtype=A.dtype, device=A.device))

    def seen(z: Tensor) -> Tensor:
        product, shares = (finite_product(A, z), None) if grouped is None else grouped.product(z)
        square = vector_norm(product, dtype=torch.float64).square().reshape(1)
        parts = [square, sketch(product, signs), *([] if shares is None else [shares.flatten()])]
        return torch.cat([part.cpu() for part in parts])

    probes = ((f"probe {i}", partial(seen, rademacher(A, rng))) for i in range(num_matvecs))
    units = torch.stack(list(keep.each(probes)))
    num_shares = 0 if grouped is None else len(grouped.groups) * INNER
    squares, sketches, shares = units.split_with_sizes(
        [1, units.shape[1] - 1 - num_shares, num_shares], dim=1
    )
    sums = None
    if grouped is not None:
        sums = GroupSums.of(shares.mean(0).view(len(grouped.groups), INNER))
    return _of_squares(squares[:, 0], sketches), sums


def _of_squares(squares: Tensor, sketches: Tensor) -> Estimate:
    """The mean of ||A z||², shape (m,), with its error from sketches of A z, shape (m, s)."""
    num = len(squares)
    inner = gram(sketches, sketches).square()
    lengths = inner.diagonal().sqrt()
    between = float(torch.outer(lengths, lengths).sum() - inner.trace())
    r = float(inner.sum() - inner.trace()) / between if between else 0.0
    mean = float(squares.mean())
    return Estimate(mean, mean * (2 * r / num) ** 0.5, num, num - 1)


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
    return estimate_mean(torch.tensor(forms, dtype=torch.float64), known)


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
