"""Columns of the usual kinds, each made from a title and what it reads off a row."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, NamedTuple, TypedDict, TypeVar, Unpack

from landscape.page.cells import (
    NOTHING,
    Cell,
    count_cell,
    digest_cell,
    interval_cell,
    number_cell,
    population_cell,
    text_cell,
)
from landscape.page.table import Column

if TYPE_CHECKING:
    from landscape.results import Result, Subject
    from landscape.values import Estimate, Interval, Population

_Row = TypeVar("_Row")
_Result_co = TypeVar("_Result_co", bound="Result", covariant=True)
_Part_co = TypeVar("_Part_co", covariant=True)
_Result = TypeVar("_Result", bound="Result")
_Part = TypeVar("_Part")


class About(TypedDict, total=False):
    """What any :class:`Column` may have beside its title and its cells."""

    key: str
    unit: str
    better: str
    formula: str
    source: str
    optional: bool


def text_column(
    title: str,
    text: Callable[[_Row], str | None],
    *,
    hint: Callable[[_Row], str] | None = None,
    missing: str = NOTHING,
    **about: Unpack[About],
) -> Column[_Row]:
    """Words, each with the tooltip that ``hint`` gives; ``missing`` where there are none."""
    return Column(
        title=title,
        cell=lambda row: text_cell(text(row), hint=hint(row) if hint else "", missing=missing),
        **about,
    )


def count_column(
    title: str, count: Callable[[_Row], int | None], **about: Unpack[About]
) -> Column[_Row]:
    """Integers."""
    return Column(title=title, cell=lambda row: count_cell(count(row)), **about)


def number_column(
    title: str,
    value: Callable[[_Row], float | None],
    *,
    digits: int = 4,
    **about: Unpack[About],
) -> Column[_Row]:
    """Numbers without an error, rounded to ``digits`` significant digits."""
    return Column(title=title, cell=lambda row: number_cell(value(row), digits=digits), **about)


def estimate_column(
    title: str,
    estimate: "Callable[[_Row], Estimate | None]",
    *,
    digits: int = 4,
    **about: Unpack[About],
) -> Column[_Row]:
    """Means ± standard errors; ``digits`` where there is no error."""

    def cell(row: _Row) -> Cell:
        found = estimate(row)
        if found is None:
            return text_cell(None)
        return number_cell(found.mean, found.stderr, digits=digits)

    return Column(title=title, cell=cell, **about)


def interval_column(
    title: str,
    interval: "Callable[[_Row], Interval | None]",
    *,
    factor: float = 1,
    **about: Unpack[About],
) -> Column[_Row]:
    """Both ends of intervals, times ``factor``."""
    return Column(
        title=title, cell=lambda row: interval_cell(interval(row), factor=factor), **about
    )


def population_column(
    title: str, population: "Callable[[_Row], Population | None]", **about: Unpack[About]
) -> Column[_Row]:
    """Intervals for the sets that examples stand for."""
    return Column(title=title, cell=lambda row: population_cell(population(row)), **about)


def digest_column(
    title: str, digest: Callable[[_Row], str], **about: Unpack[About]
) -> Column[_Row]:
    """The first characters of digests."""
    return Column(title=title, cell=lambda row: digest_cell(digest(row)), **about)


class PartOf(NamedTuple, Generic[_Result_co, _Part_co]):
    """One of several parts of a result that have a row each, such as a layer."""

    result: _Result_co
    part: _Part_co


def parts_of(
    results: Iterable[_Result], parts: Callable[[_Result], Iterable[_Part]]
) -> list[PartOf[_Result, _Part]]:
    """The parts of all ``results``, in order."""
    return [PartOf(result, part) for result in results for part in parts(result)]


# Of rows that are checkpoints on some examples, results, and parts of results.
CHECKPOINT_OF_SUBJECT: "Column[Subject]" = text_column("checkpoint", lambda s: s.label)
CHECKPOINT: "Column[Result]" = CHECKPOINT_OF_SUBJECT.of(lambda r: r.subject)
CHECKPOINT_OF_PART: "Column[PartOf[Result, object]]" = CHECKPOINT.of(lambda row: row.result)
