"""The empirical Fisher matrix (Kunstner, Balles, Hennig 2019, arXiv 1905.12558, section 2)."""

from collections.abc import Sequence

from torch import Tensor

from landscape.curvature.jacobian import JacobianOperator


class FisherOperator(JacobianOperator):
    """F = (1/N) Σ_i g_i g_iᵀ, with g_i the gradient of example i's loss.

    Σ g_i g_iᵀ = Jᵀ J with J the Jacobian of the vector of losses, so no gradient of a single
    example is ever stored. It is not the Hessian, and vanishes where every example is fitted.
    Examples of weight w_i and loss ℓ_i count w_i times: Σ w_i g_i g_iᵀ / Σ w_i.

    Raises
    ------
    ValueError
        Where an example has no loss of its own: with batch norm that uses each batch's statistics,
        or another coupling; or a loss that returns only the mean over a batch.
    """

    def _values(self, index: int) -> tuple[list[Tensor], None]:
        risk = self.risk
        if risk.coupled_by is not None and max(risk.batch_sizes()) > 1:
            raise ValueError(
                "fisher needs a loss for each example by itself; those of a batch are coupled by "
                f"{risk.coupled_by}. {risk.uncoupling}"
            )
        totals, weights, by_example = risk.terms(index)
        if not by_example and risk.batch_sizes()[index] > 1:
            raise ValueError(
                f"fisher needs one loss an example; {risk.objective.name!r} gives only the mean "
                "of a batch. Return shape (N,) from it, e.g. with reduction='none'."
            )
        # An example left out, with nothing to predict in it, has total and weight 0.
        return [totals / weights.sqrt().where(weights > 0, 1)], None

    def _middle(
        self, values: list[Tensor], u: Sequence[Tensor], index: int, context: None
    ) -> Sequence[Tensor]:
        return u
