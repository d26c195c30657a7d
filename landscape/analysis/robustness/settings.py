"""Settings of a test of robustness and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass

from landscape.catalog.words import MOST_EXAMPLES
from landscape.settings import check_settings, setting


@dataclass(frozen=True, kw_only=True)
class RobustnessSettings:
    """What is disturbed, how far, on how many examples."""

    radii: tuple[float, ...] = setting(
        (0.05, 0.1, 0.2), help="Of noise on the weights, as fractions of their filters' norms."
    )
    num_pairs: int = setting(5, minimum=2, help="Antithetic pairs of that noise.")
    bits: tuple[int, ...] = setting((8, 4, 3), help="That weights are rounded to.")
    input_noise: float = setting(
        0.1, above=0, help="Noise on the inputs, as a fraction of their standard deviation."
    )
    shift: int = setting(2, minimum=1, help="Pixels that images are moved by, to all four sides.")
    contrast: float = setting(
        0.5, above=0, below=1, help="What is left of the difference of pixels from their mean."
    )
    part: int | None = setting(
        MOST_EXAMPLES, none=0, help="So many of the network's own examples at least; 0: all."
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def num_passes(self) -> int:
        """Passes over the examples of a split, at most."""
        return 1 + 2 * self.num_pairs * len(self.radii) + len(self.bits) + 1 + 4 + 1
