"""PyHessian's own eigenvalues and trace on the same network, examples and loss: a second opinion.

PyHessian 0.1 (Yao et al. 2020, arXiv 1912.07145) runs power iteration with deflation, by largest
absolute value, and Hutchinson's trace. It gives no residuals: here each of its pairs is tested
with one fresh matvec of the project's own operator.
"""

import copy
import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from pyhessian import hessian as PyHessian
from torch import Tensor, nn

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum_results import OperatorSettings, operator_spec
from landscape.analysis.target import Target
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.losses import as_outputs
from landscape.results import Eigenvalue, Eigenvalues, Estimate, Trace
from landscape.snn.adapters import reset_state

_MAX_ITERATIONS = 100  # an eigenvalue, or probes of the trace: PyHessian's default
_TOL = 1e-3  # change of the eigenvalue, or of the trace's running mean: PyHessian's default


class SecondOpinion(NamedTuple):
    """What PyHessian says, in this project's results."""

    eigenvalues: Eigenvalues
    trace: Trace


def pyhessian_spectrum(
    target: Target, *, num_eigenvalues: int, progress: Progress
) -> SecondOpinion:
    """Run PyHessian on ``target``; its model is a copy, the global generator stays as it was.

    Its first ``num_eigenvalues`` by absolute value stand in ``largest``, negative ones too, in
    the order in which it found them.
    """
    clock = start_clock()
    risk = target.risk
    model = _Plain(copy.deepcopy(risk.model))
    batches = [(b.inputs, b.targets) for b in risk.batches]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
        torch.manual_seed(target.settings.seed)
        counted = _Counting(model, _mean_loss(target), batches, progress, num_eigenvalues)
        values, vectors = counted.eigenvalues(
            maxIter=_MAX_ITERATIONS, tol=_TOL, top_n=num_eigenvalues
        )
        eigen_matvecs = counted.num_matvecs
        samples = np.array(counted.trace(maxIter=_MAX_ITERATIONS, tol=_TOL))
    H = HessianOperator(risk)
    pairs = []
    for value, pieces in zip(values, vectors, strict=True):
        v = risk.layout.flatten([piece.detach() for piece in pieces])
        residual = float((H @ v - value * v).norm())
        pairs.append((float(value), residual))
    norm = max(abs(value) for value, _ in pairs)
    spec = operator_spec(target, OperatorSettings(operator="hessian"))
    provenance = clock.provenance(
        command=target.settings.command,
        seed=target.settings.seed,
        device=target.device,
        num_matvecs=counted.num_matvecs,
    )
    spread = float(samples.std(ddof=1)) / math.sqrt(len(samples)) if len(samples) > 1 else None
    return SecondOpinion(
        Eigenvalues(
            subject=target.subject,
            provenance=provenance,
            operator=spec,
            largest=tuple(
                Eigenvalue(value=v, residual=r, converged=r <= _TOL * norm) for v, r in pairs
            ),
            smallest=(),
            tol=_TOL,
            num_matvecs=eigen_matvecs,
            method="PyHessian 0.1, power iteration by |λ|",
        ),
        Trace(
            subject=target.subject,
            provenance=provenance,
            operator=spec,
            trace=Estimate(mean=float(samples.mean()), stderr=spread),
            frobenius_norm=None,
            effective_rank=None,
            method="PyHessian 0.1, Hutchinson",
            num_probes=len(samples),
            num_matvecs=counted.num_matvecs - eigen_matvecs,
        ),
    )


class _Plain(nn.Module):
    """The network as PyHessian wants it: predictions out, spiking state at zero in each call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        reset_state(self.network)
        return as_outputs(self.network(inputs))

    def train(self, mode: bool = True) -> "_Plain":
        # PyHessian calls eval(); the network's own mode was chosen with its neurons in mind.
        self.training = mode
        return self


class _Counting(PyHessian):  # type: ignore[misc]
    """PyHessian as it is, with its Hessian-vector products counted."""

    def __init__(
        self,
        model: nn.Module,
        criterion: Any,
        batches: list[tuple[Tensor, Tensor]],
        progress: Progress,
        num_eigenvalues: int,
    ) -> None:
        super().__init__(
            model, criterion, dataloader=batches, cuda=batches[0][0].device.type == "cuda"
        )
        self.num_matvecs = 0
        self._progress = progress
        self._expected = _MAX_ITERATIONS * num_eigenvalues

    def dataloader_hv_product(self, v: list[Tensor]) -> tuple[float, list[Tensor]]:
        self.num_matvecs += 1
        self._progress(self.num_matvecs, max(self._expected, self.num_matvecs))
        result: tuple[float, list[Tensor]] = super().dataloader_hv_product(v)
        return result


def _mean_loss(target: Target) -> Any:
    def criterion(outputs: Tensor, targets: Tensor) -> Tensor:
        return target.risk.loss.per_example(outputs, targets).mean()

    return criterion
