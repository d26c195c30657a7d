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

_FAILURE = 0.01  # chance that the sketched bound fails
_ONE_BY_ONE = 40  # pairs, at most
_SKETCH = 10  # products that bound the residuals of more


def num_verification(num_pairs: int) -> int | None:
    """How many products to verify so many pairs with; None: one each, for true residuals.

    Of many pairs that would be a third of all work.
    """
    return None if num_pairs <= _ONE_BY_ONE else _SKETCH


def verify(search: KrylovSearch, num_products: int | None) -> Tensor:
    """Residual norms of the rows locked, shape (k,), float64.

    With ``num_products`` None each is the true ||A y - θ y|| of a product A y of its own. A number
    s below k takes s products of Gaussian combinations of all rows instead, and gives upper bounds.
    The search knows the residuals as c_i q; the products show E, all that differs from it (rounding
    of the operator, lost orthogonality, what was dropped). ||E||_F from the s products, raised to
    its 99 % confidence bound [1]_, is added to each abs(c_i).

    Where the search splits products by groups, it does these, and the first ``num_top`` rows have
    one each in any case.
    """
    space, k = search.space, search.space.size
    every = num_products is None or num_products >= k
    top, along = (search.split.num_top, search.split.num_along) if search.split else (0, 0)
    rows = [partial(space.row, j) for j in range(min(along, k))]
    num_single = k if every else min(top, k)
    for i in range(len(search.verified), num_single):
        y = space.row(i)
        product, shares = _product(search, y, rows if i < top else [])
        product.sub_(y, alpha=float(space.T[i, i]))
        search.note_verified(float(vector_norm(product)), shares)
    true = torch.tensor(search.verified[:num_single], dtype=torch.float64)
    if num_products is None or every:
        return true

    values, coupling = space.T.diagonal()[:k], space.coupling[:k]
    for _ in range(len(search.verified) - num_single, num_products):
        g = torch.randn(k, generator=search.rng, dtype=torch.float64)
        expected = space.combine(values * g)
        if space.has_next:
            expected += float(coupling @ g) * space.row(k)
        product, shares = _product(search, space.combine(g), [])
        search.note_verified(float(vector_norm(product.sub_(expected))), shares)
    squares = sum(norm**2 for norm in search.verified[num_single:])
    rest = (squares / float(chdtri(num_products, 1 - _FAILURE))) ** 0.5
    bounds: Tensor = coupling.abs() + rest
    return torch.cat([true, bounds[num_single:]])


def _product(
    search: KrylovSearch, x: Tensor, rows: Sequence[Callable[[], Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """A x in float64, and the groups' shares of it where there are groups."""
    if search.split is None:
        return finite_product(search.A, x).to(torch.float64, copy=True), None
    product, shares = search.split.operator.product(x, rows)
    return product.to(torch.float64, copy=True), shares
