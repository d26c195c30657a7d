"""Settings of spectra and traces, and their defaults; without torch, so that --help is quick."""

from dataclasses import dataclass
from typing import Literal

from landscape.catalog import OPERATORS, SCALES
from landscape.catalog.words import BASIS_DTYPES
from landscape.settings import check_settings, setting

# Other settings have these fields too.
PARAMS_HELP = "Vary these parameters only: globs of their names, comma-separated; !GLOB excludes."
WEIGHT_DECAY_HELP = "Adds WD times the identity to A; with a scale, S (A + WD I) S."


@dataclass(frozen=True, kw_only=True)
class OperatorSettings:
    """Which operator: its name, the parameters it acts on, its scale and weight decay."""

    operator: str = setting("hessian", choices=OPERATORS)
    params: str = setting("*", help=PARAMS_HELP)
    scale: str = setting(
        "none",
        choices=SCALES,
        help="The spectrum of S'AS, blind to rescaled weights; symmetry: in attention too.",
    )
    weight_decay: float = setting(0.0, metavar="WD", help=WEIGHT_DECAY_HELP)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class SpectrumSettings(OperatorSettings):
    """Which operator, and how much of its spectrum to what accuracy."""

    num_largest: int
    num_smallest: int
    num_probes: int
    num_steps: int
    num_shards: int = setting(
        0,
        "--shards",
        minimum=0,
        help="Repeat on this many disjoint parts of the examples, for the data's error.",
    )
    basis_dtype: str | None = setting(
        None,
        choices=BASIS_DTYPES,
        help="Of the Lanczos vectors kept; bfloat16 halves their memory and needs --tol 0.004 or "
        "more. By default that of --dtype.",
    )
    tol: float = setting(
        1e-4, above=0, below=1, help="True residual of an eigenpair, relative to ‖A‖."
    )
    max_matvecs: int = setting(
        5_000,
        minimum=1,
        help="Where the search for eigenpairs ends; two a pair and the probes are always run.",
    )


@dataclass(frozen=True, kw_only=True)
class EigenvalueSettings(SpectrumSettings):
    """A spectrum of which the two ends are asked for."""

    num_largest: int = setting(
        10,
        "--top",
        minimum=1,
        help="How many of the largest; all, where that is more than there are.",
    )
    num_smallest: int = setting(5, "--bottom", minimum=0, help="How many of the smallest.")
    num_probes: int = 2
    num_steps: int = 10


@dataclass(frozen=True, kw_only=True)
class DensitySettings(SpectrumSettings):
    """A spectrum of which the density is asked for.

    The defaults are a first answer: with the search for pairs some 130 products, of which 16 probes
    of 100 steps, as a report's ``thorough`` has, take more than ten times as many.
    """

    num_probes: int = setting(
        4, "--probes", minimum=2, help="Random vectors; the error band is over them."
    )
    num_steps: int = setting(
        25, "--steps", minimum=1, help="Lanczos steps a probe: the resolution."
    )
    num_largest: int = setting(
        5,
        "--top",
        minimum=1,
        help="Eigenpairs at the upper end that are computed and taken out exactly.",
    )
    num_smallest: int = 0


@dataclass(frozen=True, kw_only=True)
class TraceSettings(OperatorSettings):
    """Which operator, and what the estimate may cost."""

    method: Literal["auto", "hutchinson", "hutch++", "xtrace", "xnystrace"] = setting(
        "auto", help="auto: the one that promises least error."
    )
    num_matvecs: int = setting(60, "--max-matvecs", minimum=12, help="At most so many.")
    rel_error: float | None = setting(
        None, above=0, help="Stop once the standard error is this share of the trace."
    )
