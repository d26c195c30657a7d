"""How long the page of a report takes to draw, from one figure that is drawn here and now."""

from collections.abc import Iterable, Sequence
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure

from landscape.catalog import ANALYSES
from landscape.page.draw import draw
from landscape.page.section import ReportFigure


def report_seconds(
    names: Iterable[str], num_checkpoints: int, formats: Sequence[str] = ()
) -> float:
    """Seconds for the figures of these analyses, in all their forms; tables take next to none."""
    counts = [ANALYSES[name].figures for name in names]
    figures = sum(shared + each * num_checkpoints for shared, each in counts)
    sample = ReportFigure(
        name="sample", draw=_lines, height=3.0, caption="", alt="", scales=(True, False),
    )  # fmt: skip
    draw(sample)  # the first loads fonts
    began = perf_counter()
    draw(sample, formats)
    return figures * (perf_counter() - began)


def _lines(figure: Figure, log: bool) -> None:
    axes = figure.add_subplot()
    x = np.linspace(1.0, 2.0, 200)
    for k in range(4):
        axes.plot(x, x**k, marker="o", label=f"line {k}")
    axes.set(xlabel="x", ylabel="y", yscale="log" if log else "linear")
    axes.legend()
