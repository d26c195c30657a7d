"""Settings that all analyses of a report share; without torch, so that --help is quick."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from landscape.analysis.budget import BUDGETS, STANDARD, Budget
from landscape.analysis.spectrum.settings import (
    PARAMS_HELP,
    WEIGHT_DECAY_HELP,
    OperatorSettings,
    SpectrumSettings,
)
from landscape.catalog import OPERATORS
from landscape.settings import check_settings, setting

if TYPE_CHECKING:
    from landscape.store.folder import ReportFolder


@dataclass(frozen=True, kw_only=True)
class SuiteSettings:
    """What all analyses of a report share.

    Attributes
    ----------
    params
        Globs of the parameters that a target is restricted to, before it gets here.
    surrogates
        As :func:`landscape.snn.surrogate.surrogate_called` reads them; where some are named, the
        analysis ``surrogates`` is run too.
    extent
        Surfaces reach from -extent to extent along filter-normalised directions.
    all_layers
        A row of the table of layers for each of them, whatever it costs.
    folder
        Where unfinished analyses keep their state; None: nowhere.
    """

    budget: Budget = setting(
        BUDGETS[STANDARD],
        choices=BUDGETS,
        help="How many eigenvalues, probes and grid points.",
    )
    all_layers: bool = setting(False, help="A row for each layer, where a budget would join them.")
    operator: str = setting(OperatorSettings.operator, choices=OPERATORS)
    params: str = setting(OperatorSettings.params, help=PARAMS_HELP)
    weight_decay: float = setting(
        OperatorSettings.weight_decay, metavar="WD", help=WEIGHT_DECAY_HELP
    )
    num_shards: int = setting(
        SpectrumSettings.num_shards,
        "--shards",
        minimum=0,
        help="Repeat the spectrum on this many disjoint parts of the examples, for the data's "
        "error.",
    )
    extent: float = setting(
        1.0, above=0, help="Surfaces reach this far, in units of the filters' norms."
    )
    surrogates: tuple[str, ...] = setting(
        (),
        "--surrogate",
        metavar="A,B,…",
        help="Of a spiking network: the curvature of the same weights under each of these, such as "
        "atan(alpha=2),sigmoid(alpha=4), side by side.",
    )
    folder: "ReportFolder | None" = None

    def __post_init__(self) -> None:
        check_settings(self)
        if self.surrogates:
            from landscape.snn.surrogate import surrogate_called  # noqa: PLC0415  # torch is slow

            for text in self.surrogates:
                surrogate_called(text)

    @property
    def implied(self) -> tuple[str, ...]:
        """Analyses that a setting asks for, beside those that are named."""
        return ("surrogates",) if self.surrogates else ()
