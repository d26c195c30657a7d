"""Orthonormal rows that may be many, lie elsewhere than the vectors at work, or be rounded.

A Krylov basis in host memory or in a file is brought to the device a block of rows at a time; one
in bfloat16 is widened in the same way. Rows of the vectors' own dtype and device are used as they
are.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

_BLOCK = 1 << 24  # numbers brought over or widened at a time
_CACHED = 1 << 19  # numbers widened at a time where they are used more than once
_NUM_VECTORS, _NUM_PASSES = 4, 3


def project_out(r: Tensor, rows: Tensor) -> Tensor:
    """Remove from ``r``, in place, its part in the span of orthonormal ``rows``; return Q r."""
    parts = []
    for block in _blocks(rows, r.dtype, r.device):
        h = block @ r
        r.addmv_(block.T, h, alpha=-1)
        parts.append(h)
    return torch.cat(parts) if len(parts) != 1 else parts[0]


def combine(rows: Tensor, coefficients: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Qᵀ c, with c of shape (m,)."""
    total = torch.zeros(rows.shape[1], dtype=dtype, device=device)
    begin = 0
    for block in _blocks(rows, dtype, device):
        total.addmv_(block.T, coefficients[begin : begin + len(block)].to(total))
        begin += len(block)
    return total


def orthogonality_loss(rows: Tensor) -> float:
    """‖Q Qᵀ - I‖₂, from below: block power iteration, three passes over the rows in float64.

    Exact for four rows or fewer.
    """
    m = len(rows)
    if m == 0:
        return 0.0
    rng = Generator().manual_seed(0)  # of its own: to measure changes no other random number
    W = torch.randn(m, min(m, _NUM_VECTORS), generator=rng, dtype=torch.float64)
    loss = 0.0
    for _ in range(_NUM_PASSES):
        W = torch.linalg.qr(W).Q.to(rows.device)
        Z = -W
        for columns in torch.split(rows, cached_columns(m), dim=1):
            wide = columns.double()
            Z = Z + wide @ (wide.T @ W)
        W = Z.cpu()
        loss = float(torch.linalg.matrix_norm(W, 2))
    return loss


def cached_columns(num_rows: int) -> int:
    """How many columns of so many rows a processor's cache holds in float64."""
    return max(1, _CACHED // max(1, num_rows))


def _blocks(rows: Tensor, dtype: torch.dtype, device: torch.device) -> Iterator[Tensor]:
    """The rows brought over a block at a time; in one piece where they are there already."""
    if (rows.dtype, rows.device) == (dtype, device):
        yield rows
        return
    for block in torch.split(rows, max(1, _BLOCK // rows.shape[1])):
        # Two steps: a narrow row travels as it is, and straight from memory that is pinned.
        yield block.to(device=device, non_blocking=True).to(dtype=dtype)
