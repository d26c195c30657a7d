"""What is measured at one point of a surface: loss, accuracy, further metrics, in one pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.curvature.halving import with_smaller_batches
from landscape.curvature.losses import Loss, as_outputs
from landscape.curvature.risk import Batch, EmpiricalRisk
from landscape.distributed import all_reduce_sum
from landscape.snn.adapters import reset_state

Forward = Callable[[Batch], Tensor]
Measure = Callable[[Tensor], dict[str, float]]

_MOST_TOGETHER = 200_000  # parameters
_ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Softplus)
_DENSE = {nn.Sequential, nn.Linear, nn.Flatten, nn.Identity, *_ACTIVATIONS}


def make_measure(risk: EmpiricalRisk, *, metrics: Sequence[Loss], recalibrate: bool) -> Measure:
    """A function θ -> ``{"loss", "accuracy" where targets are classes, a metric's name, …}``.

    One forward pass over the examples; with ``recalibrate`` one more before it, in which the
    running statistics of batch norm are computed anew for θ. Where memory ends, batches are halved;
    not with ``recalibrate``, whose statistics depend on them.

    Raises
    ------
    ValueError
        If ``recalibrate`` is asked of a network without running statistics, or memory ends with
        it; or if a metric is called like one of the values above.
    """
    clashing = [m.name for m in metrics if m.name in ("loss", "accuracy", "at")]
    if clashing:
        raise ValueError(f"a metric cannot be called {clashing[0]!r}; rename the function.")
    if recalibrate and not has_running_statistics(risk.model):
        raise ValueError(
            "there is nothing to recalibrate: the network has no batch norm with running "
            "statistics. Leave --bn-recalibrate out."
        )

    @torch.no_grad()
    def measure(theta: Tensor) -> dict[str, float]:
        tensors = risk.layout.split(theta)

        def own_sums() -> Tensor:
            if not recalibrate:
                return _sums(risk, metrics, lambda batch: risk.outputs(tensors, batch.inputs))
            named: dict[str, Tensor] = dict(zip(risk.layout.names, tensors, strict=True))
            named |= recalibrated_buffers(risk, named)
            return _sums(risk, metrics, lambda batch: _outputs(risk.model, named, batch))

        coupled_by = "--bn-recalibrate" if recalibrate else None
        return _values(risk, metrics, with_smaller_batches(risk, own_sums, coupled_by=coupled_by))

    return measure


def make_joint_measure(
    risk: EmpiricalRisk, *, metrics: Sequence[Loss], recalibrate: bool
) -> Callable[[Tensor], list[dict[str, float]]] | None:
    """What ``make_measure`` gives, of several θ in one pass, shape (K, P); equal to rounding.

    None for networks that are more than a chain of dense layers of moderate size: there the pass
    is no faster (benchmarks/notes/grid.md), and not every forward can be run on several θ.
    """
    chain = all(type(m) in _DENSE for m in risk.model.modules())
    if recalibrate or not chain or risk.num_params > _MOST_TOGETHER:
        return None

    def outputs(theta: Tensor, inputs: Tensor) -> Tensor:
        return risk.outputs(risk.layout.split(theta), inputs)

    @torch.no_grad()
    def measure(thetas: Tensor) -> list[dict[str, float]]:
        def own_sums() -> list[Tensor]:
            found = {id(b): vmap(outputs, (0, None))(thetas, b.inputs) for b in risk.batches}

            def output(k: int, batch: Batch) -> Tensor:
                return found[id(batch)][k]

            return [_sums(risk, metrics, partial(output, k)) for k in range(len(thetas))]

        return [_values(risk, metrics, sums) for sums in with_smaller_batches(risk, own_sums)]

    return measure


def has_running_statistics(model: nn.Module) -> bool:
    """Whether batch norm in eval mode depends on data seen before."""
    return any(m.running_mean is not None for m in _batch_norms(model))


def recalibrated_buffers(risk: EmpiricalRisk, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Buffers of the network at the parameters ``named``, its batch norm seen all examples.

    Running means and variances are the means, weighted by size, of those of the batches (as in
    SWA's update), each batch normalised by its own statistics. The network's own stay as they are.
    """
    buffers = {name: b.clone() for name, b in risk.model.named_buffers()}
    seen = 0
    with _training_batch_norm(risk.model) as layers:
        for batch in risk.batches:
            seen += len(batch.targets)
            for layer in layers:
                layer.momentum = len(batch.targets) / seen  # the first batch's is 1
            _outputs(risk.model, named | buffers, batch)
    return buffers


def _sums(risk: EmpiricalRisk, metrics: Sequence[Loss], forward: Forward) -> Tensor:
    """Over this process's examples: right answers, answers asked for, loss, each metric."""
    # Sums stay on the device until the pass is over: reading one waits for all work before it.
    sums = torch.zeros(3 + len(metrics), dtype=torch.float64, device=risk.device)
    for batch in risk.batches:
        outputs = forward(batch)
        for k, loss in enumerate((risk.loss, *metrics), start=2):
            sums[k] += loss.per_example(outputs, batch.targets).double().sum()
        right, asked = risk.loss.accuracy_counts(outputs, batch.targets)
        sums[0] += right
        sums[1] += asked
    return sums


def _values(risk: EmpiricalRisk, metrics: Sequence[Loss], own: Tensor) -> dict[str, float]:
    hits, asked, *sums = all_reduce_sum(own).tolist()
    loss, *others = (s / risk.num_examples for s in sums)
    values = {"loss": loss}
    if asked:
        values["accuracy"] = hits / asked
    return values | {m.name: v for m, v in zip(metrics, others, strict=True)}


def _outputs(model: nn.Module, tensors: dict[str, Tensor], batch: Batch) -> Tensor:
    reset_state(model)
    return as_outputs(functional_call(model, tensors, (batch.inputs,)))


def _batch_norms(model: nn.Module) -> list[_BatchNorm]:
    return [m for m in model.modules() if isinstance(m, _BatchNorm)]


@contextmanager
def _training_batch_norm(model: nn.Module) -> Iterator[list[_BatchNorm]]:
    """Batch norm layers that update their statistics, put back in their mode afterwards."""
    layers = [m for m in _batch_norms(model) if m.running_mean is not None]
    before = [(m, m.training, m.momentum) for m in layers]
    try:
        for layer in layers:
            layer.train()
        yield layers
    finally:
        for layer, training, momentum in before:
            layer.train(training)
            layer.momentum = momentum
