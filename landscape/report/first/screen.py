"""The first screen of a report: what a colleague sees and understands before asking for details."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from landscape.page.material import Material
from landscape.page.numbers import format_count
from landscape.page.section import ReportFigure, Section
from landscape.page.table import Table
from landscape.report.first.entries import Entry, entries_of
from landscape.report.first.headline import headline
from landscape.report.first.surfaces import Surfaces, surfaces_of
from landscape.report.first.table import first_table
from landscape.report.first.tiles import MOST_ROWS, Tile, loss_tile, measure_tiles, picks
from landscape.report.first.values import Readings
from landscape.report.sections.spectra import first_density
from landscape.report.sections.verdict.figures import overview_figure
from landscape.report.sections.verdict.overview import FEW_PAIRS
from landscape.report.sections.verdict.tables import row_of, run_counts
from landscape.results import Comparison


@dataclass(frozen=True, kw_only=True)
class Note:
    """A few words beside the headline: how sure it is, or what failed."""

    text: str
    anchor: str
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class FirstScreen:
    """All that it shows, in order."""

    about: str  # what the report is of, in one line
    headline: str
    notes: tuple[Note, ...]
    entries: tuple[Entry, ...]
    coloured: bool  # what it draws has the entries' colours
    tiles: tuple[Tile, ...]
    surfaces: Surfaces | None
    figures: tuple[ReportFigure, ...]
    table: Table[Any] | None


def first_screen(
    title: str,
    material: Material,
    comparison: Comparison | None,
    sections: Sequence[Section],
) -> FirstScreen:
    """The first screen of a report whose details are ``sections``."""
    everything = material.whole
    entries = entries_of(material, comparison)
    readings = Readings(everything)
    chosen = picks(readings, entries, comparison)
    losses = loss_tile(everything.subjects, entries, readings.split)
    named = [(words.title.lower(), key) for words, key in chosen]
    figure = _figure(material, entries, comparison)
    return FirstScreen(
        about=_about(title, everything),
        headline=headline(readings, entries, comparison, named),
        notes=(*_certainty(comparison), *_warnings(sections)),
        entries=entries,
        coloured=len(entries) <= MOST_ROWS or not _is_overview(comparison),
        tiles=(
            *measure_tiles(readings, entries, chosen, comparison),
            *([losses] if losses.rows or losses.strip else []),
        ),
        surfaces=surfaces_of(material, entries),
        figures=() if figure is None else (figure,),
        table=first_table(readings, entries, comparison, everything.subjects),
    )


def all_figures(first: FirstScreen, sections: Sequence[Section]) -> list[ReportFigure]:
    """Those of the whole page, each once; the first screen's go before their like in a section."""
    cards = () if first.surfaces is None else first.surfaces.cards
    figures = (
        *first.figures,
        *(card.still for card in cards),
        *(figure for section in sections for figure in section.figures),
    )
    unique: dict[str, ReportFigure] = {}
    for figure in figures:
        unique.setdefault(figure.name, figure)
    return list(unique.values())


def figures_on_page(first: FirstScreen, sections: Sequence[Section]) -> list[str]:
    """The names of those that the page draws; the others are files alone."""
    cards = () if first.surfaces is None else first.surfaces.cards
    stills = {card.still.name for card in cards}
    return [f.name for f in all_figures(first, sections) if f.on_page or f.name in stills]


def _figure(
    material: Material, entries: Sequence[Entry], comparison: Comparison | None
) -> ReportFigure | None:
    """Of many pairs of groups their ratios, else the eigenvalue density."""
    if _is_overview(comparison):
        return overview_figure(comparison)
    return first_density(material, {label: e.title for e in entries for label in e.labels})


def _is_overview(comparison: Comparison | None) -> TypeGuard[Comparison]:
    return comparison is not None and len(comparison.pairs) > FEW_PAIRS


def _about(title: str, everything: Material) -> str:
    subjects = everything.subjects
    count = len(everything.labels)
    parts = [title, f"{count} network{'s' * (count > 1)}"]
    for told in (
        {f"{format_count(s.num_examples)} {s.data} {s.split} examples" for s in subjects},
        {s.model.partition("?")[0] for s in subjects},
        {f"{format_count(s.num_params)} parameters" for s in subjects},
    ):
        if len(told) == 1:
            parts += told
    return " · ".join(parts)


def _certainty(comparison: Comparison | None) -> list[Note]:
    """How many runs a verdict rests on, and how many would find a ratio at the bounds."""
    if comparison is None or not comparison.pairs:
        return []
    if _is_overview(comparison):
        return [_certainty_of_many(comparison)]
    notes = []
    for pair in comparison.pairs:
        row = row_of(pair, comparison.settings.primary)
        if row is None:
            continue
        runs = min(row.num_runs)
        what = f"pair{'s' * (runs > 1)} of runs" if pair.paired else f"run{'s' * (runs > 1)} each"
        text = f"{runs} {what}"
        if pair.verdict == "undecided":
            text += ": a tendency, not a verdict"
        if row.runs_needed is not None and row.runs_needed > runs:
            low, high = comparison.settings.bounds
            what = "pairs " * pair.paired
            text += f" · {row.runs_needed} {what}could decide a ratio of {low:g} or {high:g}"
        notes.append(Note(text=text, anchor="verdict"))
    return notes


def _certainty_of_many(comparison: Comparison) -> Note:
    counts = run_counts(comparison)
    runs = " to ".join(map(str, counts))
    paired = all(pair.paired for pair in comparison.pairs)
    each = f"{runs} {'pairs of ' * paired}run{'s' * (counts[-1] > 1)} in each comparison"
    return Note(text=f"{each}, corrected for all tests", anchor="verdict")


def _warnings(sections: Sequence[Section]) -> list[Note]:
    return [Note(text=s.warning, anchor=s.key, failed=True) for s in sections if s.warning]
