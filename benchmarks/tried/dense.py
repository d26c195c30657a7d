"""A second opinion that shares no line with the package: a dense matrix, a row at a time."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


def eigenvalues(loss: Callable[[], Tensor], theta: Sequence[Tensor]) -> list[float]:
    """Those of the Hessian of ``loss()``, a scalar in float64, by ``theta``; the largest first.

    Each row is the derivative of an entry of the gradient. Fused attention, which has no second
    derivative, gives way to PyTorch's own plain formula.
    """
    with sdpa_kernel(SDPBackend.MATH):
        gradient = _flat(loss(), theta, create_graph=True)
        rows = [_flat(entry, theta, retain_graph=True) for entry in gradient]
    matrix = torch.stack(rows)
    return torch.linalg.eigvalsh((matrix + matrix.T) / 2).flip(0).tolist()  # type: ignore[no-any-return]


def _flat(value: Tensor, theta: Sequence[Tensor], **options: bool) -> Tensor:
    parts = torch.autograd.grad(value, theta, materialize_grads=True, **options)
    return torch.cat([part.flatten() for part in parts])
