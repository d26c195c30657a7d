"""What is measured at one point of a surface: loss, accuracy, further metrics, in one pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.curvature.losses import Loss, accuracy_counts, as_outputs
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
    running statistics of batch norm are computed anew for θ.

    Raises
    ------
    ValueError
        If ``recalibrate`` is asked of a network without running statistics, or a metric is
        called like one of the values above.
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
        if not recalibrate:
            return _values(risk, metrics, lambda batch: risk.outputs(tensors, batch.inputs))
        named: dict[str, Tensor] = dict(zip(risk.layout.names, tensors, strict=True))
        buffers = recalibrated_buffers(risk, named)
        return _values(risk, metrics, lambda batch: _outputs(risk.model, named | buffers, batch))

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
        found = {id(b): vmap(outputs, (0, None))(thetas, b.inputs) for b in risk.batches}

        def values(k: int) -> dict[str, float]:
            return _values(risk, metrics, lambda batch: found[id(batch)][k])

        return [values(k) for k in range(len(thetas))]

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


def _values(risk: EmpiricalRisk, metrics: Sequence[Loss], forward: Forward) -> dict[str, float]:
    device = risk.device
    # Sums stay on the device until the pass is over: reading one waits for all work before it.
    sums = torch.zeros(1 + len(metrics), dtype=torch.float64, device=device)
    counts = torch.zeros(2, dtype=torch.float64, device=device)
    for batch in risk.batches:
        outputs = forward(batch)
        for k, loss in enumerate((risk.loss, *metrics)):
            sums[k] += loss.per_example(outputs, batch.targets).double().sum()
        right = accuracy_counts(outputs, batch.targets)
        if right is not None:
            counts += torch.tensor(right, dtype=torch.float64, device=device)
    means = (all_reduce_sum(sums) / risk.num_examples).tolist()
    hits, asked = all_reduce_sum(counts).tolist()
    values = {"loss": means[0]}
    if asked:
        values["accuracy"] = hits / asked
    return values | {m.name: v for m, v in zip(metrics, means[1:], strict=True)}


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
