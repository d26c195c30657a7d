"""One Krylov search: extreme eigenpairs by thick restarts, from one random start vector or several.

Each start vector is a probe. The first one runs until the wanted pairs have converged. Those are
then locked, and every later probe runs in their complement, where it serves two ends: its Lanczos
coefficients are a quadrature of the rest of the spectrum, and it shows what the first probe could
not see, since a Krylov space holds one copy of each eigenvalue, whatever its multiplicity.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from landscape.linalg.blocks import exact_blocks, sample_blocks
from landscape.linalg.grouped import Split
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probe_record import ProbeRecord, tensor_in
from landscape.linalg.restart import Allocate, KrylovSpace
from landscape.linalg.rows import orthogonality_loss
from landscape.linalg.units import Keep, State


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which pairs are looked for and how well: ||A v - θ v|| ≤ ``tol`` ||A||."""

    num_largest: int
    num_smallest: int
    tol: float
    # Ritz pairs are driven to this share of ``tol``, so that what fresh products show, which have
    # their own rounding, still meets it.
    safety: float = 0.5

    @property
    def num_pairs(self) -> int:
        return self.num_largest + self.num_smallest

    def indices(self, size: int) -> Tensor:
        """Of the wanted among ``size`` ascending values: from the largest down, none twice."""
        if size <= self.num_pairs:
            return torch.arange(size).flip(0)
        high = torch.arange(size - self.num_largest, size)
        return torch.cat([torch.arange(self.num_smallest), high]).flip(0)

    def indices_with_spare(self, size: int, num_kept: int) -> Tensor:
        """The wanted and the next ones inwards, ``num_kept`` in all, in the ends' proportion."""
        spare_high = round((num_kept - self.num_pairs) * self.num_largest / self.num_pairs)
        num_high = self.num_largest + spare_high
        low = torch.arange(num_kept - num_high)
        return torch.cat([low, torch.arange(size - num_high, size)])


def never(record: ProbeRecord) -> bool:
    """No number of steps is enough but the one asked for."""
    return False


