"""The report's figures as a notebook: code that draws them from the results, and its output."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from landscape.files import COMPARISON, STUDY, write_atomic
from landscape.page.detail import MOST_SHOWN
from landscape.page.draw import draw
from landscape.page.material import gather
from landscape.page.section import ReportFigure, Section
from landscape.report.sections.all import make_sections
from landscape.results import (
    RECORD,
    Comparison,
    Result,
    ResultError,
    in_order,
    load_result,
    load_stored,
)
from landscape.results.base import Stored
from landscape.results.study import Study

_S = TypeVar("_S", bound=Stored)

_SETUP = """\
from pathlib import Path

from IPython.display import Image

from landscape.report.notebook import load_results, png_of, report_figures

results = load_results(Path("."))
figures = report_figures(results)"""

Json = dict[str, object]


def write_notebook(folder: Path, results: Sequence[Result], *, title: str) -> Path:
    """Write ``report.ipynb`` into ``folder``, to be run there; the figures are in it already.

    Returns
    -------
    Path
        Of the notebook.
    """
    cells = [_markdown(f"# {_literal(title)}"), _code(_SETUP, count=1)]
    for section in shown_sections(results):
        shown = [f for f in section.figures if f.on_page]
        if not shown:
            continue
        cells.append(
            _markdown("\n\n".join([f"## {section.title}", *map(_literal, section.paragraphs)]))
        )
        for figure in shown:
            count = 1 + sum(cell["cell_type"] == "code" for cell in cells)
            source = f"Image(png_of(figures[{figure.name!r}]))"
            cells.append(_code(source, count, png_of(figure, folder)))
            cells.append(_markdown(_literal(figure.caption)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = folder / "report.ipynb"
    write_atomic(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return path


def load_results(folder: Path) -> list[Result]:
    """All results in a report's folder, by checkpoint and name."""
    paths = in_order((folder / "results").rglob("*.json"))
    return [load_result(path) for path in paths if path.name != RECORD]


def load_comparison(folder: Path) -> Comparison | None:
    """The verdict kept in a report's folder, if there is one.

    Raises
    ------
    ResultError
        If ``comparison.json`` is something else.
    """
    return _load(folder / COMPARISON, Comparison)


def load_study(folder: Path) -> Study | None:
    """The outcome of the study that a folder is of, if it is of one.

    Raises
    ------
    ResultError
        If ``study.json`` is something else.
    """
    return _load(folder / STUDY, Study)


def _load(path: Path, kind: type[_S]) -> _S | None:
    if not path.exists():
        return None
    stored = load_stored(path)
    if not isinstance(stored, kind):
        raise ResultError(f"{path} holds a {type(stored).__name__}; expected a {kind.__name__}.")
    return stored


def shown_sections(results: Sequence[Result]) -> list[Section]:
    """The sections of a page of ``results``, the verdict aside."""
    return make_sections(gather(results, None, most=MOST_SHOWN))


def report_figures(results: Sequence[Result]) -> dict[str, ReportFigure]:
    """The figures that a report of ``results`` holds, by name."""
    sections = shown_sections(results)
    return {figure.name: figure for section in sections for figure in section.figures}


def png_of(figure: ReportFigure, folder: Path | None = None) -> bytes:
    """The figure at the width of a page, as PNG: as drawn in a report's ``folder``, or anew."""
    drawn = None if folder is None else folder / "figures" / f"{figure.name}.png"
    if drawn is not None and drawn.is_file():
        return drawn.read_bytes()
    return draw(figure, ["png"])[1]["png"]


def _markdown(source: str) -> Json:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str, count: int, png: bytes | None = None) -> Json:
    outputs: list[Json] = []
    if png is not None:
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": "<Image>"}
        outputs.append(
            {
                "output_type": "execute_result",
                "execution_count": count,
                "data": data,
                "metadata": {},
            }
        )
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {},
        "source": source,
        "outputs": outputs,
    }


def _literal(text: str) -> str:
    """``text`` as Markdown shows it: no emphasis, no tag, no mathematics."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#$|" else c for c in text)
