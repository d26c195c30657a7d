"""``python -m benchmarks.vocabulary``: a product through cross entropy over many classes.

A small GPT-2 on two texts of 64 tokens, its own loss; by PyTorch's cross entropy and by the form
that the package takes in its place, in turns, on one thread.
"""

import statistics
from collections.abc import Callable
from functools import partial

import click
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.measure import alternate, timed
from benchmarks.problem import unit_vector
from landscape.curvature.hessian import HessianOperator
from landscape.nests import Nest
from landscape.objective.objective import Objective
from landscape.objective.risk import EmpiricalRisk

_TEXTS, _TOKENS, _WIDTH = 2, 64, 64


def _own_loss(model: nn.Module, batch: Nest) -> torch.Tensor:
    loss: torch.Tensor = model(**batch).loss
    return loss


def _risk(vocabulary: int) -> EmpiricalRisk:
    torch.manual_seed(0)
    sizes = {"n_positions": _TOKENS, "n_embd": _WIDTH, "n_layer": 2, "n_head": 4}
    ends = {"bos_token_id": None, "eos_token_id": None}
    net = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **sizes, **ends)).eval()
    ids = torch.randint(vocabulary, (_TEXTS, _TOKENS))
    return EmpiricalRisk(net, Objective(_own_loss), [{"input_ids": ids, "labels": ids}])


@click.command()
@click.option("--vocabulary", default=50_257, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(vocabulary: int, rounds: int) -> None:
    """Print a row for each form: peak memory of a first product, what a graph holds, seconds."""
    torch.set_num_threads(1)
    plain = _risk(vocabulary)
    forms = {"PyTorch's": plain, "the package's": plain.with_plain_functions()}
    v = unit_vector(plain.num_params)
    for name, risk in forms.items():  # the peaks first, while no graph is held
        for budget in (0, None):
            HessianOperator(risk, graph_budget=budget) @ v
            H = HessianOperator(risk, graph_budget=budget)
            peak = timed(partial(H.__matmul__, v)).peak_mb
            kept, graph = "rebuilt" if budget == 0 else "kept", H.graphs.largest_graph / 2**20
            click.echo(f"{name}, graph {kept}: peak {peak:.0f} MB, a graph {graph:.0f} MB")
            del H
    operators = {
        f"{name}, graph {kept}": HessianOperator(risk, graph_budget=budget)
        for name, risk in forms.items()
        for kept, budget in (("rebuilt", 0), ("kept", None))
    }
    calls: dict[str, Callable[[], object]] = {
        name: partial(H.__matmul__, v) for name, H in operators.items()
    }
    for name, seconds in alternate(calls, rounds=rounds).items():
        click.echo(f"{name}: {statistics.median(seconds):.3f} s")
    found, exact = (operators[f"{name}, graph kept"] @ v for name in reversed(forms))
    click.echo(f"difference: {float((found - exact).norm() / exact.norm()):.1e} of the product")


if __name__ == "__main__":
    main()
