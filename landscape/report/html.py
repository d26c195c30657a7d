"""The page: one HTML file that needs nothing else and may load nothing else."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from landscape.page.draw import DrawnFigure
from landscape.page.material import Material, grouped
from landscape.page.section import Section
from landscape.page.style import COLOURS
from landscape.page.table import MOST_PRINTED, Table
from landscape.report.first.entries import Entry
from landscape.report.first.screen import FirstScreen

_ASSETS = Path(__file__).with_name("assets")


def render_page(
    title: str,
    material: Material,
    first: FirstScreen,
    sections: Sequence[Section],
    drawn: Mapping[str, DrawnFigure],
    formats: Mapping[str, Sequence[str]],
) -> str:
    """The whole of ``index.html``: the first screen, then the details but for what it shows.

    ``formats`` are those of each table's files.
    """
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = _asset("report.css")
    script = "".join(_asset(name) for name in ("report.js", "smooth.js", "surface.js"))
    shown = {figure.name for figure in first.figures}
    table = None if first.table is None else first.table.without_empty()
    kept = [_without(section, shown) for section in sections]
    return environment.get_template("report.html.j2").render(
        title=title,
        csp=content_security_policy(css, script),
        css=Markup(css),
        script=Markup(script),
        first=first,
        first_table=table,
        keys=[_key(entry, material) for entry in first.entries],
        sections=kept,
        glossary=_glossary([*([table] if table else []), *(t for s in kept for t in s.tables)]),
        drawn=drawn,
        formats=formats,
        labels=material.labels,
        json_block=json_block,
        as_json=_as_json,
    )


def content_security_policy(css: str, script: str) -> str:
    """Nothing but this style sheet and this script, known by their digests, and images within."""
    return (
        f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def json_block(text: str) -> Markup:
    """JSON that can stand inside a script element, whatever strings it holds."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _key(entry: Entry, material: Material) -> dict[str, object]:
    """A network or group in the legend: its colour, and the numbers of its lines in the figures."""
    numbers = [material.strokes[r].number for r in entry.labels if r in material.strokes]
    return {"title": entry.title, "colour": COLOURS.index(entry.stroke.colour), "numbers": numbers}


def _glossary(tables: Sequence[Table[Any]]) -> list[tuple[str, str]]:
    """What the tables' headings and rows mean: each text once, with all that it explains."""
    entries = dict.fromkeys((e.title, e.text) for table in tables for e in table.explanations)
    return grouped(entries)


def _without(section: Section, shown: Collection[str]) -> Section:
    """The section less the first screen's figures, columns that hold nothing, and notes said."""
    said: set[str] = set()
    tables = []
    for table in section.tables:
        kept = table.without_empty()
        if kept.note in said:
            kept = replace(kept, note="")
        said.add(kept.note)
        tables.append(_first_rows(kept) if len(kept.rows) > MOST_PRINTED else kept)
    return replace(
        section,
        figures=tuple(f for f in section.figures if f.on_page and f.name not in shown),
        tables=tuple(tables),
    )


def _first_rows(table: Table[Any]) -> Table[Any]:
    told = f"The first {MOST_PRINTED} of {len(table.rows)} rows; the file has all."
    note = f"{table.note} {told}".strip()
    return replace(table, rows=table.rows[:MOST_PRINTED], note=note)


def _as_json(value: object) -> Markup:
    return json_block(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
