"""What the tables of the spectra share: columns and captions."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from landscape.page.columns import count_column, text_column
from landscape.page.material import Material, Reference, operator_text, relative
from landscape.page.table import Column
from landscape.results import OperatorSpec, Result

_R = TypeVar("_R", bound=Result)


class _Counted(Protocol):
    @property
    def num_matvecs(self) -> int: ...


MATVECS: Column[_Counted] = count_column(
    "matvecs",
    lambda r: r.num_matvecs,
    key="num_matvecs",
    formula="Hessian-vector products (HVPs), or those of another operator",
)


def relative_column(
    material: Material,
    results: Sequence[_R],
    value: Callable[[_R], float | None],
    error: Callable[[_R], float | None],
) -> Column[_R]:
    """``value`` as a multiple of the baseline checkpoint's, whose own error is ``error``."""
    reference = next(
        (
            Reference(value=found, stderr=error(r), result=r)
            for r in results
            if r.subject.label == material.baseline and (found := value(r)) is not None
        ),
        None,
    )
    return text_column(
        "relative",
        lambda r: relative(value(r), r, reference),
        formula="value over that of the baseline checkpoint",
        optional=True,
    )


def title_of(spec: OperatorSpec, results: Sequence[Result]) -> str:
    """The operator and the examples that its tables are of."""
    spiking = any(r.subject.spiking for r in results)
    return f"{operator_text(spec, spiking=spiking)}, {results[0].subject.split} examples"
