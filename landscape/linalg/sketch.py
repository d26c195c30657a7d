"""Exchangeable trace estimators: each probe tests a low-rank approximation made from the others.

References
----------
.. [1] Epperly, Tropp & Webber (2024), XTrace: making the most of every sample in stochastic trace
   estimation, SIAM J. Matrix Anal. Appl. 45(1):1-23, arXiv 2301.07825.
.. [2] Efron & Stein (1981), The jackknife estimate of variance, Ann. Stat. 9(3):586-596.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor
from torch.linalg import vector_norm

from landscape.linalg.lanczos import BREAKDOWN_EPS, is_breakdown, orthogonalise
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import normal
from landscape.linalg.rows import cached_columns
from landscape.linalg.units import Keep, afresh, products
from landscape.values import Estimate

_AGREE = 1000.0  # units of rounding: inner products of long vectors and inverses add up
_MOST_BLOCKS = 60  # of probes left out together: a Student interval of more is no narrower


def sketch_memory(dim: int, num_matvecs: int, dtype: torch.dtype) -> int:
    """Bytes that a sketch of ``num_matvecs`` products holds: two vectors a product at most.

    A third is the product itself, kept for a run that is cut off.
    """
    return 3 * num_matvecs * dim * dtype.itemsize


class XTraceSketch:
    """XTrace [1]_ (section 2.1, normalised as in 2.3), grown by probes of two products each.

    Unbiased for any symmetric A. The error falls with what A has beyond rank k, the number of
    probes: far below Hutchinson's where a few eigenvalues dominate, and about √2 above it, at the
    same number of products, on a flat spectrum.
    """

    def __init__(self, A: SelfAdjointOperator, max_probes: int, keep: Keep = afresh) -> None:
        self.A, self.keep = A, keep
        # Rows, so that growing is appending: Ω, Q with the range of A Ω, and Z = (A Qᵀ)ᵀ.
        self.probes, self.Q, self.Z = torch.empty(
            3, max_probes, A.dim, dtype=A.dtype, device=A.device
        )
        self.num_probes = 0
        self.rank = 0
        self.scale = 0.0

    def add(self, count: int, rng: Generator) -> None:
        """``count`` probes: A ω of all, then A q of each q that these add to the range of A.

        A probe that adds none, the rank of A being reached, takes one product.
        """
        rank_before = self.rank
        for product in products(self.A, _drawn(self, count, rng), self.keep):
            y = product.clone()  # it may be ω itself
            self.scale = max(self.scale, float(vector_norm(y, dtype=torch.float64)))
            orthogonalise(y, self.Q[: self.rank], None)
            norm = float(vector_norm(y, dtype=torch.float64))
            if self.rank < self.A.dim and not is_breakdown(norm, self.scale, self.A.dtype):
                self.Q[self.rank] = y / norm
                self.rank += 1
        new = ((f"range {i}", self.Q[i]) for i in range(rank_before, self.rank))
        for i, product in enumerate(products(self.A, new, self.keep), start=rank_before):
            self.Z[i] = product

    def estimate(self) -> Estimate:
        """The mean of the leave-one-out estimates and its jackknife error; needs two probes."""
        Omega, Q, Z = self.probes[: self.num_probes], self.Q[: self.rank], self.Z[: self.rank]
        H, W, R = gram(Q, Z), gram(Q, Omega), gram(Z, Omega)  # QᵀAQ, QᵀΩ, QᵀAΩ in columns
        H = (H + H.T) / 2
        squares = _squared_norms(Omega)

        def of(probes: Tensor) -> Tensor:
            basis = torch.linalg.qr(R[:, probes])[0]  # within Q, of the range of A on these
            return self._estimates(
                basis.T @ H @ basis,
                basis.T @ W[:, probes],
                basis.T @ R[:, probes],
                squares[probes],
            )

        rounding = torch.finfo(self.A.dtype).eps * self.scale
        if self.rank < self.num_probes or self.rank == self.A.dim:
            # Q spans the range of A, but for what the breakdown test takes for rounding: of that
            # Frobenius norm, the trace may be √n times as large.
            error = BREAKDOWN_EPS * rounding * self.A.dim**0.5
            return Estimate(float(H.trace()), error, self.num_probes)
        return _jackknife(self._estimates(H, W, R, squares), of, rounding)

    def _estimates(self, H: Tensor, W: Tensor, R: Tensor, squares: Tensor) -> Tensor:
        """The leave-one-out estimates of k probes whose range has a basis of rank r, shape (k,).

        H, W and R are (r, r), (r, k) and (r, k); ``squares`` are the probes' squared norms.
        """
        rank, k = W.shape
        # Without probe i the range loses the direction s_i of Q ⟂ all other columns of R. Where the
        # probes outnumber the rank, the others span all of it.
        S = torch.zeros_like(W)
        if k == rank:
            S = torch.linalg.inv(R).T
            S /= vector_norm(S, dim=0)
        inside = W - S * (S * W).sum(0)
        form = (W * R).sum(0) - 2 * (inside * R).sum(0) + (inside * (H @ inside)).sum(0)
        outside = squares - (inside**2).sum(0)
        # The part of ω outside is uniform in direction; its length is noise, set to its mean.
        num_outside = self.A.dim - (k - 1 if k == rank else rank)
        negligible = outside <= 100 * torch.finfo(self.A.dtype).eps * squares
        form = torch.where(negligible, 0.0, form * num_outside / outside)
        return H.trace() - (S * (H @ S)).sum(0) + form


class XNysTraceSketch:
    """XNysTrace [1]_, section 2.2, for A ≥ 0, grown by probes of one product each.

    The most accurate of all where the spectrum decays.
    """

    def __init__(self, A: SelfAdjointOperator, max_probes: int, keep: Keep = afresh) -> None:
        self.A, self.keep = A, keep
        self.probes, self.products = torch.empty(
            2, max_probes, A.dim, dtype=A.dtype, device=A.device
        )
        self.num_probes = 0

    def add(self, count: int, rng: Generator) -> None:
        """``count`` probes and their products."""
        first = self.num_probes
        drawn = products(self.A, _drawn(self, count, rng), self.keep)
        for i, product in enumerate(drawn, start=first):
            self.products[i] = product

    def estimate(self) -> Estimate:
        """The mean of the leave-one-out estimates and its jackknife error; needs two probes.

        Raises
        ------
        ValueError
            When the sketch shows a negative direction, beyond rounding.
        """
        Omega, Y = self.probes[: self.num_probes], self.products[: self.num_probes]
        K, G = gram(Omega, Y), gram(Omega, Omega)
        K = (K + K.T) / 2  # Ωᵀ A Ω, and the Nyström approximation is Y K⁻¹ Yᵀ
        R = torch.linalg.qr(Y.T, mode="r")[1].to(device="cpu", dtype=torch.float64)

        whole, is_rank = self._estimates(K, R, G)

        def of(probes: Tensor) -> Tensor:
            parts = K[probes][:, probes], R[:, probes], G[probes][:, probes]
            return self._estimates(*parts, is_rank=is_rank)[0]

        rounding = torch.finfo(self.A.dtype).eps * float(vector_norm(R, dim=0).max())
        # Estimates of a rank that is reached share what rounding leaves of it, so that they agree
        # more closely than they are right.
        return _jackknife(whole, of, rounding, may_agree=not is_rank)

    def _estimates(
        self, K: Tensor, R: Tensor, G: Tensor, *, is_rank: bool = False
    ) -> tuple[Tensor, bool]:
        """Leave-one-out estimates of k probes, shape (k,): K = ΩᵀAΩ, RᵀR = YᵀY, G = ΩᵀΩ.

        And whether they have reached the rank of A, as ``is_rank`` may say beforehand.
        """
        k, n = len(K), self.A.dim
        values, U = torch.linalg.eigh(K)
        # What rounding of the products, in random directions, leaves in the k x k matrix.
        floor = 10 * torch.finfo(self.A.dtype).eps * float(values.abs().max()) * (k / n) ** 0.5
        if float(values[0]) < -100 * floor:
            raise ValueError(
                f"the operator is not positive semidefinite (a sketch of {k} vectors has a "
                "negative direction); use xtrace, which needs no sign."
            )
        seen = values > floor
        factor = U[:, seen] / values[seen].sqrt()  # K⁻¹ = F Fᵀ
        nystrom = (R @ factor).square().sum()
        if is_rank or not bool(seen.all()):
            # The other probes' approximation is that of all of them.
            return nystrom + K.diagonal() - (K @ factor).square().sum(1), True
        inverse = factor @ factor.T
        left_out = inverse.diagonal()
        lengths = (R @ inverse).square().sum(0) / left_out
        # What the others' approximation leaves, 1 / (K⁻¹)_ii, sees only the part of ω_i outside
        # their span, uniform in direction; its length is noise, set to its mean.
        normalise = (n - k + 1) * torch.linalg.inv(G).diagonal()
        return nystrom - lengths + normalise / left_out, False


def _jackknife(
    whole: Tensor, of: Callable[[Tensor], Tensor], rounding: float, *, may_agree: bool = True
) -> Estimate:
    """The mean of ``whole``, the leave-one-out estimates, with the jackknife's standard error.

    ``of(probes)`` are these estimates from fewer probes. They share all probes but one, so their
    spread says too little of the error of their mean. The jackknife makes the whole anew without
    each probe; its variance is on average at least that of an estimate from one probe fewer [2]_,
    so that intervals are rather too long, up to several times where the spectrum decays fast. Of
    many probes, blocks are left out.

    Where all estimates agree to some units of ``rounding``, what the others' approximation leaves
    looks the same from every probe: it is nothing, or a multiple of the identity. Then they are
    exact, though with one probe fewer they may not be. No error is below ``rounding``.
    """
    num_probes = len(whole)
    mean = float(whole.mean())
    if num_probes < 2:
        return Estimate(mean, None, num_probes)
    spread = float((whole - mean).abs().max())
    if may_agree and spread <= _AGREE * rounding:
        return Estimate(mean, max(spread, BREAKDOWN_EPS * rounding), num_probes, num_probes - 1)
    blocks = torch.arange(num_probes).tensor_split(min(num_probes, _MOST_BLOCKS))
    others = [torch.cat([*blocks[:i], *blocks[i + 1 :]]) for i in range(len(blocks))]
    without = torch.stack([of(probes).mean() for probes in others])
    squares = (without - without.mean()).square().sum()
    stderr = math.sqrt(float(squares) * (len(blocks) - 1) / len(blocks))
    return Estimate(mean, max(stderr, rounding), num_probes, len(blocks) - 1)


def _drawn(
    sketch: XTraceSketch | XNysTraceSketch, count: int, rng: Generator
) -> Iterator[tuple[str, Tensor]]:
    """The next ``count`` normal probes, which become the sketch's, each with its unit's name."""
    for _ in range(count):
        i = sketch.num_probes
        sketch.probes[i] = normal(sketch.A, rng)
        sketch.num_probes += 1
        yield f"probe {i}", sketch.probes[i]


def gram(X: Tensor, Y: Tensor) -> Tensor:
    """Inner products of rows, X Yᵀ, summed in float64 a block of columns at a time; on the CPU."""
    total = torch.zeros(len(X), len(Y), dtype=torch.float64, device=X.device)
    size = cached_columns(len(X) + len(Y))
    for x, y in zip(torch.split(X, size, dim=1), torch.split(Y, size, dim=1), strict=True):
        total += x.double() @ y.double().T
    return total.cpu()


def _squared_norms(rows: Tensor) -> Tensor:
    norms: Tensor = vector_norm(rows, dim=1, dtype=torch.float64)
    return norms.cpu() ** 2
