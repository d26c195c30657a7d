"""What storing weights in few bits does to the loss.

Two networks that are one function, such as a network and its copy moved along a symmetry, are that
no longer once each was rounded to float16 or bfloat16: their losses differ by what rounding does to
them. That is measured: at weights that move by as much as rounding moved them.
"""

import math
from functools import partial

import torch
from torch import Generator, Tensor

from landscape.distributed import from_main
from landscape.nests import Nest
from landscape.objective.risk import EmpiricalRisk, Evaluation
from landscape.results.fingerprint import StoredRounding

_NUM_DRAWS = 4
_FEW = 11  # significant bits of float16, the most that are few; bfloat16 has 8, float8 4 or 3
_TRIVIAL = 2  # what ones, halves and signs need in any format


def significant_bits(w: Tensor) -> int | None:
    """The bits of the longest significand in ``w``, 0 of zeros; None: more than float16 has."""
    if w.numel() == 0:
        return 0
    scaled = torch.frexp(w).mantissa * 2.0**_FEW
    if not torch.equal(scaled, scaled.round()):
        return None
    whole = scaled.abs().to(torch.int32)
    lowest = int((whole & -whole)[whole > 0].min()) if bool(whole.any()) else 2**_FEW
    return _FEW - int(math.log2(lowest))


def stored_rounding(
    risk: EmpiricalRisk, first: Nest, at: Evaluation, first_loss: float
) -> StoredRounding | None:
    """How far rounding θ to the bits that it has moves losses; None: these are not few.

    Rounding to nearest is an error of half the distance of two neighbours at most, uniform as far
    as the bits that are gone are anybody's guess. Root mean squares are over draws of such errors.

    Parameters
    ----------
    first
        The first examples of the data.
    at, first_loss
        Of the network as it is, on all examples and on the first.
    """
    bits = [significant_bits(w) or 0 for w in risk.layout.split(risk.theta)]
    most = max(bits, default=0)
    if most <= _TRIVIAL:
        return None
    rng = Generator().manual_seed(0)
    found: list[tuple[float, float, float]] = []
    for _ in range(_NUM_DRAWS):
        theta = risk.theta.clone()
        for w, own in zip(risk.layout.split(theta), bits, strict=True):
            # Ones that a norm began with need few bits in any format: nothing was rounded there.
            if 2 * own > most:
                w.add_(_error(w, most, rng))
        there = risk.evaluate(theta)
        moved = risk.at({**risk.values, **risk.layout.unflatten(theta)})
        loss = from_main(partial(moved.loss_and_gradient_of, first))[0]
        right = (there.accuracy or 0.0) - (at.accuracy or 0.0)
        found.append((there.loss - at.loss, loss - first_loss, right))
    sizes = [math.sqrt(sum(x * x for x in each) / _NUM_DRAWS) for each in zip(*found, strict=True)]
    if not all(map(math.isfinite, sizes)):
        return None
    return StoredRounding(
        bits=most, draws=_NUM_DRAWS, loss=sizes[0], first_loss=sizes[1], accuracy=sizes[2]
    )


def _error(w: Tensor, bits: int, rng: Generator) -> Tensor:
    """Uniform within half the distance of numbers of so many significant bits; 0 of zeros."""
    half = torch.ldexp(torch.ones_like(w), torch.frexp(w).exponent - bits - 1)
    draw = 2 * torch.rand(w.shape, generator=rng, dtype=torch.float32) - 1
    return torch.where(w == 0, torch.zeros_like(w), half * draw.to(w))
