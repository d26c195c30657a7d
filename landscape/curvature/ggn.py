"""The generalised Gauss-Newton matrix (Schraudolph 2002, Neural Computation 14, section 3)."""

import torch
from torch import Tensor

from landscape.curvature.jacobian import JacobianOperator
from landscape.curvature.losses import Loss, cross_entropy, nll


class GGNOperator(JacobianOperator):
    """G = (1/N) Σ Jᵀ (∇²_f ℓ) J, with J the Jacobian of the outputs f.

    PSD for a loss convex in the outputs. On a spiking network J is the surrogate's Jacobian:
    G uses σ' only, never σ''.

    ``nll`` is linear in log-probabilities, which would make G zero. Cross entropy has its values on
    them, and its G is the one of the logits behind them; so it takes the place of ``nll`` here.
    """

    def _values(self, tensors: list[Tensor], index: int) -> Tensor:
        return self.risk.outputs(tensors, self.risk.batches[index].inputs)

    def _middle(self, values: Tensor, u: Tensor, index: int) -> Tensor:
        outputs = values.requires_grad_()
        loss = self.risk.loss
        if loss.function is nll:
            loss = Loss(loss.name, cross_entropy)
        summed = loss.summed(outputs, self.risk.batches[index].targets)
        (slope,) = torch.autograd.grad(summed, outputs, create_graph=True)
        if not slope.requires_grad:  # a loss linear in the outputs has no curvature there
            return torch.zeros_like(u)
        (curved,) = torch.autograd.grad(slope, outputs, grad_outputs=u, materialize_grads=True)
        return curved
