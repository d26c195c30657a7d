"""``python -m benchmarks.live``: what a probe costs a training, and its products beside others'.

Three networks train by Adam in batches of 128. Shares are of CPU time on one thread, from the
second call on, without a limit of the budget. In the same loop the largest eigenvalue is found by a
cold start, by PyHessian and by hessian-eigenthings, on a copy of the network at the same step:
products a call, and the error from a run to a residual of 1e-5.
"""

import copy
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import hessian_eigenthings as he
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import landscape
from benchmarks.simulation import results_option, write_simulation
from benchmarks.solvers import CountingPyHessian
from landscape.curvature.hessian import HessianOperator
from landscape.data import open_dataset, select_examples
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.warm import largest_from
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk
from landscape.probe.measure import COLD, MOST, TOL
from landscape.results.probe import MEASURES
from landscape.snn.model import CSNN

BATCH = 128
CASES = (  # measures, examples, steps from call to call
    (MEASURES, 128, 50),
    (MEASURES, 128, 200),
    (MEASURES, 128, 1_000),
    (("lambda_max",), 128, 200),
    (MEASURES, 1_000, 200),
)


class Training(NamedTuple):
    """A network, its examples and what it minimises."""

    name: str
    model: nn.Module
    x: Tensor
    y: Tensor
    criterion: Callable[[Tensor, Tensor], Tensor]
    loss: str

    def steps(self, optimizer: torch.optim.Optimizer, count: int) -> Iterator[int]:
        """Make steps on random batches; yield the number of each after it."""
        rng = torch.Generator().manual_seed(0)
        for step in range(count):
            rows = torch.randint(0, len(self.x), (BATCH,), generator=rng)
            optimizer.zero_grad()
            self.criterion(self.model(self.x[rows]), self.y[rows]).backward()
            optimizer.step()
            yield step


