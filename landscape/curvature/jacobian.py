"""Operators of the form Σ Jᵀ B J: products with a Jacobian and its transpose, no more."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.risk import leaves
from landscape.curvature.risk_operator import RiskOperator


class _JacobianGraph(NamedTuple):
    tensors: list[Tensor]  # leaves: θ of the batch
    values: Tensor  # what J differentiates
    dummy: Tensor  # u, shape of values
    pullback: list[Tensor]  # Jᵀu, a linear function of u
    where: list[int]  # which places of the layout the pullback fills


class JacobianOperator(RiskOperator[_JacobianGraph]):
    """(1/N) Σ_batches Jᵀ B J with J the Jacobian of ``_values`` and B = Bᵀ acting on its range.

    Jv is the derivative of u ↦ Jᵀu in its transpose: two reverse passes. Subclasses are final and
    give ``_values`` and ``_middle``.
    """

    @abc.abstractmethod
    def _values(self, tensors: list[Tensor], index: int) -> Tensor:
        """What J differentiates, on batch ``index``."""

    @abc.abstractmethod
    def _middle(self, values: Tensor, u: Tensor, index: int) -> Tensor:
        """B u at ``values``."""

    def _build(self, index: int) -> _JacobianGraph:
        tensors = leaves(self.risk.layout.split(self.theta))
        values = self._values(tensors, index)
        dummy = torch.zeros_like(values, requires_grad=True)
        if not values.requires_grad:  # they use none of these parameters
            return _JacobianGraph(tensors, values, dummy, [], [])
        pullback = torch.autograd.grad(
            values, tensors, grad_outputs=dummy, create_graph=True, allow_unused=True
        )
        live = [(i, p) for i, p in enumerate(pullback) if p is not None and p.requires_grad]
        return _JacobianGraph(tensors, values, dummy, [p for _, p in live], [i for i, _ in live])

    def _batch_product(
        self, graph: _JacobianGraph, index: int, pieces: Sequence[Tensor], *, keep: bool
    ) -> Sequence[Tensor]:
        if not graph.pullback:
            return [torch.zeros_like(t) for t in graph.tensors]
        (jv,) = torch.autograd.grad(
            graph.pullback,
            graph.dummy,
            grad_outputs=[pieces[i] for i in graph.where],
            retain_graph=True,
        )
        return torch.autograd.grad(
            graph.values,
            graph.tensors,
            grad_outputs=self._middle(graph.values.detach(), jv, index),
            retain_graph=keep,
            materialize_grads=True,
        )
