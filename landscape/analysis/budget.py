"""How much an analysis may cost: three named budgets, each number with its one home here."""

from dataclasses import dataclass
from typing import Literal

BudgetName = Literal["quick", "standard", "thorough"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a budget buys.

    Attributes
    ----------
    num_largest, num_smallest
        Eigenpairs at the two ends.
    tol
        Their true residuals relative to ‖A‖.
    num_probes, num_steps
        Probes of the quadrature, and Lanczos steps of each.
    max_matvecs
        Hard limit of one spectrum.
    num_examples
        Of the examples drawn where the command does not say how many.
    line_points, plane_points
        Grid points a side.
    num_directions
        Random directions of the 1-D surface.
    num_noise
        Draws of noise for expected sharpness, each used with both signs.
    """

    num_largest: int
    num_smallest: int
    tol: float
    num_probes: int
    num_steps: int
    max_matvecs: int
    num_examples: int
    line_points: int
    plane_points: int
    num_directions: int
    num_noise: int


BUDGETS: dict[str, Budget] = {
    "quick": Budget(
        num_largest=5,
        num_smallest=3,
        tol=1e-3,
        num_probes=4,
        num_steps=30,
        max_matvecs=400,
        num_examples=250,
        line_points=41,
        plane_points=15,
        num_directions=3,
        num_noise=20,
    ),
    "standard": Budget(
        num_largest=10,
        num_smallest=10,
        tol=1e-4,
        num_probes=8,
        num_steps=60,
        max_matvecs=2_000,
        num_examples=1_000,
        line_points=51,
        plane_points=25,
        num_directions=5,
        num_noise=50,
    ),
    "thorough": Budget(
        num_largest=50,
        num_smallest=50,
        tol=1e-5,
        num_probes=16,
        num_steps=100,
        max_matvecs=10_000,
        num_examples=5_000,
        line_points=101,
        plane_points=51,
        num_directions=10,
        num_noise=200,
    ),
}
