"""Settings of a comparison, declared before looking; without torch, so that --help is quick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import SPLITS
from landscape.settings import setting

Match = Literal["epoch", "loss", "none"]


@dataclass(frozen=True, kw_only=True)
class DecisionSettings:
    """What a verdict rests on; see ``landscape.statistics.verdict``."""

    bounds: tuple[float, float] = setting((0.8, 1.25), help="Ratios that count as no difference.")
    alpha: float = setting(0.05, help="Chance of any false claim that is allowed.")
    power: float = setting(0.8, help="At which detectable ratios and the runs needed are stated.")
    num_resamples: int = setting(
        10_000,
        "--resamples",
        minimum=1,
        help="Of the bootstrap, and of permutations too many to enumerate.",
    )
    seed: int = setting(0, minimum=0)  # of the bootstrap


@dataclass(frozen=True, kw_only=True)
class CompareSettings(DecisionSettings):
    """What is compared with what.

    Attributes
    ----------
    baseline
        A group's name, or the start of one.
    groups
        For each group the globs of its checkpoints' paths, names or labels; None: by sidecar.
    primary
        The measure that decides; None: λ_max, that of S A S with filter scale where measured.
    measures
        Names or globs; None: the default ones.
    """

    baseline: str | None = setting(None, help="The group that the others are compared with.")
    groups: Mapping[str, Sequence[str]] | None = None
    primary: str | None = setting(
        None,
        metavar="MEASURE",
        help="The measure that decides. [default: lambda_max[filter] where measured, else "
        "lambda_max]",
    )
    measures: tuple[str, ...] | None = setting(
        None,
        metavar="GLOB,...",
        help="Compare these; '*' is all. Every further one raises the corrected p-values. "
        "[default: λ_max, mean curvature, expected and worst rise, cusp slope]",
    )
    match: Match = setting(
        "epoch",
        help="How checkpoints of a run are chosen: the last shared epoch, or those nearest in "
        "loss.",
    )
    split: str = setting(TargetSettings.split, choices=SPLITS)
    allow_mismatch: bool = setting(False, help="Compare what was not measured alike, with a mark.")
    command: str = ""
