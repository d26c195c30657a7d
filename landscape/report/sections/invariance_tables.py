"""Moves of the weights that leave a network's function alone, and λ_max of each scale after."""

from collections.abc import Sequence

from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    PartOf,
    count_column,
    parts_of,
    text_column,
)
from landscape.page.table import Column, Table
from landscape.results import Invariance, Preflight, ScaleRatio

Row = PartOf[Preflight, Invariance]


def invariance_tables(preflights: Sequence[Preflight]) -> list[Table[Row]]:
    """One table, a row for each kind of move of each checkpoint; none without any."""
    rows = parts_of(preflights, lambda p: p.invariances)
    scales = dict.fromkeys(ratio.scale for row in rows for ratio in row.part.ratios)
    if not rows:
        return []
    return [
        Table(
            name="invariance",
            caption="Moves of the weights: λ_max after over before, at each scale. 1 is invariant "
            "on this network. The outputs stay at so many places; with 0 they change, and the "
            "network lacks that symmetry.",
            columns=[
                CHECKPOINT_OF_PART,
                text_column("move", lambda row: row.part.move),
                count_column("places", lambda row: row.part.num_places),
                *map(_column, scales),
            ],
            rows=rows,
            folded=True,
        )
    ]


def _column(scale: str) -> Column[Row]:
    def shown(row: Row) -> str | None:
        found = row.part.at(scale)
        return None if found is None else _ratio(found)

    return text_column(
        scale,
        shown,
        key=f"ratio_{scale}",
        formula="λ_max after the move over λ_max before; in brackets, where that is 1, that of the "
        "moved weights' block, if it is not",
    )


def _ratio(found: ScaleRatio) -> str | None:
    if found.lambda_max is None:
        return None
    if found.is_one:
        return "1"
    whole = f"{found.lambda_max:.4g}"
    return whole if found.of_moved is None else f"{whole} ({found.of_moved:.4g})"