class KrylovSearch:
    """The state of a search: ``run_probe`` advances it, ``verify.verify`` ends it.

    It goes on from what ``keep`` has, and hands its state over after each product.
    """

    def __init__(
        self,
        A: SelfAdjointOperator,
        wanted: Wanted,
        *,
        max_basis: int,
        max_steps: int,
        basis_dtype: torch.dtype,
        rng: Generator,
        keep: Keep,
        allocate: Allocate | None = None,
        whole: bool = False,
        split: Split | None = None,
        block_sizes: Sequence[int] = (),
    ) -> None:
        self.A, self.wanted, self.rng, self.keep = A, wanted, rng, keep
        self.split = split  # A once more, for products that are made group by group
        self.block_sizes = block_sizes
        self.space = KrylovSpace(A, max_basis, basis_dtype, allocate)
        # The first probe goes on until its rows span R^n: everything is known. Rounded rows never
        # quite do: of the last ones, rounding is the larger part.
        self.whole = whole and not self.space.is_coarse
        self.step_limit = max_steps
        self.num_matvecs = 0
        self.num_restarts = 0
        self.records: list[ProbeRecord] = []
        self.in_probe = False
        self.distance = math.inf  # largest wanted residual at the last look, over its goal
        self.orthogonality_loss = 0.0  # the largest ‖QQᵀ - I‖₂ at the end of a probe
        self.verified: list[float] = []
        self.verified_shares: list[Tensor] = []  # of these products, where they were split
        # All n eigenvalues, ascending, once the rows have spanned R^n.
        self.all_values: Tensor | None = None
        if (state := keep.load()) is not None:
            self._load(state)

    @property
    def out_of_budget(self) -> bool:
        return self.num_matvecs >= self.step_limit

    @property
    def num_locked(self) -> int:
        """Pairs that were locked before the probe at work, or until now where there is none."""
        return len(self.records[-1].locked) if self.in_probe else self.space.size

    def run_probe(
        self,
        draw: Callable[[], Tensor],
        min_steps: int,
        is_enough: Callable[[ProbeRecord], bool] = never,
        look_steps: int = 1,
        splits: bool = False,
    ) -> None:
        """Lanczos from a new start vector until the wanted pairs have converged.

        Takes at least ``min_steps`` steps, unless ``is_enough`` finds fewer to do, the Krylov space
        is exhausted, or the limit of matvecs is met. ``look_steps`` make it a look for missed
        eigenvalues. With ``splits`` the first product is made group by group, if any is.
        """
        if not self.in_probe:
            record = ProbeRecord(locked=self.space.ritz().values)
            # Rounding alone can make a draw fall into the span of the rows: then there is no rest.
            if not self.space.begin(draw()):
                return
            self.records.append(record)
            self.in_probe = True
        record = self.records[-1]
        record.weak = True
        while not self.out_of_budget:
            if self.space.is_full:
                self._restart()
                record.restarted = True
                self._report()  # the rows have changed: a product that fails loses nothing
            product = None
            if splits and self.split is not None and not record.alphas and not record.restarted:
                start = self.space.row(self.space.size)
                product, record.shares = self.split.operator.product(start)
            alpha, beta = self.space.step(self.A, product)
            self.num_matvecs += 1
            if not record.restarted:
                record.alphas.append(alpha)
                record.betas.append(beta)
            steps = len(record.alphas)
            if steps == 1 and self.block_sizes and len(self.records) > 1:
                record.blocks = sample_blocks(
                    self.space, len(record.locked), alpha, beta, self.block_sizes
                )
            if beta == 0 and not (self._is_whole and self.space.begin(draw())):
                record.weak = False
                break
            record.restarted |= beta == 0
            may_stop = record.restarted or steps >= min_steps or is_enough(record)
            record.weak = not (record.restarted or steps >= look_steps or is_enough(record))
            if not self._is_whole and may_stop and self._has_converged(now=steps <= min_steps):
                break
            self._report()
        self._close(record)
        self._report()

    @property
    def _is_whole(self) -> bool:
        return self.whole and len(self.records) == 1

    def note_verified(self, residual: float, shares: Tensor | None) -> None:
        """Count a product of the verification and keep what it showed."""
        self.num_matvecs += 1
        self.verified.append(residual)
        self.verified_shares += [] if shares is None else [shares]
        self._report()

    def _has_converged(self, now: bool) -> bool:
        size = self.space.size
        # Solving the small eigenproblem costs as much as a cheap matvec: rarely until near the end.
        look = now or self.distance < 1e3 or size % (1 + size // 32) == 0
        if size < self.wanted.num_pairs or not look:
            return False
        ritz = self.space.ritz()
        goal = self.wanted.safety * self.wanted.tol * self.space.norm
        residuals = ritz.residuals[self.wanted.indices(size)]
        worst = float(residuals.max())
        self.distance = worst / goal if goal > 0 else 0.0
        return worst <= goal

    def _restart(self) -> None:
        # Keeping half of the spare rows loses least of what the Krylov space has gathered.
        num_spare = self.space.max_basis - self.wanted.num_pairs
        num_kept = self.space.max_basis - max(1, num_spare - num_spare // 2)
        ritz = self.space.ritz()
        self.space.compress(ritz, self.wanted.indices_with_spare(self.space.size, num_kept))
        self.num_restarts += 1

    def _close(self, record: ProbeRecord) -> None:
        """Lock the wanted pairs, and note whether they are others than before."""
        loss = orthogonality_loss(self.space.basis[: self.space.size])
        self.orthogonality_loss = max(self.orthogonality_loss, loss)
        ritz = self.space.ritz()
        keep = self.wanted.indices(self.space.size)
        before, after = record.locked, ritz.values[keep.flip(0)]
        if self.space.size == self.space.dim:
            self.all_values = ritz.values
            if self.block_sizes:
                record.blocks = exact_blocks(self.space, self.block_sizes)
        slack = self.wanted.tol * self.space.norm
        record.found_new = len(before) < len(after) or bool(((after - before).abs() > slack).any())
        self.space.compress(ritz, keep)
        self.in_probe, self.distance = False, math.inf

    def _report(self) -> None:
        self.keep.save(self._state())

    def _state(self) -> State:
        """A flat dict of tensors and numbers; tensors are views."""
        state = self.space.state()
        state |= {
            "num_matvecs": self.num_matvecs,
            "num_restarts": self.num_restarts,
            "in_probe": int(self.in_probe),
            "distance": self.distance,
            "orthogonality_loss": self.orthogonality_loss,
            "rng_state": self.rng.get_state(),
            "verified": torch.tensor(self.verified, dtype=torch.float64),
            "num_probes": len(self.records),
            "all_values": torch.empty(0) if self.all_values is None else self.all_values,
            **self._settings(),
        }
        for i, record in enumerate(self.records):
            state |= {f"probe_{i}.{name}": value for name, value in record.state().items()}
        state |= {f"shares_{i}": table for i, table in enumerate(self.verified_shares)}
        return state

    def _load(self, state: State) -> None:
        """Continue from ``state``, with the settings it was begun with (the limit may differ)."""
        for name, now in self._settings().items():
            if state[name] != now:
                raise ValueError(
                    f"state was begun with {name} = {state[name]}, this run has {now}; "
                    "continue with the same settings, or begin without a state."
                )
        self.space.load(state)
        self.num_matvecs = int(state["num_matvecs"])
        self.num_restarts = int(state["num_restarts"])
        self.in_probe = bool(state["in_probe"])
        self.distance = float(state["distance"])
        self.orthogonality_loss = float(state["orthogonality_loss"])
        self.rng.set_state(tensor_in(state, "rng_state"))
        self.verified = tensor_in(state, "verified").tolist()
        if self.split is not None:
            self.verified_shares = [
                tensor_in(state, f"shares_{i}") for i in range(len(self.verified))
            ]
        values = tensor_in(state, "all_values")
        self.all_values = values if len(values) else None
        self.records = [
            ProbeRecord.of(
                {
                    name.removeprefix(f"probe_{i}."): value
                    for name, value in state.items()
                    if name.startswith(f"probe_{i}.")
                }
            )
            for i in range(int(state["num_probes"]))
        ]

    def _settings(self) -> dict[str, int | float]:
        return {
            "dim": self.space.dim,
            "max_basis": self.space.max_basis,
            "num_largest": self.wanted.num_largest,
            "num_smallest": self.wanted.num_smallest,
            "tol": self.wanted.tol,
            "safety": self.wanted.safety,
        }
