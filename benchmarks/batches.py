"""``python -m benchmarks.batches``: how a product's CPU time hangs on the size of the batches.

Five networks on 250 examples, one thread, batches of sizes in turns, the graphs kept; once with the
allocator as the commands set it, and once, in a process of its own, as Python's sessions have it.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import click
import torch
from torch import Tensor, nn

from benchmarks.measure import alternate, ratio
from benchmarks.problem import load_problem, unit_vector
from benchmarks.products import load_transformer_problem
from benchmarks.smooth import load_smooth_problem
from landscape.allocator import keep_freed_memory
from landscape.curvature.graphs import rebatched
from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk

_EXAMPLES = 250
_SIZES = (16, 32, 63, 125, 250)


class _Block(nn.Module):
    """Two convolutions and their residual connection."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *(nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()),
            *(nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)),
        )
        self.way = nn.Conv2d(width, out, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Images to images."""
        return torch.relu(self.main(x) + self.way(x))


def _convolutions() -> nn.Module:
    """15,498 parameters, most of its work on 28 x 28 pixels."""
    layers: list[nn.Module] = []
    for width, out in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(width, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10))


def _residual() -> nn.Module:
    """77,514 parameters, of images of 3 x 32 x 32 pixels."""
    first = (nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    blocks = (_Block(16, 16, 1), _Block(16, 32, 2), _Block(32, 64, 2))
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def _on_noise(network: nn.Module, *shape: int) -> EmpiricalRisk:
    x, y = torch.randn(_EXAMPLES, *shape), torch.randint(10, (_EXAMPLES,))
    batches = cut(x, y, _EXAMPLES)
    return EmpiricalRisk(network.eval(), loss_of("cross-entropy"), batches)


def _risks() -> Iterator[tuple[str, EmpiricalRisk]]:
    torch.manual_seed(0)
    yield "CSNN", load_problem(_EXAMPLES).risk
    yield "ResNet of `examples`", load_smooth_problem(_EXAMPLES).risk
    yield "transformer", load_transformer_problem(_EXAMPLES).risk
    yield "three convolutions, 28 x 28", _on_noise(_convolutions(), 1, 28, 28)
    yield "ResNet, 32 x 32", _on_noise(_residual(), 3, 32, 32)


def _measure(rounds: int) -> None:
    for name, risk in _risks():
        v = unit_vector(risk.num_params)
        operators = {b: HessianOperator(rebatched(risk, b)) for b in _SIZES}
        calls: dict[str, Callable[[], object]] = {
            str(b): partial(A.__matmul__, v) for b, A in operators.items()
        }
        seconds = alternate(calls, rounds=rounds)
        whole = seconds[str(_EXAMPLES)]
        ratios = [ratio(seconds[str(b)], whole) for b in _SIZES[:-1]]
        bytes_each = operators[_EXAMPLES].graphs.largest_graph / _EXAMPLES
        cells = [f"{bytes_each / 1024:,.0f} KiB", *(f"{r:.2f}" for r in ratios)]
        cells.append(f"{1e3 * statistics.median(whole) / _EXAMPLES:.3f} ms")
        click.echo(f"| {name} | {' | '.join(cells)} |")


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--bare", is_flag=True, hidden=True, help="This process, as it is.")
def main(rounds: int, bare: bool) -> None:
    """Print a row a network: what each size takes against batches of 250, and an example there."""
    torch.set_num_threads(1)
    if bare:
        _measure(rounds)
        return
    command = [sys.executable, "-m", "benchmarks.batches", "--bare", "--rounds", str(rounds)]
    click.echo(f"graph of an example, {', '.join(map(str, _SIZES[:-1]))} against {_EXAMPLES}")
    if keep_freed_memory():
        click.echo("as the commands set the allocator:")
        _measure(rounds)
    click.echo("as a Python session has it:")
    sys.stdout.flush()
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
