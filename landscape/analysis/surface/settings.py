"""Settings of the points of a surface; without torch, so that --help is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landscape.settings import setting

if TYPE_CHECKING:
    from landscape.objective.objective import Objective


@dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """How the points of a surface are measured, and what is computed beside them."""

    operator: str | None = None  # whose quadratic prediction goes with it; None: none
    halvings: int = setting(  # see landscape.surface.grid.refine
        0, "--refine", minimum=0, help="Halve the steps beside the minimum so many times."
    )
    threshold: float = setting(
        0.1,
        help="The rise of the loss whose radius and area are given, in units of the loss.",
    )
    recalibrate: bool = False  # batch norm's running statistics anew at each point
    # Further values at each point, from the same forward pass.
    metrics: "tuple[Objective, ...]" = ()
    store: Path | None = None  # file of points to continue; None: keep them in memory
    merged: tuple[Path, ...] = ()  # files of points to copy into it first
    only_merge: bool = False  # refuse to measure what the merged files lack
