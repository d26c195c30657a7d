"""Settings of a fidelity test and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FidelitySettings:
    """Which operators are tested, along which directions, how far from θ."""

    operators: tuple[str, ...] | None = None  # None: all that the network has
    radii: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # relative to ‖θ‖
    num_top: int = 2  # of each operator
    num_bottom: int = 1
    num_random: int = 3
    num_filter: int = 1
    max_matvecs: int = 30  # an operator, for its eigenvectors
    fit_radius: float = 0.03  # exponent and cusp slope are fitted up to here
    smoothing_radius: float | None = 0.01  # None: leave the smoothed loss out
    num_pairs: int = 2  # of noise, for the smoothed loss
    slopes: tuple[float, ...] = ()  # factors on the surrogate's slope


SUMMARY = FidelitySettings(
    radii=(0.001, 0.003, 0.01, 0.03),
    num_top=1,
    num_bottom=0,
    num_random=2,
    num_filter=0,
    max_matvecs=12,
    smoothing_radius=None,
)
