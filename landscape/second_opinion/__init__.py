"""PyHessian in the place of the project's own solvers, and the published protocol around it."""

from landscape.second_opinion.protocol import explained, published_protocol
from landscape.second_opinion.solver import (
    pyhessian_eigenvalues,
    pyhessian_trace,
    refuse_other_operators,
)

__all__ = [
    "explained",
    "published_protocol",
    "pyhessian_eigenvalues",
    "pyhessian_trace",
    "refuse_other_operators",
]
