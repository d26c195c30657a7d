"""The figure of what flatness goes with: correlations with their intervals, a row an outcome."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from landscape.page.style import INK, PAPER, figure_text, read_out, strokes_for
from landscape.results.study import OutcomeLink

_ROOM = 0.6  # of a row that its marks spread over


def plot_links(rows: Sequence[OutcomeLink], ax: Axes, *, alpha: float) -> None:
    """Draw a mark for each measure in the row of each outcome; hollow: not decided after Holm.

    Measures and outcomes are named by what stands before their brackets, if that tells them apart.
    """
    outcomes = list(dict.fromkeys(row.outcome for row in rows))
    titles = list(dict.fromkeys(row.title for row in rows))
    names = {title: figure_text(_short(title, titles)) for title in titles}
    strokes = strokes_for(titles)
    ax.axvline(0, color=INK, linewidth=0.8)
    for k, title in enumerate(titles):
        stroke = strokes[title]
        shown = [r for r in rows if r.title == title and r.correlation is not None]
        places = [
            outcomes.index(r.outcome) + _ROOM * ((k + 0.5) / len(titles) - 0.5) for r in shown
        ]
        for row, place in zip(shown, places, strict=True):
            assert row.correlation is not None
            if row.interval is not None:
                ends = [row.interval.low, row.interval.high]
                ax.plot(ends, [place, place], color=stroke.colour, linewidth=1.1)
            decided = row.p_holm is not None and row.p_holm <= alpha
            ax.plot(
                [row.correlation],
                [place],
                color=stroke.colour,
                marker=stroke.marker,
                markersize=4.5,
                markerfacecolor=stroke.colour if decided else PAPER,
                linestyle="none",
            )
        ax.plot([], [], color=stroke.colour, marker=stroke.marker, label=names[title])
    ax.set_yticks(range(len(outcomes)), [figure_text(_short(o, outcomes)) for o in outcomes])
    ax.set_ylim(len(outcomes) - 0.5, -0.5)
    ends = [abs(e) for r in rows if r.interval for e in (r.interval.low, r.interval.high)]
    far = min(1.0, 1.05 * max([0.5, *ends]))
    ax.set_xlim(-far, far)
    ax.grid(visible=False, axis="y")
    read_out(ax, "correlation {:.2f}", "")
    ax.set_xlabel("rank correlation within recipes\n(right: flatter fares better)")


def _short(words: str, among: Sequence[str]) -> str:
    short = words.partition(" (")[0]
    return short if sum(w.partition(" (")[0] == short for w in among) == 1 else words
