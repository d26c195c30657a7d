"""The generalised Gauss-Newton matrix (Schraudolph 2002, Neural Computation 14, section 3)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.curvature.jacobian import JacobianOperator
from landscape.distributed import alone, from_main
from landscape.nests import Nest, map_tensors, tensors_in
from landscape.objective.risk import EmpiricalRisk


class GGNOperator(JacobianOperator):
    """G = (1/N) Σ Jᵀ (∇²_f ℓ) J, with J the Jacobian of the outputs f.

    PSD for a loss convex in the outputs. On a spiking network J is the surrogate's Jacobian:
    G uses σ' only, never σ''.

    ``nll`` is linear in log-probabilities, which would make G zero. Cross entropy has its values on
    them, and its G is the one of the logits behind them; so it takes the place of ``nll`` here.

    Raises
    ------
    ValueError
        Where the objective does not say what its outputs are, or the loss is linear in them: G
        would be zero whatever the network.
    """

    _is_curved = False  # not known yet

    def _values(self, index: int) -> tuple[list[Tensor], list[Nest]]:
        draws = self.risk.outputs(index)
        values = [t for draw in draws for t in tensors_in(draw) if t.is_floating_point()]
        outlines = [map_tensors(Tensor.detach, draw) for draw in draws]
        if not self._is_curved:
            self._check_curved(values, outlines, index)
        return values, outlines

    def _middle(
        self, values: list[Tensor], u: Sequence[Tensor], index: int, context: Any
    ) -> Sequence[Tensor]:
        outputs = [value.requires_grad_() for value in values]
        left = iter(outputs)
        filled = [
            map_tensors(lambda t: next(left) if t.is_floating_point() else t, outline)
            for outline in context
        ]
        summed = self.risk.curvature_terms(index, filled).totals.sum()
        slopes = torch.autograd.grad(
            summed, outputs, create_graph=True, allow_unused=True, materialize_grads=False
        )
        live = [(s, v) for s, v in zip(slopes, u, strict=True) if s is not None and s.requires_grad]
        if not live:
            return [torch.zeros_like(v) for v in u]
        return torch.autograd.grad(
            [s for s, _ in live],
            outputs,
            grad_outputs=[v for _, v in live],
            materialize_grads=True,
        )

    @classmethod
    def is_defined(cls, risk: EmpiricalRisk) -> bool:
        """Whether it says something of this objective; see what it raises otherwise."""
        if risk.objective.outputs is None:
            return False

        def try_first_batch() -> bool:
            G = cls(risk.on(risk.batches[:1]), graph_budget=0)
            try:
                with G.risk.swapped(G.tensors):
                    G._values(0)
            except ValueError:
                return False
            return True

        def on_main() -> bool:
            with alone():
                return not risk.batches or try_first_batch()

        return from_main(on_main)

    def _check_curved(self, values: list[Tensor], outlines: list[Nest], index: int) -> None:
        # Not at the outputs themselves: where all examples are fitted, the curvature underflows.
        rng = torch.Generator().manual_seed(0)
        drawn = [torch.rand(v.shape, generator=rng).to(v) for v in values]
        u = [torch.randn(v.shape, generator=rng).to(v) for v in values]
        if not any(bool(curved.any()) for curved in self._middle(drawn, u, index, outlines)):
            raise ValueError(
                f"the loss {self.risk.objective.name} is linear in the network's outputs, so the "
                "Gauss-Newton matrix is zero and says nothing. If the network returns its own "
                "loss, give Objective(fn, outputs=…, loss_of_outputs=…) with the outputs before "
                "it; or use the operator hessian or fisher."
            )
        self._is_curved = True
