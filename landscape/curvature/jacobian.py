"""Operators of the form Σ Jᵀ B J: products with a Jacobian and its transpose, no more."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.risk_operator import RiskOperator


class _JacobianGraph(NamedTuple):
    values: list[Tensor]  # what J differentiates; those that depend on θ
    dummies: list[Tensor]  # u, shapes of values
    pullback: list[Tensor]  # Jᵀu, a linear function of u
    where: list[int]  # which places of the layout the pullback fills
    context: Any  # what B needs besides the values


class JacobianOperator(RiskOperator[_JacobianGraph]):
    """(1/N) Σ_batches Jᵀ B J with J the Jacobian of ``_values`` and B = Bᵀ acting on its range.

    Jv is the derivative of u ↦ Jᵀu in its transpose: two reverse passes. Subclasses are final and
    give ``_values`` and ``_middle``.
    """

    @abc.abstractmethod
    def _values(self, index: int) -> tuple[list[Tensor], Any]:
        """What J differentiates, on batch ``index``, and what B needs besides."""

    @abc.abstractmethod
    def _middle(
        self, values: list[Tensor], u: Sequence[Tensor], index: int, context: Any
    ) -> Sequence[Tensor]:
        """B u at ``values``, which hang on no graph."""

    def pulled_back(self, rng: Generator) -> tuple[Tensor, Tensor]:
        """Jᵀu and JᵀBu / N, each of shape (P,), for one u ~ N(0, I) on the range of J.

        E (S'Jᵀu)·(S'JᵀBu) / N = tr S'AS for any S, on this process's examples. Networks of one
        function have one range: weights moved along a symmetry have the same draws, moved along.
        """
        pulled = torch.zeros(2, self.dim).to(self.theta)
        with self.risk.swapped(self.tensors):
            for index in range(len(self.risk.batches)):
                values, context = self._values(index)
                u = [torch.randn(v.shape, generator=rng, dtype=torch.float64).to(v) for v in values]
                middle = self._middle([v.detach() for v in values], u, index, context)
                live = [k for k, value in enumerate(values) if value.requires_grad]
                for row, cotangents in enumerate((u, middle) if live else ()):
                    pieces = torch.autograd.grad(
                        [values[k] for k in live],
                        self.tensors,
                        grad_outputs=[cotangents[k] for k in live],
                        retain_graph=True,
                        materialize_grads=True,
                    )
                    pulled[row] += self.risk.layout.flatten(pieces)
        return pulled[0], pulled[1] / self.risk.total_weight

    def _build(self, index: int) -> _JacobianGraph:
        values, context = self._values(index)
        dummies = [torch.zeros_like(value, requires_grad=True) for value in values]
        live = [k for k, value in enumerate(values) if value.requires_grad]
        if not live:  # they use none of these parameters
            return _JacobianGraph(values, dummies, [], [], context)
        pullback = torch.autograd.grad(
            [values[k] for k in live],
            self.tensors,
            grad_outputs=[dummies[k] for k in live],
            create_graph=True,
            allow_unused=True,
        )
        filled = [(i, p) for i, p in enumerate(pullback) if p is not None and p.requires_grad]
        filling, where = self._checked([p for _, p in filled]), [i for i, _ in filled]
        return _JacobianGraph(values, dummies, filling, where, context)

    def _batch_product(
        self, graph: _JacobianGraph, index: int, pieces: Sequence[Tensor], *, keep: bool
    ) -> Sequence[Tensor]:
        if not graph.pullback:
            return [torch.zeros_like(t) for t in self.tensors]
        jv = torch.autograd.grad(
            graph.pullback,
            graph.dummies,
            grad_outputs=[pieces[i] for i in graph.where],
            retain_graph=True,
            materialize_grads=True,
        )
        values = [value.detach() for value in graph.values]
        middle = self._middle(values, jv, index, graph.context)
        live = [k for k, value in enumerate(graph.values) if value.requires_grad]
        return torch.autograd.grad(
            [graph.values[k] for k in live],
            self.tensors,
            grad_outputs=[middle[k] for k in live],
            retain_graph=keep,
            materialize_grads=True,
        )
