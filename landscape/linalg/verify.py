"""Residuals of locked Ritz pairs, by products that the search has not used.

References
----------
.. [1] Székely & Bakirov (2003), Extremal probabilities for Gaussian quadratic forms, Probab. Theory
   Relat. Fields 126:184-202: a sum of weighted χ² is least spread out with a single term.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from scipy.special import chdtri
from torch import Tensor
from torch.linalg import vector_norm

from landscape.linalg.lanczos import finite_product
from landscape.linalg.search import KrylovSearch

_FAILURE = 0.01  # chance that the sketched bounds fail, whichever is given
_ONE_BY_ONE = 40  # pairs, at most
_SKETCH = 10  # products that bound the residuals of more
_FEW = 10  # pairs that have one each in any case
_FIRST = 8  # products that are tried for more than these


def num_verification(num_pairs: int) -> int | None:
    """How many products to verify so many pairs with; None: one each, where it takes these.

    Of many pairs that would be a third of all work.
    """
    return None if num_pairs <= _ONE_BY_ONE else _SKETCH


def num_first(num_pairs: int, num_products: int | None, max_matvecs: int) -> int:
    """How many combinations to try at most, where else each pair had a product.

    None where there are few pairs, or the limit leaves no room for both.
    """
    has_room = max_matvecs >= 2 * num_pairs + _FIRST
    return _FIRST if num_products is None and num_pairs > _FEW and has_room else 0


def verify(search: KrylovSearch, num_products: int | None, first: int = 0) -> Tensor:
    """Residual norms of the rows locked, shape (k,), float64.

    A product A y of its own gives a row its true ||A y - θ y||. A few products of Gaussian
    combinations of all rows give upper bounds instead: the search knows the residuals but for E
    (:mod:`landscape.linalg.restart`), and the products show E, all that differs from what is known
    (rounding of the operator, lost orthogonality, what was dropped). ||E||_F from s products,
    raised to its confidence bound [1]_, is added to what is known of each row.

    A ``num_products`` below k is s, at 99 %; with None, each row has its own. With ``first``,
    combinations come first, until all bounds are within the tolerance, at most so many, and only
    rows whose bounds they leave above it have one.

    Where the search splits products by groups, it does these, and the first ``num_top`` rows have
    one each in any case.
    """
    k, split = search.space.size, search.split
    if first:
        return _as_few_as_needed(search, first)
    if num_products is None or num_products >= k:
        return _singly(search, range(k), 0)
    num_single = min(split.num_top, k) if split else 0
    true = _singly(search, range(num_single), 0)
    return torch.cat([true, _bounds(search, num_single, num_products, _FAILURE)[num_single:]])


def _as_few_as_needed(search: KrylovSearch, most: int) -> Tensor:
    """Bounds from at most so many combinations, and true residuals where those take more products.

    The bounds from s products fail with a chance of 1 % s / (1 + … + ``most``): together, of 1 %.
    """
    limit, s = search.wanted.tol * search.space.norm, 0
    while True:
        s += 1
        bounds, at_last = (
            _bounds(search, 0, s, _FAILURE * last / sum(range(most + 1)), like=last)
            for last in (s, most)
        )
        doubtful = (bounds > limit).nonzero().flatten().tolist()
        # To go on costs the combinations left, and what they too would leave in doubt.
        if len(doubtful) <= most - s + int((at_last > limit).sum()):
            bounds[doubtful] = _singly(search, doubtful, s)
            return bounds


def _singly(search: KrylovSearch, which: Sequence[int], begin: int) -> Tensor:
    """True residuals of these rows; their products come after ``begin`` others."""
    space = search.space
    top, along = (search.split.num_top, search.split.num_along) if search.split else (0, 0)
    rows = [partial(space.row, j) for j in range(min(along, space.size))]
    for i in which[len(search.verified) - begin :]:
        y = space.row(i)
        product, shares = _product(search, y, rows if i < top else [])
        product.sub_(y, alpha=float(space.T[i, i]))
        search.note_verified(float(vector_norm(product)), shares)
    return torch.tensor(search.verified[begin : begin + len(which)], dtype=torch.float64)


def _bounds(
    search: KrylovSearch, begin: int, num_products: int, failure: float, like: int | None = None
) -> Tensor:
    """Upper bounds for all rows, from products of combinations that come after ``begin`` others.

    ``like``: as they would be if so many products showed what these do.
    """
    space, k = search.space, search.space.size
    values = space.T.diagonal()[:k]
    for _ in range(len(search.verified) - begin, num_products):
        g = torch.randn(k, generator=search.rng, dtype=torch.float64)
        expected = space.combine(values * g) + space.residual(g)
        product, shares = _product(search, space.combine(g), [])
        search.note_verified(float(vector_norm(product.sub_(expected))), shares)
    squares = sum(norm**2 for norm in search.verified[begin : begin + num_products])
    dof = like or num_products
    rest = (squares / num_products * dof / float(chdtri(dof, 1 - failure))) ** 0.5
    bounds: Tensor = space.row_residuals() + rest
    return bounds


def _product(
    search: KrylovSearch, x: Tensor, rows: Sequence[Callable[[], Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """A x in float64, and the groups' shares of it where there are groups."""
    if search.split is None:
        return finite_product(search.A, x).to(torch.float64, copy=True), None
    product, shares = search.split.operator.product(x, rows)
    return product.to(torch.float64, copy=True), shares
