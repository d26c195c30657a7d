"""``write_report``: results in, a folder out. Reads nothing else, computes nothing."""

from collections.abc import Sequence
from pathlib import Path

from landscape.files import ensure_writable, write_atomic
from landscape.report.draw import draw
from landscape.report.material import Material, gather
from landscape.report.model import Section
from landscape.report.page import render_page
from landscape.report.sections.loaded import loaded_section
from landscape.report.sections.method import method_section, provenance_section, traps_section
from landscape.report.sections.sharpness import sharpness_section
from landscape.report.sections.spectra import layers_section, spectra_section
from landscape.report.sections.surfaces import surfaces_section
from landscape.report.sections.training import training_section
from landscape.report.summary import summary_json
from landscape.report.table import to_csv, to_latex, to_markdown
from landscape.results import Result

_TABLE_FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}


def write_report(
    folder: Path,
    results: Sequence[Result],
    *,
    title: str,
    baseline: str | None = None,
) -> Path:
    """Write ``index.html``, ``figures/``, ``tables/`` and ``summary.json`` into ``folder``.

    The same results give the same bytes. Files of earlier reports are replaced, others left.

    Parameters
    ----------
    folder
        Made where it does not exist.
    results
        Of any checkpoints and any types; sections without results are left out.
    title
        The page's heading.
    baseline
        The label that values are shown relative to; None: no relative values.

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
    sections = make_sections(material)
    page = folder / "index.html"
    files: dict[Path, bytes | str] = {}
    drawn = {}
    for figure in (f for s in sections for f in s.figures):
        drawn[figure.name], written = draw(figure)
        files |= {
            folder / "figures" / f"{figure.name}.{suffix}": raw for suffix, raw in written.items()
        }
    for table in (t for s in sections for t in s.tables):
        for suffix, write in _TABLE_FORMATS.items():
            files[folder / "tables" / f"{table.name}.{suffix}"] = write(table)
    files[folder / "summary.json"] = summary_json(title, material)
    files[page] = render_page(title, material, sections, drawn)
    for path, content in files.items():
        write_atomic(path, content)
    return page


def make_sections(material: Material) -> list[Section]:
    """All sections that have something to show, in the order of the page."""
    candidates = (
        loaded_section(material),
        spectra_section(material),
        layers_section(material),
        sharpness_section(material),
        surfaces_section(material),
        training_section(material),
        method_section(material),
        provenance_section(material),
        traps_section(material),
    )
    return [section for section in candidates if section is not None]
