"""Weights rounded to few bits, as hardware stores them: symmetric, uniform, a step for each filter.

The filter f of a tensor (its entries at one index of the first dimension) with largest magnitude
m_f = max |w| gets the 2^b - 1 levels m_f k / K, k = -K … K with K = 2^(b-1) - 1, and each weight
the nearest one, halves to even: |w - q| <= m_f / 2K. That is post-training quantisation by channel,
symmetric and rounded to nearest (Krishnamoorthi 2018, arXiv 1806.08342; Nagel et al. 2021,
arXiv 2106.08295). Neuromorphic chips hold synaptic weights in this many bits: 1 to 9 on Loihi
(Davies et al. 2018, IEEE Micro 38). Tensors of one dimension (biases, batch norm) stay as they are.

A positive factor on a whole filter is one on its levels too. So the rounded networks are one
function where the networks were, whatever the scale of the weights before a batch norm.
"""

import torch
from torch import Tensor

from landscape.parameters import ParameterLayout


def rounded(layout: ParameterLayout, theta: Tensor, bits: int) -> Tensor:
    """θ with each filter at its nearest levels, shape (P,); the same again if rounded again.

    Raises
    ------
    ValueError
        If ``bits`` are fewer than 2: there would be no level but 0.
    """
    if bits < 2:
        raise ValueError(f"bits must be at least 2, a sign and a level beside 0; got {bits}.")
    return layout.flatten([_by_filter(w, 2 ** (bits - 1) - 1) for w in layout.split(theta)])


def _by_filter(w: Tensor, most: int) -> Tensor:
    """``w`` at the levels m_f k / ``most``."""
    if w.ndim < 2 or w.numel() == 0:
        return w
    filters = w.detach().double().flatten(1)
    largest = filters.abs().amax(1, keepdim=True)
    shares = filters / torch.where(largest > 0, largest, 1.0)
    # Times k / most rather than a step times k: so the largest weight is a level to the last bit.
    return (largest * (torch.round(shares * most) / most)).to(w.dtype).view_as(w)
