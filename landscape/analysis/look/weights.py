"""What weights say without data: norms, ranks, and how heavy the tails of their spectra are."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoint.inspection import is_statistic
from landscape.results.look import WeightRow
from landscape.statistics.tail import fit_tail


def of_weights(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fields of a ``Look`` that weights alone give."""
    rows = tuple(weight_rows(state))
    weights = [tensor for name, tensor in state.items() if is_weight(name, tensor)]
    numbers = sum(tensor.numel() for tensor in weights)
    norms = [row.frobenius_norm for row in rows if row.num_nonfinite == 0]
    top = max((r for r in rows if r.spectral_norm is not None), key=_spectral, default=None)
    tails = [row.tail_exponent for row in rows if row.tail_exponent is not None]
    return {
        "weights": rows,
        "weights_norm": math.hypot(*(n or 0.0 for n in norms)) if len(norms) == len(rows) else None,
        "zeros": sum(int((t == 0).sum()) for t in weights) / numbers if numbers else None,
        "num_nonfinite": sum(map(num_nonfinite, state.values())),
        "spectral_norm_max": top and top.spectral_norm,
        "spectral_norm_max_layer": top and top.name,
        "tail_exponent_min": min(tails, default=None),
        "tail_exponent_max": max(tails, default=None),
        "tail_exponent_mean": sum(tails) / len(tails) if tails else None,
        "num_tail_exponents": len(tails),
    }


def weight_rows(state: Mapping[str, Tensor]) -> Iterator[WeightRow]:
    """One row a tensor of real or complex weights, statistics of batch norms left out.

    A tensor of more than two dimensions is the matrix of its first one by all the others: of a
    convolution, (out, in k²). Spectra are those of WᵀW or WWᵀ, whichever is smaller, in float64;
    eigenvalues below its rounding are zeros, and no part of the tail.
    """
    for name, tensor in state.items():
        if is_weight(name, tensor):
            yield _row(name, tensor)


def is_weight(name: str, tensor: Tensor) -> bool:
    """Whether a stored tensor is one of weights."""
    return (tensor.is_floating_point() or tensor.is_complex()) and not is_statistic(name)


def num_nonfinite(tensor: Tensor) -> int:
    """How many NaN and infinities there are."""
    return int((~torch.isfinite(tensor)).sum())


def _spectral(row: WeightRow) -> float:
    return row.spectral_norm or 0.0


def _row(name: str, tensor: Tensor) -> WeightRow:
    count = tensor.numel()
    bad = num_nonfinite(tensor)
    zeros = float((tensor == 0).sum()) / count if count else 0.0
    about: dict[str, Any] = {
        "name": name,
        "shape": tuple(tensor.shape),
        "zeros": zeros,
        "num_nonfinite": bad,
    }
    if bad or not count:
        return WeightRow(**about)
    wide = tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
    norm = float(torch.linalg.vector_norm(wide))
    if tensor.ndim < 2:
        return WeightRow(**about, frobenius_norm=norm)
    eigenvalues = _gram_eigenvalues(wide.flatten(1))
    largest = float(eigenvalues[-1])
    if largest <= 0:  # all weights are 0
        return WeightRow(**about, frobenius_norm=norm, spectral_norm=0.0)
    floor = len(eigenvalues) * torch.finfo(torch.float64).eps * largest
    tail = fit_tail(eigenvalues[eigenvalues > floor].numpy())
    return WeightRow(
        **about,
        frobenius_norm=norm,
        spectral_norm=largest**0.5,
        stable_rank=norm**2 / largest,
        tail_exponent=None if tail is None else tail.alpha,
        tail_exponent_stderr=None if tail is None else tail.stderr,
    )


def _gram_eigenvalues(matrix: Tensor) -> Tensor:
    """Squared singular values, ascending, shape (min(m, n),)."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.mH if rows <= columns else matrix.mH @ matrix
    eigenvalues: Tensor = torch.linalg.eigvalsh(gram)
    return eigenvalues
