"""How long the page of a report takes to draw, from one figure that is drawn here and now."""

from collections.abc import Iterable, Sequence
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure

from landscape.catalog import ANALYSES
from landscape.page.detail import MOST_SHOWN
from landscape.page.draw import draw
from landscape.page.section import ReportFigure


def num_figures(names: Iterable[str], num_checkpoints: int) -> int:
    """How many figures a report of these analyses has; few networks have one of their own."""
    counts = [ANALYSES[name].figures for name in names]
    return sum(shared + each * min(num_checkpoints, MOST_SHOWN) for shared, each in counts)


def seconds_a_figure(formats: Sequence[str] = ()) -> float:
    """Seconds that a figure takes in all its forms; tables take next to none."""
    sample = ReportFigure(
        name="sample", draw=_lines, height=3.0, caption="", alt="", scales=(True, False),
    )  # fmt: skip
    draw(sample)  # the first loads fonts
    began = perf_counter()
    draw(sample, formats)
    return perf_counter() - began


def _lines(figure: Figure, log: bool) -> None:
    axes = figure.add_subplot()
    x = np.linspace(1.0, 2.0, 200)
    for k in range(4):
        axes.plot(x, x**k, marker="o", label=f"line {k}")
    axes.set(xlabel="x", ylabel="y", yscale="log" if log else "linear")
    axes.legend()
