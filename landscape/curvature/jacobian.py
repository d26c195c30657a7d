"""Operators of the form Σ Jᵀ B J: products with a Jacobian and its transpose, no more."""

import abc
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.graphs import GraphCache, with_smaller_batches
from landscape.curvature.risk import EmpiricalRisk, double_backward_advice, leaves
from landscape.distributed import all_reduce_sum
from landscape.linalg.operator import SelfAdjointOperator


class _JacobianGraph(NamedTuple):
    tensors: list[Tensor]  # leaves: θ of the batch
    values: Tensor  # what J differentiates
    dummy: Tensor  # u, shape of values
    pullback: list[Tensor]  # Jᵀu, a linear function of u
    where: list[int]  # which places of the layout the pullback fills


class JacobianOperator(SelfAdjointOperator):
    """(1/N) Σ_batches Jᵀ B J with J the Jacobian of ``_values`` and B = Bᵀ acting on its range.

    Jv is the derivative of u ↦ Jᵀu in its transpose: two reverse passes, since spikes have no
    forward-mode rule. Subclasses are final and give ``_values`` and ``_middle``.
    """

    def __init__(
        self, risk: EmpiricalRisk, theta: Tensor | None = None, *, graph_budget: int | None = None
    ) -> None:
        self.risk = risk
        self.theta = (risk.theta if theta is None else theta).detach()
        self.dim, self.dtype, self.device = risk.num_params, risk.dtype, risk.device
        self.graphs = GraphCache(self._build, self.device, graph_budget)

    @abc.abstractmethod
    def _values(self, tensors: list[Tensor], index: int) -> Tensor:
        """What J differentiates, on batch ``index``."""

    @abc.abstractmethod
    def _middle(self, values: Tensor, u: Tensor, index: int) -> Tensor:
        """B u at ``values``."""

    def _matvec(self, v: Tensor) -> Tensor:
        total = with_smaller_batches(self, lambda: self._own_sum(v))
        return all_reduce_sum(total) / self.risk.num_examples

    def _own_sum(self, v: Tensor) -> Tensor:
        """The sum over this process's examples."""
        total = torch.zeros_like(self.theta)
        pieces = self.risk.layout.split(v)
        with double_backward_advice():
            for index in range(len(self.risk.batches)):
                graph = self.graphs[index]
                if not graph.pullback:
                    continue
                keep = self.graphs.keeps(index)
                (jv,) = torch.autograd.grad(
                    graph.pullback,
                    graph.dummy,
                    grad_outputs=[pieces[i] for i in graph.where],
                    retain_graph=True,
                )
                total += self.risk.layout.flatten(
                    torch.autograd.grad(
                        graph.values,
                        graph.tensors,
                        grad_outputs=self._middle(graph.values.detach(), jv, index),
                        retain_graph=keep,
                        materialize_grads=True,
                    )
                )
        return total

    def _build(self, index: int) -> _JacobianGraph:
        tensors = leaves(self.risk.layout.split(self.theta))
        values = self._values(tensors, index)
        dummy = torch.zeros_like(values, requires_grad=True)
        pullback = torch.autograd.grad(
            values, tensors, grad_outputs=dummy, create_graph=True, allow_unused=True
        )
        live = [(i, p) for i, p in enumerate(pullback) if p is not None and p.requires_grad]
        return _JacobianGraph(tensors, values, dummy, [p for _, p in live], [i for i, _ in live])
