"""The Hessian of the empirical risk by double backward (Pearlmutter 1994, Neural Computation 6).

On a spiking network this is the *formal* Hessian: each spike acts as the 2-jet (H(u), σ'(u),
σ''(u)). It is symmetric, and it is the Hessian of no loss.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.risk_operator import RiskOperator
from landscape.objective.risk import EmpiricalRisk


class _GradientGraph(NamedTuple):
    gradients: list[Tensor]  # of the summed loss; those that still depend on θ
    where: list[int]  # their places in the layout


class HessianOperator(RiskOperator[_GradientGraph]):
    """H = ∇²L(θ), by reverse mode over reverse mode."""

    @staticmethod
    def is_defined(risk: EmpiricalRisk) -> bool:
        """Whether it says something of this objective: always."""
        return True

    def _build(self, index: int) -> _GradientGraph:
        loss = self.risk.terms(index).totals.sum()
        if not loss.requires_grad:  # it uses none of these parameters
            return _GradientGraph([], [])
        gradients = torch.autograd.grad(loss, self.tensors, create_graph=True, allow_unused=True)
        live = [(i, g) for i, g in enumerate(gradients) if g is not None and g.requires_grad]
        return _GradientGraph(self._checked([g for _, g in live]), [i for i, _ in live])

    def _batch_product(
        self, graph: _GradientGraph, index: int, pieces: Sequence[Tensor], *, keep: bool
    ) -> Sequence[Tensor]:
        if not graph.gradients:
            return [torch.zeros_like(t) for t in self.tensors]
        return torch.autograd.grad(
            graph.gradients,
            self.tensors,
            grad_outputs=[pieces[i] for i in graph.where],
            retain_graph=keep,
            materialize_grads=True,
        )
