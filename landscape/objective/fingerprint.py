"""Numbers that tell whether network, loss and data still compute what they did."""

from functools import partial

import torch
from torch import Tensor

from landscape.distributed import from_main, world_size
from landscape.linalg.probes import normal
from landscape.nests import Nest
from landscape.objective.risk import EmpiricalRisk
from landscape.results.fingerprint import Fingerprint

FIRST = 64  # examples: the same ones, whatever cuts the data into batches


class _Space:
    def __init__(self, risk: EmpiricalRisk) -> None:
        self.dim, self.dtype, self.device = risk.num_params, torch.float64, risk.device


def fingerprint(risk: EmpiricalRisk, first: Nest, loss: float, gradient: Tensor) -> Fingerprint:
    """That of ``risk`` at its θ.

    Parameters
    ----------
    first
        The first examples of the data.
    loss, gradient
        On all examples; shape (P,).
    """
    z = normal(_Space(risk), torch.Generator().manual_seed(0))
    first_loss, first_norm, first_projection = from_main(partial(_on_first, risk, first, z))
    return Fingerprint(
        loss=loss,
        gradient_norm=float(gradient.double().norm()),
        projection=float(gradient.double() @ z),
        first_loss=first_loss,
        first_gradient_norm=first_norm,
        first_projection=first_projection,
        environment={
            "device": risk.device.type,
            "dtype": str(risk.dtype).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
            "processes": str(world_size()),
            "batches": str(risk.num_batches),
            "torch": torch.__version__,
        },
    )


def _on_first(risk: EmpiricalRisk, first: Nest, z: Tensor) -> tuple[float, float, float]:
    loss, gradient = risk.loss_and_gradient_of(first)
    wide = gradient.double()
    return loss, float(wide.norm()), float(wide @ z)
