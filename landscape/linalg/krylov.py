"""One Krylov run for everything: extreme eigenpairs, density, trace, Frobenius norm, negative mass.

Probe 1 runs with thick restarts until the wanted pairs V have converged. Probes 2 to p run in the
complement of V, ``num_steps`` each. Their Lanczos coefficients are quadratures of P A P with
P = I - VᵀV, so for every function f

    tr f(A) = Σ_{i in V} f(λ_i) + tr f(P A P)|_{V⊥}:

the dominant part exactly, and only the small rest by sampling. The same steps check that V misses
no copy of an eigenvalue; one that turns up is added to V, for the probes after it. Where the last
probe found one, further ones follow that only look, until one finds nothing.

What is unbiased. A probe z_p that is drawn after V_p was fixed is uniform in direction in the
complement of V_p, whatever V_p is, converged or not: its samples of the trace and of the density
of V_p and its complement are unbiased. Probe 1 is not independent of V: its V is made from it. For
a simple eigenvalue that does no harm (the eigenvector is the operator's, however it was found), but
of a multiple one it sees its own projection only, so that its remainder has no part in the other
copies. So probe 1 gives V and no samples; its matvecs are paid once, for V.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.linalg.blocks import block_traces
from landscape.linalg.eigen import (
    Eigenpairs,
    checked_basis_dtype,
    checked_max_basis,
    checked_max_steps,
    checked_wanted,
    choose_max_basis,
    verified_eigenpairs,
)
from landscape.linalg.estimate import estimate_mean
from landscape.linalg.grouped import INNER, GroupSums, Split, TopShares
from landscape.linalg.moments import degrees_of_freedom, form_covariance
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probe_record import ProbeRecord
from landscape.linalg.probes import sphere
from landscape.linalg.quadrature import GaussRule, gauss_rule
from landscape.linalg.restart import ON_DEVICE, Basis
from landscape.linalg.search import KrylovSearch, never
from landscape.linalg.sketch import gram
from landscape.linalg.units import Keep, afresh
from landscape.linalg.unseen import excludes_more
from landscape.values import Estimate

_LOOK_STEPS = 10  # fewer rarely see an eigenvalue that was missed


@dataclass(frozen=True, kw_only=True)
class SpectralRun:
    """All that one run says about the spectrum; every estimate with its error over probes."""

    eigenpairs: Eigenpairs
    rules: tuple[GaussRule, ...]  # the whole spectrum, one a probe: locked values weigh 1/n each
    trace: Estimate
    frobenius_squared: Estimate  # ||A||_F² = Σ λ²
    effective_rank: Estimate  # (tr A)² / ||A||_F²; for A ≥ 0 between 1 and the rank
    num_matvecs: int  # everything: search, probes, verification
    block_traces: tuple[Estimate, ...] = ()  # of the diagonal blocks that were asked for
    groups: "GroupShares | None" = None  # where the operator was given as a mean over groups


class GroupShares(NamedTuple):
    """What groups of examples had for shares in products that the run took in any case."""

    top: TopShares  # of the largest pairs
    # Of the whole space: shares of the pairs, and of each probe in their complement. None where no
    # probe was made, or each found a pair that was missed before.
    sums: GroupSums | None


def analyse_spectrum(
    A: SelfAdjointOperator,
    *,
    num_largest: int,
    num_smallest: int,
    tol: float,
    num_probes: int,
    num_steps: int,
    max_matvecs: int,
    rng: Generator,
    basis: Basis = ON_DEVICE,
    verify_matvecs: int | None = None,
    keep: Keep = afresh,
    split: Split | None = None,
    block_sizes: Sequence[int] = (),
) -> SpectralRun:
    """Analyse the spectrum of ``A`` by one Krylov run (see the module's text).

    Parameters
    ----------
    num_probes
        Independent samples, after the first start vector; 2 at least, for a standard error.
    num_steps
        Lanczos steps a probe, the resolution of the density.
    max_matvecs
        Hard limit on everything together. The probes are kept back from it first, so that a hard
        eigenproblem leaves pairs unconverged (marked), and never the density without probes.
    basis
        How the Lanczos vectors are kept. The density and the trace keep A's precision.
    verify_matvecs, keep
        As in ``extreme_eigenpairs``.
    split
        A once more, as a mean over groups of examples: the products of the verification, and the
        first one of each probe, are then made group by group, for :class:`GroupShares`.
    block_sizes
        Of consecutive diagonal blocks whose traces are wanted, which takes no further product.
    """
    wanted = checked_wanted(num_largest, num_smallest, tol, verify_matvecs)
    if num_probes < 2 or num_steps < 2:
        raise ValueError(
            "num_probes and num_steps must be at least 2, for a standard error and ||A||_F; "
            f"got {num_probes} and {num_steps}."
        )
    dtype = checked_basis_dtype(A, basis.dtype, tol)
    num_steps = min(num_steps, A.dim)
    probe_matvecs = num_probes * num_steps
    # A product for each dimension tells everything: no more than a pair each and the probes take.
    all_steps = wanted.num_pairs + probe_matvecs
    num_spare = max(num_steps, A.dim - wanted.num_pairs) if A.dim <= all_steps else num_steps
    rows = basis.max_rows or choose_max_basis(A.dim, wanted.num_pairs, dtype, num_spare=num_spare)
    max_basis = checked_max_basis(A, wanted, rows, num_spare=num_steps)
    # Many pairs are verified together, the largest singly too where products are split.
    num_single = split.num_top if split is not None and verify_matvecs is not None else 0
    kept_back = probe_matvecs + num_single
    search_steps = checked_max_steps(A, wanted, max_matvecs - kept_back, verify_matvecs)
    max_steps = search_steps + probe_matvecs
    search = KrylovSearch(
        A,
        wanted,
        max_basis=max_basis,
        max_steps=max_steps,
        basis_dtype=dtype,
        rng=rng,
        keep=keep,
        allocate=basis.allocate,
        whole=A.dim <= min(all_steps, max_basis, max_steps),
        split=split,
        block_sizes=block_sizes,
    )
    step_limit = search.step_limit
    look_steps = max(num_steps, _LOOK_STEPS)

    while search.in_probe or not (search.verified or search.all_values is not None):
        num_done = len(search.records) - search.in_probe
        # A probe that finds a new copy, and drives it home, may not use up the others' steps.
        num_left = 0 if search.whole and num_done == 0 else max(0, num_probes - num_done)
        search.step_limit = step_limit - num_left * num_steps
        # Where A has few distinct eigenvalues, the probes alone do not yield a pair each.
        is_short = search.num_locked < wanted.num_pairs and not search.out_of_budget
        # Where the last probe found a further copy of an eigenvalue, there may be more of them.
        last = search.records[num_done - 1] if num_done > num_probes else None
        is_unsure = last is not None and (last.found_new or last.weak)
        may_look = search.in_probe or (is_unsure and not search.out_of_budget)
        if not (num_done <= num_probes or is_short or may_look):
            break
        is_search = num_done == 0 or (num_done > num_probes and is_short)
        search.run_probe(
            lambda: sphere(A, rng),
            min_steps=1 if is_search else num_steps if last is None else look_steps,
            is_enough=never if last is None else partial(excludes_more, search=search),
            look_steps=look_steps,
            splits=1 <= num_done <= num_probes,
        )
    search.step_limit = step_limit
    pairs = verified_eigenpairs(search, verify_matvecs)
    return _summarise(A, search, num_probes, pairs)


def _summarise(
    A: SelfAdjointOperator, search: KrylovSearch, num_probes: int, pairs: Eigenpairs
) -> SpectralRun:
    n = A.dim
    exact = search.all_values is not None
    samples = [r for r in search.records[1 : num_probes + 1] if r.alphas]
    if search.all_values is not None:
        rules = [GaussRule(search.all_values, torch.full((n,), 1 / n, dtype=torch.float64))]
    else:
        rules = [_whole_rule(r, n) for r in samples]

    def estimate(samples: list[float]) -> Estimate:
        if exact:
            return Estimate(samples[0], 0.0, 0)
        return estimate_mean(torch.tensor(samples, dtype=torch.float64))

    traces = [n * float(rule.weights @ rule.nodes) for rule in rules]
    squares = [n * float(rule.weights @ rule.nodes**2) for rule in rules]
    covariance = form_covariance([] if exact else samples, n)
    trace, frobenius = (
        replace(
            estimate(values),
            stderr=float(covariance[i, i].clamp(min=0).sqrt()),
            dof=None if exact else degrees_of_freedom(samples, n, 2 * i + 2),
        )
        for i, values in enumerate((traces, squares))
    )
    return SpectralRun(
        eigenpairs=pairs,
        rules=tuple(rules),
        trace=trace,
        frobenius_squared=frobenius,
        effective_rank=_effective_rank(trace, frobenius, covariance),
        num_matvecs=search.num_matvecs,
        groups=_group_shares(search, num_probes),
        block_traces=block_traces([r.blocks for r in (search.records[-1:] if exact else samples)]),
    )


def _group_shares(search: KrylovSearch, num_probes: int) -> GroupShares | None:
    if search.split is None:
        return None
    space, tables = search.space, search.verified_shares
    top = min(search.split.num_top, space.size)
    forms = [table[:, :INNER] for table in tables]
    # Each pair's own product; or, of many pairs, random combinations of all.
    singly = len(tables) == space.size
    of_pairs = torch.stack(forms).sum(0) if singly else torch.stack(forms[top:]).mean(0)
    num_rest = space.dim - space.size
    # A probe before one that found a missed pair lies in the complement of other pairs.
    last_found = max((i for i, r in enumerate(search.records) if r.found_new), default=0)
    probes = [
        r.shares for r in search.records[last_found + 1 : num_probes + 1] if r.shares is not None
    ]
    sums = None
    if num_rest == 0:
        sums = GroupSums.of(of_pairs)
    elif probes:
        sums = GroupSums.of(of_pairs + num_rest * torch.stack(probes).mean(0))
    return GroupShares(top=TopShares.of(tables[:top]), sums=sums)


def _whole_rule(record: ProbeRecord, dim: int) -> GaussRule:
    """Gauss rule of the complement, with the locked values as atoms of weight 1/n."""
    rest = gauss_rule(record.tridiagonal())
    num_locked = len(record.locked)
    atoms = torch.full((num_locked,), 1 / dim, dtype=torch.float64)
    nodes = torch.cat([record.locked, rest.nodes])
    weights = torch.cat([atoms, (dim - num_locked) / dim * rest.weights])
    order = nodes.argsort()
    return GaussRule(nodes[order], weights[order])


def _effective_rank(trace: Estimate, frobenius: Estimate, covariance: Tensor) -> Estimate:
    """(tr A)² / ||A||_F², its error to first order in those of the two, which share probes."""
    if frobenius.mean == 0:
        return Estimate(0.0, 0.0, trace.num_probes)
    ratio = trace.mean / frobenius.mean
    slope = torch.tensor([2 * ratio, -(ratio**2)], dtype=torch.float64)
    variance = (slope @ covariance @ slope).clamp(min=0)
    dof = frobenius.dof  # the fewer: squares have fewer eigenvalues that count
    return Estimate(trace.mean * ratio, float(variance.sqrt()), trace.num_probes, dof)


def subspace_overlap(V: Tensor, W: Tensor) -> float:
    """Overlap of two subspaces given by orthonormal rows: ||V Wᵀ||_F² / min(k, l).

    1 where one lies in the other, max(k, l) / n on average for unrelated ones. The subspaces of two
    operators compare only in the same coordinates: same parameters, in the same order.
    """
    if V.ndim != 2 or W.ndim != 2 or V.shape[1] != W.shape[1] or min(len(V), len(W)) == 0:
        raise ValueError(
            "V and W must hold orthonormal rows of one length; "
            f"got shapes {tuple(V.shape)} and {tuple(W.shape)}."
        )
    return float(gram(V, W).square().sum()) / min(len(V), len(W))
