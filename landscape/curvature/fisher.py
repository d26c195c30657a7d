"""The empirical Fisher matrix (Kunstner, Balles, Hennig 2019, arXiv 1905.12558, section 2)."""

from torch import Tensor

from landscape.curvature.jacobian import JacobianOperator


class FisherOperator(JacobianOperator):
    """F = (1/N) Σ_i g_i g_iᵀ, with g_i the gradient of example i's loss.

    Σ g_i g_iᵀ = Jᵀ J with J the Jacobian of the vector of losses, so no gradient of a single
    example is ever stored. It is not the Hessian, and vanishes where every example is fitted.

    Raises
    ------
    ValueError
        With batch norm that uses each batch's statistics, where an example has no loss of its own;
        or a loss that returns only the mean over a batch.
    """

    def _values(self, tensors: list[Tensor], index: int) -> Tensor:
        if self.risk.coupled_by is not None:
            raise ValueError(
                "fisher needs a loss for each example by itself; those of a batch are coupled by "
                f"{self.risk.coupled_by}. Use --bn eval, and layers that keep running statistics."
            )
        batch = self.risk.batches[index]
        values = self.risk.per_example(tensors, batch)
        if len(values) > 1 and values.stride(0) == 0:  # a scalar, expanded over the batch
            raise ValueError(
                f"fisher needs one loss an example; {self.risk.loss.name!r} gives only the mean "
                "of a batch. Return shape (N,) from it, e.g. with reduction='none'."
            )
        return values

    def _middle(self, values: Tensor, u: Tensor, index: int) -> Tensor:
        return u
