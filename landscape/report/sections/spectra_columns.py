"""What the tables of the spectra share: columns, units, captions, cells."""

from collections.abc import Sequence

from landscape.report.material import operator_text
from landscape.report.table import Cell, Column, number_cell, text_cell
from landscape.results import OperatorSpec, Result
from landscape.values import Estimate

RELATIVE = Column(
    key="relative",
    title="relative",
    formula="value over that of the baseline checkpoint",
    optional=True,
)
MATVECS = Column(key="num_matvecs", title="matvecs", formula="products of the operator and a v")


def title_of(spec: OperatorSpec, results: Sequence[Result]) -> str:
    """The operator and the examples that its tables are of."""
    spiking = any(r.subject.spiking for r in results)
    return f"{operator_text(spec, spiking=spiking)}, {results[0].subject.split} examples"


def estimate_cell(estimate: Estimate | None) -> Cell:
    """Mean and standard error."""
    return number_cell(estimate.mean, estimate.stderr) if estimate else text_cell(None)
