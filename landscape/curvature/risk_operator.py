"""What operators on the empirical risk share: a sum over batches, with graphs kept between them."""

import abc
import copy
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from landscape.curvature.graphs import GraphCache
from landscape.distributed import all_reduce_sum
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.at_theta import leaves
from landscape.objective.autograd_graph import check_differentiable_again
from landscape.objective.halving import with_smaller_batches
from landscape.objective.risk import EmpiricalRisk

G = TypeVar("G")


class RiskOperator(SelfAdjointOperator, Generic[G]):
    """(1/N) Σ_batches A_b, acting on flat vectors of shape (P,); N is the sum of weights.

    Subclasses give ``_build`` and ``_batch_product``, which differentiate by ``tensors``, and in
    reverse mode only, since spikes have no forward-mode rule.

    Parameters
    ----------
    risk
        The mean loss; unused parameters have zero curvature.
    theta
        Where; None: the network's own parameters.
    graph_budget
        Bytes for graphs kept between matvecs; None: half of the free memory; 0: none.
    """

    _is_smooth = False  # not known yet

    def __init__(
        self, risk: EmpiricalRisk, theta: Tensor | None = None, *, graph_budget: int | None = None
    ) -> None:
        self.risk = copy.copy(risk)  # its batches are those of the graphs kept
        self.theta = (risk.theta if theta is None else theta).detach()
        self.dim, self.dtype, self.device = risk.num_params, risk.dtype, risk.device
        # One set for all batches: what a backward pass computes again is computed at these.
        self.tensors = leaves(risk.layout.split(self.theta))
        self.graphs: GraphCache[G] = GraphCache(self.device, graph_budget)

    def graph(self, index: int) -> G:
        """What batch ``index``'s products differentiate: as kept, or built."""
        return self.graphs.graph(index, self._build)

    @abc.abstractmethod
    def _build(self, index: int) -> G:
        """The graph of batch ``index``, which its products differentiate."""

    def _checked(self, gradients: list[Tensor]) -> list[Tensor]:
        """The same, once those of the first batch are known to be differentiable again."""
        if not self._is_smooth:
            check_differentiable_again(gradients)
            self._is_smooth = True
        return gradients

    @abc.abstractmethod
    def _batch_product(
        self, graph: G, index: int, pieces: Sequence[Tensor], *, keep: bool
    ) -> Sequence[Tensor]:
        """A_b v, for v in ``pieces``, in the layout's order; ``keep``: the graph is used again."""

    def _matvec(self, v: Tensor) -> Tensor:
        total = with_smaller_batches(self.risk, lambda: self._own_sum(v), self._drop_graphs)
        return all_reduce_sum(total) / self.risk.total_weight

    def _drop_graphs(self) -> None:
        self.graphs = self.graphs.emptied(self.graphs.budget // 2)

    def _own_sum(self, v: Tensor) -> Tensor:
        """The product of the sum over this process's examples."""
        total = torch.zeros_like(self.theta)
        pieces = self.risk.layout.split(v)
        with self.risk.swapped(self.tensors):
            for index in range(len(self.risk.batches)):
                graph = self.graph(index)
                keep = self.graphs.keeps(index)
                total += self.risk.layout.flatten(
                    self._batch_product(graph, index, pieces, keep=keep)
                )
        return total
