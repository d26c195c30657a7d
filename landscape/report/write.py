"""``write_report``: results in, a folder out. Reads nothing else, computes nothing."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from landscape.files import PAGE, SUMMARY, ensure_writable, inside, write_atomic
from landscape.page.detail import MOST_SHOWN
from landscape.page.draw import draw, draw_files, trim
from landscape.page.formats import to_csv, to_markdown
from landscape.page.latex.table import to_latex
from landscape.page.material import gather
from landscape.page.section import Section
from landscape.report.first.screen import all_figures, figures_on_page, first_screen
from landscape.report.html import render_page
from landscape.report.sections.all import make_sections
from landscape.report.sections.verdict.section import accuracy_section, verdict_section
from landscape.report.summary import summary_json
from landscape.results import Comparison, Result

_MOST_DRAWING = 1_800_000  # characters of inline figures: the page stays below 2.5 MB
_OWN = re.compile(r"(figures|tables)/[^/\\]+\.(svg|png|pdf|csv|md|tex)")
_PRINTED = {"md": to_markdown, "tex": to_latex}


def write_report(
    folder: Path,
    results: Sequence[Result],
    *,
    title: str,
    baseline: str | None = None,
    comparison: Comparison | None = None,
    further: Sequence[Section] = (),
    figures: Sequence[str] = (),
    width: float | None = None,
) -> Path:
    """Write ``index.html``, ``figures/``, ``tables/`` and ``summary.json`` into ``folder``.

    The same results give the same bytes. Files of the report that was there are replaced, or
    removed where this one has no such file; others are left. Tables of more than 100 rows or
    columns are written as CSV alone.

    Parameters
    ----------
    folder
        Made where it does not exist.
    results
        Of any checkpoints and any types; sections without results are left out. Of many
        checkpoints the page shows some, the tables' files and the summary all.
    title
        The page's heading.
    baseline
        The label that values are shown relative to; None: no relative values.
    comparison
        The verdict on groups of these checkpoints, shown first.
    further
        Sections that follow the verdict, made elsewhere.
    figures
        Formats, of ``FIGURE_FORMATS``, that figures are written in beside the SVG.
    width
        Of the figures' files, in inches; None: as they are on the page.

    Returns
    -------
    Path
        Of ``index.html``.

    Raises
    ------
    ValueError
        If there are no results, or no checkpoint is labelled ``baseline``.
    OutputError
        If ``folder`` cannot be written.
    """
    material = gather(results, baseline, most=MOST_SHOWN)
    ensure_writable(folder)
    sections = _with_verdict([*further, *make_sections(material)], comparison)
    page = folder / PAGE
    files: dict[Path, bytes | str] = {}
    drawn = {}
    first = first_screen(title, material, comparison, sections)
    for figure in all_figures(first, sections):
        drawn[figure.name], written = draw(figure, figures)
        if width is not None:
            written = draw_files(figure, width, written)
        stem = folder / "figures" / figure.name
        files |= {stem.with_name(f"{stem.name}.{s}"): raw for s, raw in written.items()}
    everything = material.whole
    whole = make_sections(everything) if everything.labels != material.labels else []
    # The page's own, and those of all checkpoints in place of the ones that it cuts down.
    tables = {t.name: t for s in (*sections, *whole) for t in s.tables}
    if first.table is not None:
        tables[first.table.name] = first.table
    formats = {t.name: ("csv",) if t.is_long else ("csv", *_PRINTED) for t in tables.values()}
    for name, suffixes in formats.items():
        for suffix in suffixes:
            write = _PRINTED.get(suffix, to_csv)
            files[folder / "tables" / f"{name}.{suffix}"] = write(tables[name])
    on_page = trim({name: drawn[name] for name in figures_on_page(first, sections)}, _MOST_DRAWING)
    files[page] = render_page(title, material, first, sections, on_page, formats)
    named = sorted(path.relative_to(folder).as_posix() for path in files)
    files[folder / SUMMARY] = summary_json(title, everything, comparison, named)
    outdated = _earlier_files(folder) - set(named)
    for path, content in files.items():
        write_atomic(inside(folder, path), content)
    for name in outdated:
        inside(folder, folder / name).unlink(missing_ok=True)
    return page


def _earlier_files(folder: Path) -> set[str]:
    """Figures and tables of the report that is there; none where it does not say so."""
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    names = found if isinstance(found, list) else []
    return {name for name in names if isinstance(name, str) and _OWN.fullmatch(name)}


def _with_verdict(sections: list[Section], comparison: Comparison | None) -> list[Section]:
    """The verdict goes first; what it leaves out, accuracy, last of the results."""
    if comparison is None:
        return sections
    last = next(i for i, section in enumerate(sections) if section.key == "method")
    accuracy = accuracy_section(comparison)
    after = [] if accuracy is None else [accuracy]
    return [verdict_section(comparison), *sections[:last], *after, *sections[last:]]
