"""The four tiles: sharpest curvature, trace, rise of the loss, and the loss itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landscape.catalog import MEASURES
from landscape.page.numbers import common_power, power_of_ten, rounded
from landscape.page.style import COLOURS
from landscape.report.first.entries import Entry
from landscape.report.first.values import EXAMPLES, Key, Readings, Value, median_of
from landscape.results import Comparison, Subject

MOST_ROWS = 4  # entries with a number of their own
_MOST_NAMED = 16  # with a name beside their dot; of more the least and the greatest are told
_MARGIN = 4  # per cent of a strip's width, left free at either end


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number of one entry."""

    text: str
    error: str
    colour: str  # the entry's class in the style sheet
    name: str = ""  # where the colour alone does not tell whose it is


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A value with its range in a strip, in per cent of the strip's width."""

    x: float
    low: float
    high: float
    colour: str
    title: str
    name: str  # empty where the colour tells whose it is


@dataclass(frozen=True, kw_only=True)
class Strip:
    """All entries' values on one axis, the lower side at the left."""

    dots: tuple[Dot, ...]
    ends: tuple[str, str]  # numbers of its axis, shown where entries have none of their own
    sides: tuple[str, str]  # what it means to be at either end

    @property
    def dense(self) -> bool:
        """Whether entries are too many for a number each."""
        return len(self.dots) > MOST_ROWS

    @property
    def named(self) -> bool:
        """Whether each dot has its name beside it."""
        return bool(self.dots[0].name)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One measure on the first screen."""

    title: str
    hint: str
    rows: tuple[Row, ...]
    strip: Strip | None = None  # None where there is nothing to compare


class Titled(NamedTuple):
    """Which measure a tile shows, and in which words."""

    name: str
    title: str
    hint: str


_SHOWN = (
    Titled("lambda_max", "Sharpest curvature", "λ_max{operator}{scale}"),
    Titled("trace", "Trace", "sum of all eigenvalues{operator}{scale}"),
    Titled("expected_rise", "Average-case sharpness", "expected rise, noise of {radius}"),
    Titled("worst_rise", "Worst-case sharpness", "rise of the loss within {radius}, from below"),
)
_TILES = 3  # of curvature and rises; a rise of the second kind where the first is not known
_SCALES = {
    "filter": ", filter-normalised",
    "weight": ", scaled by the weights",
    "symmetry": ", scaled by weights and their products",
}
_PER = {
    "filter": "of each filter",
    "weight": "of each weight",
    "symmetry": "of each weight or product",
    "none": "of ‖θ‖",
}


def picks(
    readings: Readings, entries: Sequence[Entry], comparison: Comparison | None
) -> list[tuple[Titled, Key]]:
    """The measures of the tiles, those that all entries have."""
    found = [(shown, readings.pick(shown.name, entries, comparison)) for shown in _SHOWN]
    return [(shown, key) for shown, key in found if key is not None]


def measure_tiles(
    readings: Readings,
    entries: Sequence[Entry],
    chosen: Sequence[tuple[Titled, Key]],
    comparison: Comparison | None,
) -> list[Tile]:
    """A tile for each of the first three measures that there are, and for the one that decides."""
    decides = readings.called(comparison.settings.primary, entries) if comparison else None
    kept = list(chosen[:_TILES])
    if decides is not None and decides not in [key for _, key in kept]:
        title = MEASURES[decides.name].title
        kept.insert(0, (Titled(decides.name, title, "{operator}{scale}"), decides))
    return [_tile(readings, entries, shown, key, key == decides) for shown, key in kept]


def _tile(
    readings: Readings, entries: Sequence[Entry], shown: Titled, key: Key, decides: bool
) -> Tile:
    values = [(e, v) for e in entries if (v := readings.value(key, e)) is not None]
    power, colours = common_power([v.value for _, v in values]), _colours(entries)
    over = {v.over for _, v in values} - {""}
    drawn = strip(values, colours) if len(values) > 1 else None
    told = ["decides"] * decides + [hint_of(shown, key)]
    if power:
        told.append(f"in {power_of_ten(power)}")
    if over:
        what = {"runs": "median, range of runs", EXAMPLES: "95 % for all examples"}
        told.append(", ".join(sorted(what.get(o, f"± over {o}") for o in over)))
    return Tile(
        title=shown.title,
        hint="; ".join(told),
        rows=tuple(_row(v, power, colours[e.name], name) for e, v, name in _told(values, drawn)),
        strip=drawn,
    )


def hint_of(shown: Titled, key: Key) -> str:
    """What exactly a measure is of, in a few words."""
    of = "" if key.operator in (None, "hessian") else f" of the {key.operator}"
    radius = "" if key.radius is None else f"{100 * key.radius:g} % {_PER[key.scale]}"
    told = shown.hint.format(operator=of, scale=_SCALES.get(key.scale, ""), radius=radius)
    return told.removeprefix(",").strip()


def _told(values: list[tuple[Entry, Value]], drawn: Strip | None) -> list[tuple[Entry, Value, str]]:
    """All entries; none where a strip names them; of many the lowest and the highest by name."""
    if len(values) <= MOST_ROWS:
        return [(e, v, "") for e, v in values]
    if drawn is not None and drawn.named:
        return []
    ranked = sorted(values, key=lambda pair: pair[1].value)
    return [(e, v, e.name) for e, v in (ranked[0], ranked[-1])]


def _row(value: Value, power: int, colour: str, name: str) -> Row:
    scale = 10.0**-power
    if value.over in ("runs", EXAMPLES) and value.high is not None:
        text, high = (rounded(v * scale, digits=3).text() for v in (value.value, value.high))
        low = None if value.low is None else rounded(value.low * scale, digits=3).text()
        error = f"≤ {high}" if low is None else f"{low} – {high}"
    else:
        stderr = None if value.stderr is None else value.stderr * scale
        text, _, error = rounded(value.value * scale, stderr, digits=3).text().partition(" ± ")
        error = f"± {error}" if error else ""
    return Row(text=text, error=error, colour=colour, name=name)


def _colours(entries: Sequence[Entry]) -> dict[str, str]:
    """A class for each entry by name: its colour; ink for all where colours would mean two."""
    numbers = [COLOURS.index(entry.stroke.colour) for entry in entries]
    alone = len(set(numbers)) == len(numbers)
    return {e.name: f"c{n}" if alone else "ink" for e, n in zip(entries, numbers, strict=True)}


def strip(
    values: Sequence[tuple[Entry, Value]],
    colours: Mapping[str, str],
    sides: tuple[str, str] = ("flatter", "sharper"),
) -> Strip | None:
    """Dots with their ranges, one axis for all; None where nothing tells them apart."""
    ends = [end for _, v in values for end in (v.value, v.low, v.high) if end is not None]
    low, high = min(ends), max(ends)
    if not math.isfinite(high - low) or high <= low:
        return None

    def place(x: float | None, otherwise: float) -> float:
        x = otherwise if x is None else x
        return round(_MARGIN + (100 - 2 * _MARGIN) * (x - low) / (high - low), 1)

    named = MOST_ROWS < len(values) <= _MOST_NAMED
    return Strip(
        dots=tuple(
            Dot(
                x=place(v.value, 0),
                low=place(v.low, v.value),
                high=place(v.high, v.value),
                colour=colours[e.name],
                title=f"{e.name}: {v.value:.3g}",
                name=e.name * named,
            )
            for e, v in values
        ),
        ends=(_short(low), _short(high)),
        sides=sides,
    )


def loss_tile(subjects: Sequence[Subject], entries: Sequence[Entry], split: str) -> Tile:
    """Loss on the examples and on test data, and their gap."""
    losses = [(e, *_losses([s for s in subjects if s.label in e.labels], split)) for e in entries]
    found = [(e, here, test) for e, here, test in losses if here is not None]
    many, colours = len(found) > MOST_ROWS, _colours(entries)
    with_test = any(test is not None for *_, test in found)
    hint = f"{', '.join(sorted({s.loss_name for s in subjects}))} loss"
    if with_test:
        hint += "; dot: train, line: to test" if many else ", and their gap"
    tests = {e.name: test for e, _, test in found}
    here_and_test = [(e, _until(here, test)) for e, here, test in found]
    drawn = strip(here_and_test, colours, ("lower", "higher")) if many else None
    return Tile(
        title="Train and test" if with_test else "Loss",
        hint=hint,
        rows=tuple(
            Row(
                text=_short(here.value),
                error="" if (test := tests[e.name]) is None else _test(here, test, not many),
                colour=colours[e.name],
                name=name,
            )
            for e, here, name in _told(here_and_test, drawn)
        ),
        strip=drawn,
    )


def _until(here: Value, test: Value | None) -> Value:
    ends = (here.value, here.value if test is None else test.value)
    return Value(value=here.value, low=min(ends), high=max(ends))


def _losses(members: Sequence[Subject], split: str) -> tuple[Value | None, Value | None]:
    """The median loss on the examples, and on test data as measured or as training logged it."""
    measured = [s.loss for s in members if s.split == "test"]
    logged = (s.training.test_loss for s in members if s.training is not None)
    test = measured or [loss for loss in logged if loss is not None]
    return median_of(s.loss for s in members if s.split == split), median_of(test)


def _test(here: Value, test: Value, with_gap: bool) -> str:
    gap = f", gap {rounded(test.value - here.value, digits=2).text()}" * with_gap
    return f"→ {_short(test.value)}{gap}"


def _short(value: float) -> str:
    return rounded(value, digits=3).text()
