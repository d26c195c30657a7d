"""A Matplotlib figure as inline SVG that obeys the page: its colours, its security policy.

The page forbids style attributes (a label must not be able to bring one), so they become
presentation attributes; ink, grid, paper and the checkpoints' colours become CSS variables, so
that dark mode reaches into the figures.
"""

import json
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.page.style import COLOURS, GRID, INK, MISSING, PAPER

_MOST_POINTS = 1500  # with a read-out, in one figure
_VARIABLES = {INK: "--ink", GRID: "--grid", PAPER: "--paper", MISSING: "--missing"} | {
    colour: f"--c{i}" for i, colour in enumerate(COLOURS)
}


def inline_svg(svg: str, key: str) -> str:
    """What Matplotlib wrote, as an ``<svg>`` element whose ids start with ``key``.

    Groups of a checkpoint carry ``data-series``. The element is hidden from screen readers: the
    page puts the alternative text beside it.
    """
    size = re.search(r'viewBox="([^"]+)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    for part in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<!--.*?-->"):
        body = re.sub(part, "", body, flags=re.DOTALL)
    body = re.sub(r'\sstyle="([^"]*)"', lambda m: _as_attributes(m[1]), body)
    body = re.sub(r'\sd="([^"]*)"', lambda m: f' d="{_shorter_path(m[1])}"', body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d)\d+", r"\1", tag[0]), body)
    body = re.sub(r'\sid="series-(\d+)"', r' data-series="\1"', body)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(r'\sid="([^"]+)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{key}-', body)
    body = body.replace("url(#", f"url(#{key}-")
    body = re.sub(r"\s*\n\s*", "\n", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(f'"{colour}"', f'"var({variable})"')
    opening = (
        f'<svg viewBox="{size[1] if size else ""}" aria-hidden="true" focusable="false" '
        'stroke-linejoin="round" stroke-linecap="butt">'
    )
    return opening + body.strip()


def _shorter_path(commands: str) -> str:
    """Leave out vertices less than half a point from the last, a third of a line's width."""
    words = commands.split()
    if set(commands) & set("CQ") or len(words) < 60:
        return " ".join(words)
    steps = re.findall(r"([ML]) (\S+) (\S+)|(z)", " ".join(words))
    kept: list[str] = []
    place = (0.0, 0.0)
    for (letter, x, y, close), (following, *_) in zip(steps, [*steps[1:], ("M",)], strict=True):
        if close:
            kept.append(close)
            continue
        far = abs(float(x) - place[0]) + abs(float(y) - place[1]) >= 0.5
        if letter == "M" or following != "L" or far:
            kept.append(f"{letter}{float(x):.1f} {float(y):.1f}")
            place = (float(x), float(y))
    return "".join(kept)


def _as_attributes(style: str) -> str:
    attributes = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            attributes.append(f'font-size="{size[1] if size else 8}"')
            if "italic" in value:
                attributes.append('font-style="italic"')
        elif name and not name.startswith("font-family"):
            attributes.append(f'{name}="{value}"')
    return " " + " ".join(attributes)


def points_json(figure: Figure) -> str:
    """What the pointer reads out, as JSON: for each line its checkpoint and points.

    A point is [x, y, text], x and y in the coordinates of :func:`inline_svg`, which must have
    been called before: it settles the layout. The text is what the axes' own read-out says.
    """
    lines = [
        (ax, line)
        for ax in figure.axes
        for line in ax.get_lines()
        if str(line.get_gid()).startswith("series-") and line.get_transform() == ax.transData
    ]
    share = max(30, _MOST_POINTS // max(len(lines), 1))
    series = [
        {"s": int(str(line.get_gid()).removeprefix("series-")), "p": _points(ax, line, share)}
        for ax, line in lines
    ]
    return json.dumps([s for s in series if s["p"]], ensure_ascii=False, separators=(",", ":"))


def _points(ax: Axes, line: Line2D, most: int) -> list[tuple[float, float, str]]:
    figure = ax.get_figure(root=True)
    assert figure is not None
    height = figure.get_size_inches()[1] * 72
    x, y = (np.asarray(a, dtype=float) for a in line.get_data(orig=False))
    shown = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    shown = shown[:: max(1, -(-len(shown) // most))]
    places = ax.transData.transform(np.column_stack([x[shown], y[shown]])) * (72 / figure.dpi)
    inside = ax.get_window_extent().padded(1)
    return [
        (
            round(float(px), 1),
            round(float(height - py), 1),
            f"{ax.format_xdata(float(x[i]))}, {ax.format_ydata(float(y[i]))}".strip(", "),
        )
        for i, (px, py) in zip(shown, places, strict=True)
        if inside.contains(px * figure.dpi / 72, py * figure.dpi / 72)
    ]
