"""Settings of a comparison, declared before looking; without torch, so that --help is quick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.measures import COMPARED
from landscape.catalog.scales import BEARING
from landscape.catalog.words import SPLITS
from landscape.settings import setting
from landscape.values import Levels

Match = Literal["epoch", "loss", "none"]


@dataclass(frozen=True, kw_only=True)
class DecisionSettings(Levels):
    """What a verdict rests on; see ``landscape.statistics.verdict``."""

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
        The measure that decides; None: λ_max, at the first scale of filter, weight, symmetry and
        none at which the networks' certificates show it to be invariant; without certificates, at
        the first that was measured.
    measures
        Names or globs, which are one family of tests; None: the default ones, of which the primary
        one is tested first.
    all_required
        Whether a pair of groups that lacks a measure is refused; else only one that lacks the
        primary one is.
    """

    baseline: str | None = setting(None, help="The group that the others are compared with.")
    groups: Mapping[str, Sequence[str]] | None = None
    primary: str | None = setting(
        None,
        metavar="MEASURE",
        help="The measure that decides.  [default: lambda_max, at the first scale of "
        f"{', '.join(BEARING)} that is certified as invariant, else that was measured]",
    )
    measures: tuple[str, ...] | None = setting(
        None,
        choices=COMPARED,
        patterns=True,
        help="Compare these, or what fits a glob; '*' is all. Every further one raises the "
        "corrected p-values.  [default, and where the first does not pay for the others: "
        f"{', '.join(kind.title for kind in COMPARED.values() if kind.compared_at)}]",
    )
    all_required: bool = False
    match: Match = setting(
        "epoch",
        help="How checkpoints of a run are chosen: the last shared epoch, or those nearest in "
        "loss.",
    )
    split: str = setting(TargetSettings.split, choices=SPLITS)
    allow_mismatch: bool = setting(False, help="Compare what was not measured alike, with a mark.")
    command: str = ""
