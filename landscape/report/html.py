"""The page: one HTML file that needs nothing else and may load nothing else."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from landscape.page.draw import DrawnFigure
from landscape.page.material import Material
from landscape.page.section import Section
from landscape.page.style import COLOURS, Stroke

_ASSETS = Path(__file__).with_name("assets")


def render_page(
    title: str,
    material: Material,
    sections: Sequence[Section],
    drawn: Mapping[str, DrawnFigure],
) -> str:
    """The whole of ``index.html``."""
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css, script = (_asset(name) for name in ("report.css", "report.js"))
    return environment.get_template("report.html.j2").render(
        title=title,
        csp=content_security_policy(css, script),
        css=Markup(css),
        script=Markup(script),
        sections=[replace(s, tables=tuple(t.without_empty() for t in s.tables)) for s in sections],
        drawn=drawn,
        series=[_series(label, material.strokes[label]) for label in material.labels],
        json_block=json_block,
        surfaces_json=_surfaces_json,
    )


def content_security_policy(css: str, script: str) -> str:
    """Nothing but this style sheet and this script, known by their digests."""
    return (
        f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
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


def _series(label: str, stroke: Stroke) -> dict[str, object]:
    return {"index": stroke.number, "colour": COLOURS.index(stroke.colour), "label": label}


def _surfaces_json(section: Section) -> Markup:
    planes = [{"label": s.label, "x": s.x, "y": s.y, "losses": s.losses} for s in section.surfaces]
    return json_block(json.dumps(planes, ensure_ascii=False, separators=(",", ":")))
