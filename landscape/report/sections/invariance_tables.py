"""Moves of the weights that leave a network's function alone, and what each scale makes of them."""

from collections.abc import Sequence

from landscape.catalog import SCALES_OF_WEIGHTS
from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    PartOf,
    count_column,
    parts_of,
    text_column,
)
from landscape.page.table import Column, Table
from landscape.results import MOVES, Invariance, Preflight, ScaleRatio

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
            caption="Moves of the weights: λ_max, and after tr the trace, after over before, at "
            "each scale. 1 is invariant on this network. The outputs stay at so many places; with "
            "0 they change, and the network lacks that symmetry.",
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


def certified(preflight: Preflight) -> str:
    """What the table comes to, in words; none where a check says why no weights were moved."""
    if any(check.name == MOVES for check in preflight.checks):
        return ""
    moves = [move for move in preflight.invariances if move.num_places]
    if not moves:
        return "No scale is certified as invariant: no symmetry of this network was found."
    telling = [move.move for move in moves if move.is_telling]
    if not telling:
        found = ", ".join(move.move for move in moves)
        return (
            f"No scale is certified as invariant: only {found} was found, which leaves every "
            "scale alone."
        )
    scales = [scale for scale in SCALES_OF_WEIGHTS if preflight.changed_at(scale) == ()]
    by = f"along every symmetry found ({', '.join(telling)})"
    return f"Certified as invariant {by}: {', '.join(scales) or 'no scale'}."


def _column(scale: str) -> Column[Row]:
    def shown(row: Row) -> str | None:
        found = row.part.at(scale)
        return None if found is None else _ratio(found)

    return text_column(
        scale,
        shown,
        key=f"ratio_{scale}",
        formula="λ_max after the move over λ_max before; after tr the same of the Gauss-Newton "
        "matrix's trace, ± over draws that are the same before and after; 1 where both stay, the "
        "trace in every draw",
    )


def _ratio(found: ScaleRatio) -> str | None:
    if found.is_one:
        return "1"
    parts = [] if found.lambda_max is None else [f"{found.lambda_max:.4g}"]
    if found.trace is not None and found.trace_stderr is not None:
        parts.append(f"tr {found.trace:.3g} ± {found.trace_stderr:.1g}")
    return ", ".join(parts) or None
