"""What a start vector of a Krylov search leaves: its Lanczos coefficients, kept for later."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from landscape.linalg.lanczos import Tridiagonal
from landscape.linalg.units import State


@dataclass
class ProbeRecord:
    """What one start vector left: T of its unrestarted steps, and what was locked before it."""

    locked: Tensor  # Ritz values of the rows it was made orthogonal to, shape (k,), ascending
    alphas: list[float] = field(default_factory=list)
    betas: list[float] = field(default_factory=list)
    # Steps after a restart, or from a further start, are no longer tridiagonal, and not recorded.
    restarted: bool = False
    found_new: bool = True  # whether it changed the set of wanted pairs
    weak: bool = False  # whether it had too few steps to see what may have been missed
    # Of the product with its start vector, the groups' shares (linalg.grouped); None: not split.
    shares: Tensor | None = None
    # Of diagonal blocks, where their traces are wanted: see ``landscape.linalg.blocks``.
    blocks: Tensor = field(default_factory=lambda: torch.empty(2, 0, dtype=torch.float64))

    def tridiagonal(self) -> Tridiagonal:
        alphas = torch.tensor(self.alphas, dtype=torch.float64)
        return Tridiagonal(
            alphas.new_empty(0, 0), alphas, torch.tensor(self.betas, dtype=torch.float64)
        )

    def state(self) -> dict[str, Tensor | int | float]:
        """What it takes to go on with it; tensors are views."""
        found: dict[str, Tensor | int | float] = {
            "locked": self.locked,
            "alphas": torch.tensor(self.alphas, dtype=torch.float64),
            "betas": torch.tensor(self.betas, dtype=torch.float64),
            "restarted": int(self.restarted),
            "found_new": int(self.found_new),
            "weak": int(self.weak),
            "blocks": self.blocks,
        }
        return found if self.shares is None else {**found, "shares": self.shares}

    @classmethod
    def of(cls, state: State) -> "ProbeRecord":
        """From what :meth:`state` gave."""
        return cls(
            locked=tensor_in(state, "locked"),
            alphas=tensor_in(state, "alphas").tolist(),
            betas=tensor_in(state, "betas").tolist(),
            restarted=bool(state["restarted"]),
            found_new=bool(state["found_new"]),
            weak=bool(state.get("weak", 0)),
            shares=tensor_in(state, "shares") if "shares" in state else None,
            blocks=tensor_in({"blocks": torch.empty(2, 0), **state}, "blocks").double(),
        )


def tensor_in(state: State, name: str) -> Tensor:
    """A copy of a tensor of a state."""
    value = state[name]
    assert isinstance(value, Tensor)
    return value.clone()
