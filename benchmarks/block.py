"""Would a block Lanczos pay? The price of a block's product, and how many products it needs.

A block method multiplies b vectors at once. It wins only where b products together are cheaper than
one after another by more than the factor by which it needs more of them.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.measure import Timed, alternate, ratio, timed
from benchmarks.problem import load_problem
from benchmarks.record import Comparison, Row
from benchmarks.smooth import load_smooth_problem
from examples.tabular import make as make_tabular
from landscape.data.dataset import cut
from landscape.data.fashion_mnist import load_embedded
from landscape.linalg.eigen import Eigenpairs, extreme_eigenpairs
from landscape.linalg.operator import DenseOperator
from landscape.objective.at_theta import leaves
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk

BLOCKS = (2, 4, 8)
_TOL = 1e-6  # residual, relative to the norm
_WANTED = 10  # eigenvalues, the largest


def compare_block_products(*, num_examples: int, rounds: int) -> Comparison:
    """Seconds a vector, one at a time and b at once, on three networks; the graph is kept."""
    rows: list[Row] = []
    for name, risk in _risks(num_examples):
        product = _KeptProduct(risk)
        vectors = torch.randn(
            max(BLOCKS), risk.num_params, generator=torch.Generator().manual_seed(0)
        )
        calls: dict[str, Callable[[], object]] = {"one at a time": partial(product, vectors[0])}
        refused = ""
        for b in BLOCKS:
            block = vectors[:b]
            try:
                found = product.block(block)
            except RuntimeError as error:
                refused = f"PyTorch refuses blocks: {str(error).splitlines()[0][:60]}…"
                continue
            exact = torch.stack([product(v) for v in block])
            assert torch.allclose(found, exact, rtol=1e-3, atol=1e-4 * float(exact.abs().max()))
            calls[f"{b} at once"] = partial(product.block, block)
        seconds = alternate(calls, rounds=rounds)
        one = seconds["one at a time"]
        for method, taken in seconds.items():
            size = 1 if method == "one at a time" else int(method.split()[0])
            each = [t / size for t in taken]
            rows.append(
                Row(
                    method=method,
                    network=name,
                    seconds=statistics.median(each),
                    ratio=ratio(one, each),
                    num_matvecs=size,
                    note=refused,
                )
            )
    return Comparison(
        name="block-products",
        title="Several Hessian-vector products at once",
        setting=f"Seconds a vector; {num_examples} examples in one batch, float32; the ratio is "
        "how much cheaper a vector is than one at a time",
        rows=rows,
        extra={},
    )


def compare_block_lanczos(*, dim: int) -> Comparison:
    """Products until the largest eigenvalues of dense matrices have converged, by block size."""
    rows = []
    for name, spectrum in _spectra(dim).items():
        matrix, exact = _matrix(spectrum), spectrum.sort(descending=True).values[:_WANTED]
        norm = float(spectrum.abs().max())
        for b in (1, *BLOCKS):
            run = timed(partial(_block_lanczos, matrix, b, norm))
            row = _counted(f"block Lanczos, b = {b}", name, run, exact)
            rows.append(replace(row, note="copies missed" if (row.max_error or 0.0) > 1e-3 else ""))
        run = timed(partial(_own, matrix))
        own = run.value
        remark = f"{own.num_verification + own.num_check} of them verify and look for copies"
        rows.append(replace(_counted("landscape", name, run, exact), note=remark))
    return Comparison(
        name="block-lanczos",
        title="Products of a block Lanczos",
        setting=f"Dense matrices of order {dim}, float64; {_WANTED} largest eigenvalues to a "
        f"residual of {_TOL:g} of the norm; block Lanczos with full reorthogonalisation, never "
        "restarted",
        rows=rows,
        extra={},
    )


class _KeptProduct:
    """H v, and H V for the rows of V, on a graph of the gradient that is built once."""

    def __init__(self, risk: EmpiricalRisk) -> None:
        self._layout = risk.layout
        self._tensors = leaves(risk.layout.split(risk.theta))
        with risk.swapped(self._tensors):
            loss = risk.terms(0).mean()
            self._gradients = torch.autograd.grad(loss, self._tensors, create_graph=True)

    def __call__(self, v: Tensor) -> Tensor:
        return self._layout.flatten(self._backward(self._layout.split(v), batched=False))

    def block(self, vectors: Tensor) -> Tensor:
        sizes = [t.numel() for t in self._tensors]
        pieces = [
            part.reshape(len(vectors), *t.shape)
            for part, t in zip(torch.split(vectors, sizes, dim=1), self._tensors, strict=True)
        ]
        found = self._backward(pieces, batched=True)
        return torch.cat([f.reshape(len(vectors), -1) for f in found], dim=1)

    def _backward(self, pieces: list[Tensor], *, batched: bool) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            self._gradients,
            self._tensors,
            grad_outputs=pieces,
            retain_graph=True,
            is_grads_batched=batched,
            materialize_grads=True,
        )


def _risks(num_examples: int) -> Iterator[tuple[str, EmpiricalRisk]]:
    yield "MLP 6-16-16-1", _tabular_risk(num_examples)
    yield "MLP 784-128-10", _image_risk(num_examples)
    yield "ResNet", load_smooth_problem(num_examples).risk
    yield "CSNN", load_problem(num_examples).risk


def _tabular_risk(num_examples: int) -> EmpiricalRisk:
    torch.manual_seed(0)
    network: nn.Module = make_tabular()
    x = torch.randn(num_examples, 6)
    y = (torch.sin(x[:, 0]) + x[:, 1] * x[:, 2])[:, None]
    batches = cut(x, y, num_examples)
    return EmpiricalRisk(network, loss_of("mse"), batches)


def _image_risk(num_examples: int) -> EmpiricalRisk:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.Tanh(), nn.Linear(128, 10))
    data = load_embedded("train")
    batches = cut(data.inputs[:num_examples], data.targets[:num_examples], num_examples)
    return EmpiricalRisk(network, loss_of("cross-entropy"), batches)


class _Found(NamedTuple):
    values: Tensor  # the largest, descending
    num_matvecs: int


def _block_lanczos(matrix: Tensor, size: int, norm: float) -> _Found:
    """Rayleigh-Ritz on span{V, AV, A²V, …}, orthogonalised in full (Golub & Underwood 1977)."""
    dim = len(matrix)
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(dim, size, generator=rng, dtype=matrix.dtype)
    basis = torch.linalg.qr(start).Q
    images = matrix @ basis
    while True:
        values, vectors = torch.linalg.eigh(basis.T @ images)
        top = vectors[:, -_WANTED:]
        residuals = (images @ top - basis @ top * values[-_WANTED:]).norm(dim=0)
        count = basis.shape[1]
        if (count >= _WANTED and float(residuals.max()) <= _TOL * norm) or count + size > dim:
            return _Found(values[-_WANTED:].flip(0), count)
        block = images[:, -size:]
        for _ in range(2):
            block = block - basis @ (basis.T @ block)
        block = torch.linalg.qr(block).Q
        basis = torch.cat([basis, block], dim=1)
        images = torch.cat([images, matrix @ block], dim=1)


def _spectra(dim: int) -> dict[str, Tensor]:
    bulk = torch.linspace(-0.1, 0.2, dim - 20, dtype=torch.float64)
    steps = torch.arange(20, dtype=torch.float64)
    return {
        "isolated": torch.cat([0.85**steps + 0.3, bulk]),
        "clusters of 5": torch.cat([1.0 - 0.2 * (steps // 5) - 1e-4 * steps, bulk]),
        "each 4 times": torch.cat([1.0 - 0.15 * (steps // 4), bulk]),
        "no gap": torch.linspace(-1.0, 1.0, dim, dtype=torch.float64),
    }


def _matrix(spectrum: Tensor) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    Q = torch.linalg.qr(torch.randn(len(spectrum), len(spectrum), generator=rng).double()).Q
    matrix: Tensor = (Q * spectrum) @ Q.T
    return (matrix + matrix.T) / 2


def _own(matrix: Tensor) -> Eigenpairs:
    return extreme_eigenpairs(
        DenseOperator(matrix),
        num_largest=_WANTED,
        num_smallest=0,
        tol=_TOL,
        max_matvecs=50 * len(matrix),
        rng=torch.Generator().manual_seed(0),
    )


def _counted(method: str, name: str, run: Timed, exact: Tensor) -> Row:
    norm, found = float(exact.abs().max()), run.value
    return Row(
        method=method,
        network=name,
        seconds=run.seconds,
        num_matvecs=found.num_matvecs,
        max_error=float((found.values[:_WANTED] - exact).abs().max() / norm),
    )
