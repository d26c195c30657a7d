"""PyHessian's own eigenvalues and trace on the same network, examples and loss: a second opinion.

PyHessian 0.1 (Yao et al. 2020, arXiv 1912.07145) runs power iteration with deflation, by largest
absolute value, and Hutchinson's trace. It gives no residuals: here each of its pairs is tested
with one fresh matvec of the project's own operator.
"""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pyhessian import hessian as PyHessian
from torch import Tensor, nn

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.results import operator_spec
from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.target import Target
from landscape.curvature.hessian import HessianOperator
from landscape.distributed import world_size
from landscape.linalg.estimate import estimate_mean
from landscape.nests import Nest
from landscape.networks import copied
from landscape.objective.halving import with_smaller_batches
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.results import Eigenvalues, Trace
from landscape.snn.adapters import EvalMode, reset_state
from landscape.values import Eigenvalue

_MAX_ITERATIONS = 100  # an eigenvalue, or probes of the trace: PyHessian's default
_TOL = 1e-3  # change of the eigenvalue, or of the trace's running mean: PyHessian's default


def refuse_other_operators(settings: OperatorSettings) -> None:
    """Refuse what PyHessian does not have: another operator, a scale, parts of the parameters.

    Raises
    ------
    ValueError
        Naming the option; also in one of several processes.
    """
    if world_size() > 1:
        raise ValueError(
            "--solver pyhessian and --protocol published run as one process; start them without "
            "torchrun."
        )
    for field in fields(OperatorSettings):
        if getattr(settings, field.name) != field.default:
            raise ValueError(
                f"--solver pyhessian knows the plain Hessian of all parameters only; leave out "
                f"--{field.name.replace('_', '-')}."
            )


def pyhessian_eigenvalues(
    target: Target, *, num_eigenvalues: int, progress: Progress, state: Path | None = None
) -> Eigenvalues:
    """Run PyHessian's power iteration; the first ``num_eigenvalues`` by absolute value.

    They stand in ``largest``, negative ones too, in the order in which it found them. Its model
    is a copy of the target's, and the global generator stays as it was. It keeps no ``state``:
    when it was interrupted it begins anew.
    """
    clock = start_clock()
    with _running(target, progress, _MAX_ITERATIONS * num_eigenvalues) as pyhessian:
        values, vectors = pyhessian.eigenvalues(
            maxIter=_MAX_ITERATIONS, tol=_TOL, top_n=num_eigenvalues
        )
    H, layout = HessianOperator(target.risk), target.risk.layout
    pairs = []
    for value, pieces in zip(values, vectors, strict=True):
        v = layout.flatten([piece.detach() for piece in pieces])
        pairs.append((float(value), float((H @ v - value * v).norm())))
    norm = max(abs(value) for value, _ in pairs)
    return Eigenvalues(
        subject=target.subject,
        provenance=clock.provenance_of(target, pyhessian.num_matvecs),
        operator=operator_spec(target, OperatorSettings()),
        largest=tuple(
            Eigenvalue(value=v, residual=r, converged=r <= _TOL * norm) for v, r in pairs
        ),
        smallest=(),
        tol=_TOL,
        num_matvecs=pyhessian.num_matvecs,
        method="PyHessian 0.1, power iteration by |λ|",
    )


def pyhessian_trace(target: Target, *, progress: Progress, state: Path | None = None) -> Trace:
    """Run PyHessian's Hutchinson estimator with its own stopping rule.

    It stops once the running mean moves by less than 1e-3 of itself, which is no error bound;
    the standard error is computed here from its probes. It keeps no ``state`` either.
    """
    clock = start_clock()
    with _running(target, progress, _MAX_ITERATIONS) as pyhessian:
        samples = np.array(pyhessian.trace(maxIter=_MAX_ITERATIONS, tol=_TOL))
    return Trace(
        subject=target.subject,
        provenance=clock.provenance_of(target, pyhessian.num_matvecs),
        operator=operator_spec(target, OperatorSettings()),
        trace=estimate_mean(torch.from_numpy(samples)),
        frobenius_norm=None,
        effective_rank=None,
        method="PyHessian 0.1, Hutchinson",
        num_probes=len(samples),
        num_matvecs=pyhessian.num_matvecs,
    )


@contextmanager
def _running(target: Target, progress: Progress, expected: int) -> Iterator["_Counting"]:
    _check_pairs(target.risk)
    model = _Plain(target.risk)
    # It draws on the CPU for eigenvalues, and on the device for the trace.
    devices = [target.device] if target.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
        torch.manual_seed(target.settings.seed)
        yield _Counting(model, target, progress, expected)


class _Plain(nn.Module):
    """The network as PyHessian wants it: outputs out, spiking state at zero in each call."""

    def __init__(self, risk: EmpiricalRisk) -> None:
        super().__init__()
        self.network = copied(risk.model).to(dtype=risk.dtype, device=risk.device)
        self._predict = risk.objective.outputs
        EvalMode(self.network).enter()

    def forward(self, inputs: Tensor) -> Nest:
        assert self._predict is not None
        reset_state(self.network)
        return self._predict(self.network, (inputs, None))

    def train(self, mode: bool = True) -> "_Plain":
        # PyHessian calls eval(); the network's own mode was chosen with its neurons in mind.
        self.training = mode
        return self


class _Counting(PyHessian):  # type: ignore[misc]
    """PyHessian as it is, with its Hessian-vector products counted."""

    def __init__(self, model: nn.Module, target: Target, progress: Progress, expected: int) -> None:
        self._risk = copy.copy(target.risk)
        super().__init__(model, _mean_loss(target), dataloader=self._pairs(), cuda=False)
        self.device = target.device  # which its own flag leaves to the current GPU
        self.num_matvecs = 0
        self._progress = progress
        self._expected = expected

    def dataloader_hv_product(self, v: list[Tensor]) -> tuple[float, list[Tensor]]:
        self.num_matvecs += 1
        self._progress(self.num_matvecs, max(self._expected, self.num_matvecs))
        product = super().dataloader_hv_product

        def run() -> tuple[float, list[Tensor]]:
            self.data = self._pairs()
            found: tuple[float, list[Tensor]] = product(v)
            return found

        return with_smaller_batches(self._risk, run)

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        return [(inputs, targets) for inputs, targets in self._risk.batches]


def _mean_loss(target: Target) -> Any:
    def criterion(outputs: Nest, targets: Tensor) -> Tensor:
        return target.risk.objective.terms_of_outputs(outputs, (None, targets)).mean()

    return criterion


def _check_pairs(risk: EmpiricalRisk) -> None:
    """Refuse what PyHessian's own loop over (inputs, targets) would measure otherwise."""
    pairs = isinstance(risk.objective, Loss) and all(
        len(batch) == 2 and all(isinstance(part, Tensor) for part in batch)
        for batch in risk.batches
    )
    if not pairs or risk.noise is not None or risk.total_weight != risk.num_examples:
        raise ValueError(
            "PyHessian takes pairs of tensors and the plain mean of their losses: no objective of "
            "one's own, no weights or masked targets. Use the package's own solver."
        )
