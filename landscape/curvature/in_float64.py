"""The same operator in float64, against which the rounding of a smaller precision shows."""

import torch
from torch import Tensor

from landscape.curvature.graphs import rebatched
from landscape.curvature.operators import make_operator
from landscape.data.reread import Reread
from landscape.distributed import world_size
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.halving import is_out_of_memory
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError
from landscape.results import DoesNotApply


def product_in_float64(
    risk: EmpiricalRisk, name: str, v: Tensor, *, scale: str = "none", weight_decay: float = 0.0
) -> tuple[SelfAdjointOperator, Tensor]:
    """The operator of ``make_operator`` in float64, and its product with ``v``, shape (P,).

    At the same θ, on the same inputs as this precision holds them. Batches are halved where they
    can be cut, so that a graph takes no more bytes than it did.

    Raises
    ------
    DoesNotApply
        Where float64 is another function, or cannot be had; the message says why.
    """
    if risk.noise is not None:
        raise DoesNotApply("float64 draws other random numbers")
    if isinstance(risk.batches, Reread):
        raise DoesNotApply("its batches are read again at each pass, in their own precision")
    try:
        wide = risk.in_dtype(torch.float64)
        if wide.coupled_by is None:
            wide = rebatched(wide, -(-max(wide.batch_sizes(), default=1) // 2))
        A = make_operator(wide, name, scale=scale, weight_decay=weight_decay, graph_budget=0)
        return A, A @ v
    except UserCodeError as refusal:
        raise DoesNotApply(f"it does not compute in float64 ({refusal})") from refusal
    except (ValueError, RuntimeError, MemoryError) as error:
        # Other processes would wait for one that goes on without its share of the product.
        if world_size() > 1 or not is_out_of_memory(error.__cause__ or error):
            raise
        raise DoesNotApply("memory does not hold it in float64") from error
