"""Settings of a fidelity test and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass

from landscape.catalog import OPERATORS
from landscape.settings import setting


@dataclass(frozen=True, kw_only=True)
class FidelitySettings:
    """Which operators are tested, along which directions, how far from θ."""

    operators: tuple[str, ...] | None = setting(  # None: all that the network has
        None, choices=OPERATORS, none=(), help="[default: all but fisher]"
    )
    radii: tuple[float, ...] = setting(
        (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        help="Distances, as fractions of the weights' norm.",
    )
    num_top: int = setting(2, minimum=1, help="Top eigenvectors of each operator.")
    num_bottom: int = setting(
        1,
        minimum=0,
        help="Bottom eigenvectors of operators that are not positive semidefinite.",
    )
    num_random: int = setting(3, minimum=0, help="Isotropic random directions.")
    num_filter: int = setting(1, minimum=0, help="Filter-normalised random directions.")
    max_matvecs: int = setting(30, minimum=2, help="Matvecs for the eigenvectors of each operator.")
    fit_radius: float = setting(0.03, help="Exponent and cusp slope are fitted up to here.")
    smoothing_radius: float | None = setting(
        0.01,
        none=0,
        help="Noise of the smoothed loss, as a fraction of the weights; 0 leaves it out.",
    )
    num_pairs: int = setting(2, minimum=2, help="Antithetic pairs of that noise.")
    slopes: tuple[float, ...] = setting(
        (), help="Multiply the surrogate's slope by each, e.g. 0.5,1,2,4,8."
    )


SUMMARY = FidelitySettings(
    radii=(0.001, 0.003, 0.01, 0.03),
    num_top=1,
    num_bottom=0,
    num_random=2,
    num_filter=0,
    max_matvecs=12,
    smoothing_radius=None,
)
