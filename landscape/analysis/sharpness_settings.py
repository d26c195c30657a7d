"""Settings of a sharpness table and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass, field

from landscape.catalog import MEASURES


def measured() -> tuple[str, ...]:
    """The measures that are taken for their own sake, and not read off other results."""
    return tuple(kind.name for kind in MEASURES.values() if kind.rows)


@dataclass(frozen=True, kw_only=True)
class SharpnessSettings:
    """What to measure, and how hard to look."""

    measures: tuple[str, ...] = field(default_factory=measured)
    scales: tuple[str, ...] = ("none", "filter", "weight")
    radii: tuple[float, ...] = (0.01, 0.03, 0.1)  # of noise, relative to the weights
    ball_radii: tuple[float, ...] = (0.003, 0.01)  # of worst-case and SAM
    num_pairs: int = 10  # antithetic pairs of noise
    num_restarts: int = 2
    num_steps: int = 7  # of each ascent
    accuracy_drop: float = 0.05  # that the noise may cost
    num_probes: int = 20  # of relative flatness
    num_layers: int = 2  # the last so many, for relative flatness
