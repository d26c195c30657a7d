"""The Hessian of the empirical risk by double backward (Pearlmutter 1994, Neural Computation 6).

On a spiking network this is the *formal* Hessian: each spike acts as the 2-jet (H(u), σ'(u),
σ''(u)). It is symmetric, and it is the Hessian of no loss.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.graphs import GraphCache, with_smaller_batches
from landscape.curvature.risk import EmpiricalRisk, double_backward_advice, leaves
from landscape.distributed import all_reduce_sum
from landscape.linalg.operator import SelfAdjointOperator


class _GradientGraph(NamedTuple):
    tensors: list[Tensor]  # leaves: θ of the batch
    gradients: list[Tensor]  # of the summed loss; those that still depend on θ
    where: list[int]  # their places in the layout


class HessianOperator(SelfAdjointOperator):
    """H = ∇²L(θ), acting on flat vectors of shape (P,).

    Parameters
    ----------
    risk
        The mean loss; unused parameters have zero curvature.
    theta
        Where; None: the network's own parameters.
    graph_budget
        Bytes for graphs kept between matvecs; None: half of the free memory; 0: none.
    """

    def __init__(
        self, risk: EmpiricalRisk, theta: Tensor | None = None, *, graph_budget: int | None = None
    ) -> None:
        self.risk = risk
        self.theta = (risk.theta if theta is None else theta).detach()
        self.dim, self.dtype, self.device = risk.num_params, risk.dtype, risk.device
        self.graphs = GraphCache(self._build, self.device, graph_budget)

    def _matvec(self, v: Tensor) -> Tensor:
        hv = with_smaller_batches(self, lambda: self._own_sum(v))
        return all_reduce_sum(hv) / self.risk.num_examples

    def _own_sum(self, v: Tensor) -> Tensor:
        """The product of the summed loss of this process's examples."""
        hv = torch.zeros_like(self.theta)
        pieces = self.risk.layout.split(v)
        with double_backward_advice():
            for index in range(len(self.risk.batches)):  # this process's share
                graph = self.graphs[index]
                hv += self.risk.layout.flatten(
                    torch.autograd.grad(
                        graph.gradients,
                        graph.tensors,
                        grad_outputs=[pieces[i] for i in graph.where],
                        retain_graph=self.graphs.keeps(index),
                        materialize_grads=True,
                    )
                    if graph.gradients
                    else [torch.zeros_like(t) for t in graph.tensors]
                )
        return hv

    def _build(self, index: int) -> _GradientGraph:
        # Reverse over reverse, not forward over reverse: spikes have no forward-mode rule.
        tensors = leaves(self.risk.layout.split(self.theta))
        loss = self.risk.summed_loss(tensors, self.risk.batches[index])
        gradients = torch.autograd.grad(loss, tensors, create_graph=True, allow_unused=True)
        live = [(i, g) for i, g in enumerate(gradients) if g is not None and g.requires_grad]
        return _GradientGraph(tensors, [g for _, g in live], [i for i, _ in live])
