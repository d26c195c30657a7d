"""``write_report``: results in, a folder out. Reads nothing else, computes nothing."""

from collections.abc import Sequence
from pathlib import Path

from landscape.catalog.words import FIGURE_FORMATS
from landscape.files import ensure_writable, inside, write_atomic
from landscape.page.detail import shown_in_detail
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

_MOST_DRAWING = 2_400_000  # characters of inline figures: the page stays below 3 MB
_TABLE_FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}


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

    The same results give the same bytes. Files of earlier reports are replaced, others left.

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
    material = gather(results, baseline)
    ensure_writable(folder)
    shown = gather(shown_in_detail(results, baseline), baseline)
    sections = _with_verdict([*further, *make_sections(shown, material)], comparison)
    page = folder / "index.html"
    files: dict[Path, bytes | str] = {}
    outdated: list[Path] = []  # of an earlier report of other results
    drawn = {}
    first = first_screen(title, shown, material, comparison, sections)
    for figure in all_figures(first, sections):
        drawn[figure.name], written = draw(figure, figures)
        if width is not None:
            written = draw_files(figure, width, written)
        stem = folder / "figures" / figure.name
        files |= {stem.with_name(f"{stem.name}.{s}"): raw for s, raw in written.items()}
        outdated += [stem.with_name(f"{stem.name}.{s}") for s in FIGURE_FORMATS if s not in written]
    cut = shown.labels != material.labels
    whole = make_sections(material, material) if cut else []
    # The page's own, and those of all checkpoints in place of the ones that it cuts down.
    tables = {t.name: t for s in (*sections, *whole) for t in s.tables}
    if first.table is not None:
        tables[first.table.name] = first.table
    for table in tables.values():
        for suffix, write in _TABLE_FORMATS.items():
            files[folder / "tables" / f"{table.name}.{suffix}"] = write(table)
    files[folder / "summary.json"] = summary_json(title, material, comparison)
    on_page = {name: drawn[name] for name in figures_on_page(first, sections)}
    files[page] = render_page(title, shown, first, sections, trim(on_page, _MOST_DRAWING))
    for path, content in files.items():
        write_atomic(inside(folder, path), content)
    for path in outdated:
        inside(folder, path).unlink(missing_ok=True)
    return page


def _with_verdict(sections: list[Section], comparison: Comparison | None) -> list[Section]:
    """The verdict goes first; what it leaves out, accuracy, last of the results."""
    if comparison is None:
        return sections
    last = next(i for i, section in enumerate(sections) if section.key == "method")
    accuracy = accuracy_section(comparison)
    after = [] if accuracy is None else [accuracy]
    return [verdict_section(comparison), *sections[:last], *after, *sections[last:]]
