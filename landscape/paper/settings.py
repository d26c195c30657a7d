"""Settings of a paper's table; without torch, so that --help is quick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from landscape.catalog.words import SPLITS
from landscape.settings import setting


@dataclass(frozen=True, kw_only=True)
class PaperSettings:
    """Which rows, which columns.

    Attributes
    ----------
    groups
        For each group the globs of its checkpoints' paths, names or labels; None: by sidecar.
    measures
        Names or globs of measures, and ``loss``, ``accuracy``, ``grad_norm``, ``test_loss``,
        ``test_accuracy``; None: the default ones.
    """

    by: Literal["group", "checkpoint"] = setting(
        "group", help="A row each: mean ± sd over seeds, or value ± error."
    )
    measures: tuple[str, ...] | None = setting(
        None,
        metavar="NAMES",
        help="Comma-separated: measures or globs of them; loss, accuracy, grad_norm, test_loss, "
        "test_accuracy.  [default: lambda_max, trace, expected_rise[filter], test_accuracy, or "
        "those nearest to them]",
    )
    groups: Mapping[str, Sequence[str]] | None = None
    split: str = setting("train", choices=SPLITS)
