"""Where the products of a search go, against ARPACK's on the same operator and on the textbook's.

On the same operator a product costs both the same, so that the ratio is that of their numbers, and
of what is done besides. On the textbook's, whose graph is built anew for each product, it is what a
user of SciPy has to pay.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.accuracy import max_error, max_residual, reference_values
from benchmarks.eigenvalues import OPPONENT_TOL, own_tol
from benchmarks.measure import Timed, timed
from benchmarks.problem import Problem, load_problem
from benchmarks.record import Comparison, Row
from benchmarks.smooth import load_smooth_problem
from benchmarks.solvers import Found, arpack, eigsh_of, landscape_solver
from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.data.fashion_mnist import load_embedded
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk

_WIDTH, _HEADS, _PATCH = 64, 4, 7


def compare_products(k: int, *, num_examples: int) -> Comparison:
    """``k`` pairs from each end of three networks' Hessians, to ARPACK's residual."""
    rows = [row for name, problem in _problems(num_examples) for row in _rows(name, problem, k)]
    return Comparison(
        name=f"products-{k}",
        title=f"Products of {k} largest and {k} smallest eigenvalues",
        setting=f"Hessians on {num_examples} images, float32; to ARPACK's residual or a smaller "
        f"one; ARPACK at a tolerance of {OPPONENT_TOL:g}",
        rows=rows,
        extra={},
    )


def _problems(num_examples: int) -> Iterator[tuple[str, Problem]]:
    shipped = load_problem(num_examples)
    yield "CSNN", Problem(shipped.risk, {"CSNN": shipped.networks["landscape"]})
    yield "ResNet", load_smooth_problem(num_examples)
    yield "transformer", load_transformer_problem(num_examples)


def _rows(name: str, problem: Problem, k: int) -> list[Row]:
    network, reference = problem.networks[name], reference_values(problem, k)
    norm = float(reference.abs().max())
    H = HessianOperator(problem.risk)

    def equal_cost() -> Found:
        found = eigsh_of(HessianOperator(problem.risk).__matmul__, H.dim, k, OPPONENT_TOL)
        return found._replace(note="the package's product")

    runs: dict[str, Timed] = {}
    runs["ARPACK (SciPy)"] = timed(equal_cost)
    tol = own_tol(max_residual(runs["ARPACK (SciPy)"].value, H.__matmul__, norm))
    solvers: dict[str, Callable[[], Found]] = {
        "landscape": partial(landscape_solver(tol), problem, network, k),
        "ARPACK (SciPy), as it is": partial(arpack(OPPONENT_TOL), problem, network, k),
    }
    runs |= {method: timed(solve) for method, solve in solvers.items()}
    notes = {"landscape": f"tol {tol:.1e}; "}
    return [
        Row(
            method=method,
            network=name,
            seconds=run.seconds,
            ratio=run.seconds / runs["landscape"].seconds,
            num_matvecs=run.value.num_matvecs,
            max_residual=max_residual(run.value, H.__matmul__, norm),
            max_error=max_error(run.value, reference),
            note=notes.get(method, "") + run.value.note,
        )
        for method, run in runs.items()
    ]


class _Block(nn.Module):
    """A pre-norm encoder layer by the plain formula, which can be differentiated twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(_WIDTH), nn.LayerNorm(_WIDTH)
        self.in_proj, self.out_proj = nn.Linear(_WIDTH, 3 * _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(_WIDTH, 2 * _WIDTH), nn.GELU(), nn.Linear(2 * _WIDTH, _WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, T, C) to tokens."""
        heads = self.in_proj(self.norm1(x)).unflatten(-1, (3, _HEADS, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = heads
        weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        x = x + self.out_proj((weights @ value).transpose(1, 2).flatten(2))
        tokens: Tensor = x + self.mlp(self.norm2(x))
        return tokens


class _Transformer(nn.Module):
    """Two layers on the 16 patches of an image, and a classifier of their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(_PATCH**2, _WIDTH)
        self.position = nn.Parameter(0.02 * torch.randn((28 // _PATCH) ** 2, _WIDTH))
        self.blocks = nn.Sequential(_Block(), _Block(), nn.LayerNorm(_WIDTH))
        self.head = nn.Linear(_WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 1, 28, 28) to logits (N, 10)."""
        patches = nn.functional.unfold(images, _PATCH, stride=_PATCH).transpose(1, 2)
        logits: Tensor = self.head(self.blocks(self.embedding(patches) + self.position).mean(1))
        return logits


def load_transformer_problem(num_examples: int) -> Problem:
    """A small transformer after a short training."""
    data = load_embedded("train")
    x, y = data.inputs[:1000], data.targets[:1000]
    torch.manual_seed(0)
    network = _Transformer()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(5):
        for part in torch.split(torch.randperm(len(x)), 50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[part]), y[part]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    batches = cut(x[:num_examples], y[:num_examples], num_examples)
    risk = EmpiricalRisk(network.eval(), loss_of("cross-entropy"), batches)
    return Problem(risk, {"transformer": network})