class Encoder(nn.Module):
    """A transformer of two layers that classifies sequences of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(64, 10)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.out(self.layers(self.embed(ids)).mean(1))
        return logits


def trainings() -> Iterator[Callable[[], Training]]:
    """Makers of the three, each the same at every call."""

    def mlp() -> Training:
        torch.manual_seed(0)
        x = torch.randn(4_000, 20)
        y = (x[:, :10] + x[:, 10:] * x[:, :10]).argmax(1)
        model = nn.Sequential(
            nn.Linear(20, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 10)
        )
        return Training("tanh MLP", model, x, y, nn.CrossEntropyLoss(), "cross-entropy")

    def encoder() -> Training:
        torch.manual_seed(0)
        x = torch.randint(0, 64, (4_000, 16))
        y = (x[:, 0] + x[:, 5]) % 10
        return Training("transformer", Encoder(), x, y, nn.CrossEntropyLoss(), "cross-entropy")

    def spiking() -> Training:
        torch.manual_seed(0)
        some = select_examples(open_dataset("fashion-mnist-embedded", split="train"), 1_000, seed=0)
        mse = BUILTIN_LOSSES["mse"]

        def mean(outputs: Tensor, y: Tensor) -> Tensor:
            return mse(outputs, y).mean()

        return Training(
            "spiking CSNN",
            CSNN(channels=4, num_time_steps=4),
            some.inputs,
            some.targets,
            mean,
            "mse",
        )

    yield from (mlp, encoder, spiking)


def share(
    make: Callable[[], Training], what: Sequence[str], examples: int, every: int, calls: int
) -> dict[str, Any]:
    """CPU time of calls over all from the first call on, that one left out."""
    training = make()
    optimizer = torch.optim.Adam(training.model.parameters(), 1e-3)
    probed = (training.x[:examples], training.y[:examples])
    probe = landscape.Probe(
        training.loss,
        probed,
        what,
        every=every,
        budget=1,
        examples="all",
        path=None,
        clock=time.process_time,
    )
    found, begun = [], 0.0
    for step in training.steps(optimizer, calls * every + 1):
        if values := probe(training.model, step, optimizer):
            found.append(values)
            begun = begun or time.process_time()
    passed = time.process_time() - begun
    spent = sum(v.seconds for v in found[1:])
    a_step = (passed - spent) / (calls * every)
    return {
        "network": training.name,
        "num_params": sum(p.numel() for p in training.model.parameters()),
        "measures": len(what),
        "examples": examples,
        "every": every,
        "share": spent / passed,
        "steps_a_call": spent / calls / a_step,
        "steps_of_the_first": found[0].seconds / a_step,
        "num_matvecs": statistics.median(v.num_matvecs for v in found[1:]),
        "num_evaluations": statistics.median(v.num_evaluations for v in found[1:]),
    }


def products(make: Callable[[], Training], every: int, calls: int) -> list[dict[str, Any]]:
    """Products of a call for λ_max, and its error, by method; medians over the calls."""
    training = make()
    optimizer = torch.optim.Adam(training.model.parameters(), 1e-3)
    probed = (training.x[:BATCH], training.y[:BATCH])
    probe = landscape.Probe(
        training.loss,
        probed,
        ["lambda_max"],
        every=every,
        budget=1,
        batch_norm="eval",  # as the others have it
        path=None,
    )
    counted: dict[str, list[tuple[int, float]]] = {}
    for step in training.steps(optimizer, calls * every + 1):
        values = probe(training.model, step, optimizer)
        if values is None or step == 0:
            continue
        network = copy.deepcopy(training.model).eval()
        risk = EmpiricalRisk(network, loss_of(training.loss), [probed])
        H = HessianOperator(risk)
        rng = torch.Generator().manual_seed(step)
        true = extreme_eigenpairs(
            H, num_largest=1, num_smallest=0, tol=1e-5, max_matvecs=2_000, rng=rng
        ).values[0]
        before = H.num_matvecs
        cold = largest_from(H, None, rng=rng, tol=TOL, least=COLD, most=MOST * 4)
        with sdpa_kernel(SDPBackend.MATH):  # the fused one has no second derivative
            pyhessian = _pyhessian(network, training, probed)
            eigenthings = [
                _eigenthings(network, training, probed, steps)
                for steps in (None, H.num_matvecs - before)
            ]
        for method, number, value in (
            ("probe, warm", values.num_matvecs, values.lambda_max.value),
            ("cold start, as the first call", H.num_matvecs - before, cold.value),
            ("PyHessian, its defaults", *pyhessian),
            ("hessian-eigenthings, its defaults", *eigenthings[0]),
            ("hessian-eigenthings, told the steps of the cold start", *eigenthings[1]),
        ):
            error = abs(value - float(true)) / abs(float(true))
            counted.setdefault(method, []).append((number, error))
    return [
        {
            "network": training.name,
            "method": method,
            "num_matvecs": statistics.median(number for number, _ in seen),
            "error": statistics.median(error for _, error in seen),
            "worst_error": max(error for _, error in seen),
        }
        for method, seen in counted.items()
    ]


def _pyhessian(network: nn.Module, training: Training, probed: Any) -> tuple[int, float]:
    torch.manual_seed(0)
    about: Any = SimpleNamespace(criterion=training.criterion, inputs=probed[0], targets=probed[1])
    run = CountingPyHessian(about, network)
    values, _ = run.eigenvalues(top_n=1)
    network.zero_grad(set_to_none=True)
    return run.num_matvecs, float(values[0])


def _eigenthings(
    network: nn.Module, training: Training, probed: Any, steps: int | None
) -> tuple[int, float]:
    operator = he.HessianOperator(network, [probed], he.supervised_loss(training.criterion))
    found = he.lanczos(operator, k=1, max_iter=steps, which="LA", seed=0)
    return int(found.iterations), float(found.eigenvalues[0])


@click.command()
@results_option("live.json")
@click.option("--calls", type=click.IntRange(min=1), default=3, show_default=True)
def main(json_file: Path, calls: int) -> None:
    """Measure shares of the time and products, on three networks."""
    torch.set_num_threads(1)
    shares, found = [], []
    for make in trainings():
        for case in CASES:
            shares.append(share(make, *case, calls))
            click.echo(shares[-1])
        of_methods = products(make, 50, 2 * calls)
        found += of_methods
        for row in of_methods:
            click.echo(row)
    write_simulation(
        json_file,
        f"python -m benchmarks.live --calls {calls}",
        batch=BATCH,
        calls=calls,
        shares=shares,
        products=found,
        cpu_seconds=round(time.process_time()),
    )


if __name__ == "__main__":
    main()
