"""Figures of the site that no command of the package draws.

Each takes what a command printed, or what a simulation left: the page has the commands beside the
figure. ``python docs/drawn.py NAME [FILE.jsonl]`` writes ``docs/figures/NAME.png``.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from simulations import stored

from landscape.page.style import (
    INK,
    PAGE_WIDTH,
    TEXT_WIDTH,
    figure_style,
    new_figure,
    save_figure,
    strokes_for,
)

_FIGURES = Path(__file__).with_name("figures")
_CLEAR = 5  # times the roughness, from which on a rise has no note


@click.group()
def main() -> None:
    """Draw a figure of the site."""


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _keep(figure: Figure, name: str) -> None:
    save_figure(figure, _FIGURES / name, formats=["png"])


_PRINTED = click.argument("printed", type=click.Path(exists=True, path_type=Path))


@main.command()
@_PRINTED
def population(printed: Path) -> None:
    """Draw the intervals of λ_max by the number of examples; the last line is of them all."""
    *samples, whole = _lines(printed)
    sizes = [found["num_examples"] for found in samples]
    told = [found["largest"][0]["population"] for found in samples]
    on_them = [found["largest"][0]["value"] for found in samples]
    truth, of = whole["largest"][0]["value"], whole["num_examples"]
    with figure_style():
        figure = new_figure(TEXT_WIDTH, 2.5)
        ax = figure.subplots()
        (stroke,) = strokes_for(["λ_max"]).values()
        ax.axhline(truth, color=INK, linestyle=":", label=f"λ_max on all {of:,}")
        middle = np.array([p["estimate"] for p in told])
        ends = np.abs(np.array([[p["low"] for p in told], [p["high"] for p in told]]) - middle)
        ax.errorbar(
            sizes,
            middle,
            ends,
            fmt=stroke.marker,
            color=stroke.colour,
            label=f"said for all {of:,}: estimate, 95 % interval",
        )
        ax.plot(sizes, on_them, "x", color=INK, label="λ_max on n of them")
        ax.set(xscale="log", yscale="log", xlabel="examples n", ylabel="largest eigenvalue")
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.legend()
        _keep(figure, "population")


@main.command()
@_PRINTED
def rise(printed: Path) -> None:
    """Draw the expected rise against its radius, with five times the loss's roughness."""
    (found,) = _lines(printed)
    rows = found["rows"]
    radii = [row["radius"] for row in rows]
    with figure_style():
        figure = new_figure(TEXT_WIDTH, 2.5)
        ax = figure.subplots()
        (stroke,) = strokes_for(["rise"]).values()
        ax.errorbar(
            radii,
            [row["value"] for row in rows],
            [row["stderr"] for row in rows],
            fmt=f"{stroke.marker}-",
            color=stroke.colour,
            label="expected rise ± over noise",
        )
        floor = [_CLEAR * row["roughness"] for row in rows]
        ax.set(xscale="log", yscale="log", xlabel="radius ρ (filter scale)", ylabel="rise of loss")
        bottom = ax.get_ylim()[0]
        ax.fill_between(radii, floor, bottom, color=INK, alpha=0.12, linewidth=0)
        ax.plot(radii, floor, color=INK, linestyle=":", label=f"{_CLEAR} times the roughness")
        ax.set_ylim(bottom=bottom)
        ax.set_xticks(radii, [f"{radius:g}" for radius in radii])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.legend(loc="upper left")
        _keep(figure, "rise")


@main.command("error-rates")
def error_rates() -> None:
    """Draw how often verdicts err, and what they find, from the stored simulation."""
    found = stored("verdicts")
    rows = [row for row in found["rows"] if row["design"] == "pairs"]
    strokes = strokes_for(list(dict.fromkeys(row["law"] for row in rows)))
    panels = (
        ("false_difference", 'false "differs"', 0.1),
        ("false_equivalent", 'false "equivalent"', 0.1),
        ("found", "finds a ratio of 1.25", 1.0),
    )
    with figure_style():
        figure = new_figure(PAGE_WIDTH, 2.5)
        for ax, (share, title, most) in zip(figure.subplots(1, len(panels)), panels, strict=True):
            for law, stroke in strokes.items():
                of_law = [row for row in rows if row["law"] == law]
                sizes = [row["num_runs"][0] for row in of_law]
                ax.plot(
                    sizes,
                    [row[share] for row in of_law],
                    color=stroke.colour,
                    marker=stroke.marker,
                    linestyle=stroke.dash,
                    label=law,
                )
            _shares(ax, title, most, sizes)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(strokes))
        _keep(figure, "error-rates")


def _shares(ax: Axes, title: str, most: float, sizes: list[int]) -> None:
    ax.set(title=title, xlabel="pairs of runs", xscale="log", ylim=(0, 1.03 * most))
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if most < 1:
        ax.axhline(0.05, color=INK, linestyle=":", linewidth=0.8)


if __name__ == "__main__":
    main()
