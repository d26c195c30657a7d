"""Directions to walk along from θ: drawn, rescaled to a network's weights, compared.

A direction is a flat vector of shape (P,), like θ. It is drawn or computed once (*raw*) and
then rescaled to each checkpoint's weights, so that several checkpoints can share it.
"""

import hashlib

import torch
from torch import Generator, Tensor

from landscape.parameters import ParameterLayout
from landscape.results import DoesNotApply

NORMALISATIONS = ("filter", "layer", "none")


def random_directions(layout: ParameterLayout, count: int, rng: Generator) -> list[Tensor]:
    """Draw ``count`` raw directions, shape (P,), each a normal draw scaled to length 1.

    They are orthogonal to each other filter by filter (Gram-Schmidt within each row of a weight
    and within each 1-D tensor). Rescaling filters or layers then keeps them orthogonal, for
    every checkpoint alike; only filters with fewer entries than ``count`` cannot be made so, and
    stay as drawn: :func:`cosine` says what is left.

    The draws are made on the CPU in float64, so that a seed means the same direction anywhere.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1 direction; got {count}.")
    raw = torch.randn(count, layout.num_params, generator=rng, dtype=torch.float64)
    for name, part in layout.slices.items():
        shape = layout.shapes[layout.names.index(name)]
        rows = shape[0] if len(shape) > 1 else 1
        if shape.numel() // max(rows, 1) >= count:
            blocks = raw[:, part].view(count, rows, -1)
            raw[:, part] = _orthogonalise(blocks).flatten(1)
    return list(raw / raw.norm(dim=1, keepdim=True))


def _orthogonalise(blocks: Tensor) -> Tensor:
    """Gram-Schmidt over the first index of (count, rows, n), row by row; lengths may change."""
    done: list[Tensor] = []
    for block in blocks:
        rest = block
        for _ in range(2):  # the second pass removes the rounding of the first
            for other in done:
                share = (rest * other).sum(1, keepdim=True) / other.square().sum(1, keepdim=True)
                rest = rest - share * other
        done.append(rest)
    return torch.stack(done)


def normalise(direction: Tensor, theta: Tensor, layout: ParameterLayout, how: str) -> Tensor:
    """Rescale a raw direction to the weights θ; all of shape (P,).

    ``filter``
        Each filter (row of a weight of two or more dimensions) gets the norm that the filter
        has in θ; 1-D tensors, i.e. biases and norm layers, get 0 (Li et al. 2018 [1]_, sec. 4).
    ``layer``
        The same with each whole weight as one block.
    ``none``
        Left as it is: a unit vector where it was drawn, so that coordinates are distances.

    Filters that are zero in θ, or in the direction, get 0.

    References
    ----------
    .. [1] Li et al., Visualizing the loss landscape of neural nets, NeurIPS 2018.
    """
    if how not in NORMALISATIONS:
        raise ValueError(f"normalisation must be one of {', '.join(NORMALISATIONS)}; got {how!r}.")
    direction = direction.to(dtype=theta.dtype, device=theta.device)
    if how == "none":
        return direction
    return layout.flatten(
        [
            _rescale(d, w, by_filter=how == "filter")
            for d, w in zip(layout.split(direction), layout.split(theta), strict=True)
        ]
    )


def _rescale(d: Tensor, w: Tensor, *, by_filter: bool) -> Tensor:
    if w.ndim < 2:
        return torch.zeros_like(w)
    dims = tuple(range(1 if by_filter else 0, w.ndim))
    wanted = torch.linalg.vector_norm(w, dim=dims, keepdim=True)
    length = torch.linalg.vector_norm(d, dim=dims, keepdim=True)
    # The division happens before the choice, so the divisor must not be 0 where it is not chosen.
    scale = wanted / torch.where(length > 0, length, 1)
    return d * torch.where(length > 0, scale, 0)


def cosine(first: Tensor, second: Tensor) -> float:
    """Cosine of the angle between two directions, in float64; 0 where one of them is 0."""
    a, b = first.double(), second.double()
    lengths = (a.norm() * b.norm()).item()
    return (a @ b).item() / lengths if lengths > 0 else 0.0


def check_line(direction: Tensor, how: str) -> None:
    """Refuse a direction that rescaling (``how``) has left nothing of: a line would be a point.

    Raises
    ------
    DoesNotApply
        If it is 0.
    """
    if direction.any():
        return
    of_weights = how in ("filter", "layer")
    why = ": no weight of two or more dimensions differs from 0" if of_weights else ""
    raise DoesNotApply(
        f"a direction is 0 with normalisation {how}, so nothing would vary along it{why}."
    )


def check_plane(first: Tensor, second: Tensor, how: str = "none") -> float:
    """Cosine of two directions, refused where they span no plane.

    Raises
    ------
    DoesNotApply
        If a direction is 0 or the two are (nearly) parallel: a plane drawn over them would show
        one line twice.
    """
    check_line(first, how)
    check_line(second, how)
    value = cosine(first, second)
    if abs(value) > 0.99:
        raise DoesNotApply(
            f"the two directions must span a plane, but their cosine is {value:.4f} with "
            f"normalisation {how}."
        )
    return value


def sha256_of_direction(direction: Tensor) -> str:
    """Hexadecimal SHA-256 of a raw direction's entries as little-endian float64."""
    values = direction.detach().cpu().double().numpy().astype("<f8")
    return hashlib.sha256(values.tobytes()).hexdigest()
