"""Settings of a sharpness table and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass
from typing import NamedTuple

from landscape.catalog import MEASURES, SCALES_OF_WEIGHTS
from landscape.catalog.measures import SAMPLED
from landscape.settings import check_settings, setting


class RowsOf(NamedTuple):
    """The rows of one measure: one for each scale and radius, or of single layers."""

    name: str
    scales: tuple[str, ...]  # ("none",) where it comes at none
    radii: tuple[float | None, ...]  # (None,) where it has none
    is_scaled: bool
    of_layers: bool  # whose names are the network's


@dataclass(frozen=True, kw_only=True)
class SharpnessSettings:
    """What to measure, and how hard to look."""

    measures: tuple[str, ...] = setting(
        tuple(SAMPLED), choices=SAMPLED, help="Which, comma-separated."
    )
    scales: tuple[str, ...] = setting(
        ("none", "filter", "weight"),
        choices=SCALES_OF_WEIGHTS,
        help="Of perturbations. The scaled ones are blind to rescaled weights.",
    )
    radii: tuple[float, ...] = setting(
        (0.03, 0.1, 0.2, 0.3), help="Of noise, as fractions of the weights."
    )
    ball_radii: tuple[float, ...] = setting(
        (0.003, 0.01),
        help="Of worst-case and SAM's perturbations, as fractions of the weights.",
    )
    num_pairs: int = setting(10, minimum=2, help="Antithetic pairs of noise.")
    num_restarts: int = setting(2, minimum=1, help="Starts of the ascent to the worst case.")
    num_steps: int = setting(7, minimum=1, help="Steps of each ascent.")
    accuracy_drop: float = setting(
        0.05, above=0, below=1, help="What the tolerated noise may cost."
    )
    rise_share: float = setting(
        0.1,
        above=0,
        below=1,
        help="Radius of a rise: of so much, as a share of the loss with all weights zero.",
    )
    num_probes: int = setting(20, minimum=2, help="Of relative flatness.")
    num_layers: int = setting(2, minimum=1, help="Relative flatness of the last so many layers.")

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def rows(self) -> list[RowsOf]:
        """What a table will hold, measure by measure, before anything is measured."""
        radii = {"radius": self.radii, "ball_radius": self.ball_radii}
        return [
            RowsOf(
                kind.name,
                self.scales if "scale" in kind.rows_by else ("none",),
                next((radii[by] for by in kind.rows_by if by in radii), (None,)),
                is_scaled="scale" in kind.rows_by,
                of_layers="layer" in kind.rows_by,
            )
            for kind in MEASURES.values()
            if (kind.beside or kind.name) in self.measures
        ]
