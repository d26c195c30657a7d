"""What is measured at one point of a surface: loss, accuracy, further metrics, in one pass."""

from collections.abc import Callable, Sequence
from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.func import vmap

from landscape.distributed import all_reduce_sum
from landscape.nests import Nest, map_tensors
from landscape.objective.halving import with_smaller_batches
from landscape.objective.objective import Answers, Objective, Terms
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.adapters import batch_norms

Measure = Callable[[Tensor], dict[str, float]]

_MOST_TOGETHER = 200_000  # parameters
_ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Softplus)
_DENSE = {nn.Sequential, nn.Linear, nn.Flatten, nn.Identity, *_ACTIVATIONS}


def make_measure(
    risk: EmpiricalRisk, *, metrics: Sequence[Objective], recalibrate: bool
) -> Measure:
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

    def measure(theta: Tensor) -> dict[str, float]:
        def own_sums() -> Tensor:
            sums = _Sums(risk, metrics)
            with risk.swapped(risk.layout.split(theta.detach())):
                if recalibrate:
                    _recalibrate(risk)
                for index in range(len(risk.batches)):
                    sums.add(*risk.measure(index), risk.batches[index])
            return sums.values

        coupled_by = "--bn-recalibrate" if recalibrate else None
        return _values(metrics, with_smaller_batches(risk, own_sums, coupled_by=coupled_by))

    return measure


def make_joint_measure(
    risk: EmpiricalRisk, *, metrics: Sequence[Objective], recalibrate: bool
) -> Callable[[Tensor], list[dict[str, float]]] | None:
    """What ``make_measure`` gives, of several θ in one pass, shape (K, P); equal to rounding.

    None for networks that are more than a chain of dense layers of moderate size: there the pass
    is no faster (benchmarks/notes/grid.md), and not every forward can be run on several θ.
    """
    chain = all(type(m) in _DENSE for m in risk.model.modules())
    objective, predict = risk.objective, risk.objective.outputs
    if recalibrate or not chain or risk.num_params > _MOST_TOGETHER or predict is None:
        return None
    if objective.modules() or risk.noise is not None:
        return None

    def outputs(theta: Tensor, batch: Nest) -> Nest:
        with risk.swapped(risk.layout.split(theta)):
            return predict(risk.model, batch)

    def measure(thetas: Tensor) -> list[dict[str, float]]:
        def own_sums() -> list[Tensor]:
            sums = [_Sums(risk, metrics) for _ in thetas]
            for batch in risk.batches:
                found = vmap(outputs, (0, None))(thetas.detach(), batch)
                for k, own in enumerate(sums):
                    output = map_tensors(itemgetter(k), found)
                    terms = objective.terms_of_outputs(output, batch)
                    own.add(terms, objective.answers(output, batch), [output], batch)
            return [own.values for own in sums]

        return [_values(metrics, own) for own in with_smaller_batches(risk, own_sums)]

    return measure


def has_running_statistics(model: nn.Module) -> bool:
    """Whether batch norm in eval mode depends on data seen before."""
    return any(m.running_mean is not None for m in batch_norms(model))


def _recalibrate(risk: EmpiricalRisk) -> None:
    """Give batch norm, within ``risk.swapped``, the statistics of all examples at the θ there.

    Running means and variances are the means, weighted by size, of those of the batches (as in
    SWA's update), each batch normalised by its own statistics.
    """
    layers = [m for m in batch_norms(risk.model) if m.running_mean is not None]
    modes = [layer.training for layer in layers]
    for layer in layers:
        layer.train()
    seen = 0
    for index, size in enumerate(risk.batch_sizes()):
        seen += size
        for layer in layers:
            layer.momentum = size / seen  # the first batch's is 1
        risk.terms(index)
    for layer, mode in zip(layers, modes, strict=True):
        layer.train(mode)


class _Sums:
    """Over this process's examples: right and asked, then loss and weight, for each metric too."""

    def __init__(self, risk: EmpiricalRisk, metrics: Sequence[Objective]) -> None:
        self.metrics = metrics
        # On the device until the pass is over: reading a sum waits for all work before it.
        self.values = torch.zeros(4 + 2 * len(metrics), dtype=torch.float64, device=risk.device)

    def add(self, terms: Terms, answers: Answers, outputs: Sequence[Nest], batch: Nest) -> None:
        self.values[0] += answers.right.sum()
        self.values[1] += answers.asked.sum()
        for k, found in enumerate(
            (terms, *(self._metric(m, outputs, batch) for m in self.metrics))
        ):
            self.values[2 + 2 * k] += found.totals.detach().double().sum()
            self.values[3 + 2 * k] += found.weights.double().sum()

    def _metric(self, metric: Objective, outputs: Sequence[Nest], batch: Nest) -> Terms:
        if outputs[0] is None:
            raise ValueError(
                f"the metric {metric.name} is one of outputs, and this objective does not say what "
                "they are. Give Objective(fn, outputs=…, loss_of_outputs=…), or leave --metric out."
            )
        return metric.terms_of_outputs(outputs[0], batch)


def _values(metrics: Sequence[Objective], own: Tensor) -> dict[str, float]:
    right, asked, *sums = all_reduce_sum(own).tolist()
    loss, *others = (s / w for s, w in zip(sums[::2], sums[1::2], strict=True))
    values = {"loss": loss}
    if asked:
        values["accuracy"] = right / asked
    return values | {m.name: v for m, v in zip(metrics, others, strict=True)}
