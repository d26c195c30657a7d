"""Traces of all diagonal blocks A_ll of A, from the products that the probes of the whole make.

Let V hold the k locked pairs, B = P A P be A on their complement, of dimension d, u a probe that
is uniform on the unit sphere there, and w = B u, which the first Lanczos step leaves as α u + β q.
Then

    tr A_ll = Σ_i λ_i ‖v_i,l‖² + d E[u_l · w_l],

the first sum exactly. The variance of d u_l · w_l is at most ‖B_l‖_F² + ‖B_ll‖_F², with B_l the
rows of the block: that of zᵀ M z is 2 ‖M‖_F² for z ~ N(0, I), and less on the sphere, here with
M = (E_l B + B E_l) / 2. So 2 ‖B_l‖_F² = 2 d E‖w_l‖² bounds it, at most twice too large, and hardly
so where A is block diagonal. It adds up over blocks, as the traces do, and few probes give it well:
their own spread is now and then close to nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.linalg import vector_norm

from landscape.linalg.restart import KrylovSpace
from landscape.values import Estimate


def sample_blocks(
    space: KrylovSpace, num_locked: int, alpha: float, beta: float, sizes: Sequence[int]
) -> Tensor:
    """What a probe's first step says of consecutive blocks of these sizes, shape (2, blocks).

    A sample of each trace, and the bound on its variance; float64.
    """
    d = space.dim - num_locked
    found = torch.zeros(2, len(sizes), dtype=torch.float64, device=space.device)
    ends = [
        space.row(num_locked + after).split_with_sizes(sizes) for after in range(1 + space.has_next)
    ]
    for block, parts in enumerate(zip(*ends, strict=True)):  # one at a time: memory may be full
        u, *after = (part.double() for part in parts)
        w = alpha * u + sum(beta * q for q in after)
        found[0, block] = d * (u @ w)
        found[1, block] = 2 * d * (w @ w)
    for i, value in enumerate(space.T.diagonal()[:num_locked].tolist()):
        parts = space.row(i).split_with_sizes(sizes)
        found[0] += value * torch.stack([vector_norm(v, dtype=torch.float64) for v in parts]) ** 2
    return found.cpu()


def exact_blocks(space: KrylovSpace, sizes: Sequence[int]) -> Tensor:
    """The traces themselves, once the rows Q span R^n: A = Qᵀ T Q; shape (2, blocks)."""
    rows = torch.stack([space.row(i).double() for i in range(space.size)])
    T = space.T[: space.size, : space.size].to(rows.device)
    diagonal = (rows * (T @ rows)).sum(0)
    traces = torch.stack([part.sum() for part in diagonal.split_with_sizes(sizes)]).cpu()
    return torch.stack([traces, torch.zeros_like(traces)])


def block_traces(samples: Sequence[Tensor]) -> tuple[Estimate, ...]:
    """The traces from what several probes left; none where none of them was looked at."""
    known = [found for found in samples if found.numel()]
    if not known:
        return ()
    means, variances = torch.stack(known).mean(0)
    errors = (variances / len(known)).sqrt()
    p = len(known)  # degrees of freedom too: at least as many, and so where one eigenvalue counts
    return tuple(
        Estimate(mean, error, p, p)
        for mean, error in zip(means.tolist(), errors.tolist(), strict=True)
    )
