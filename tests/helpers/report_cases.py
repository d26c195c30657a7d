"""What reports are made of: one network, two, six in two groups, and twelve recipes of a study."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from synthetic_comparison import compared_group, comparison
from synthetic_measures import all_results, sharpness
from synthetic_results import density, eigenvalues, plane, preflight, subject, trace

from landscape.results import Comparison, Result
from landscape.results.comparison import ComparedGroup, RunValue


class Case(NamedTuple):
    """The results of a report, and the verdict on them."""

    results: list[Result]
    comparison: Comparison | None = None


def one() -> Case:
    """A network alone."""
    return Case(all_results(("kaiming-s0",)))


def two() -> Case:
    """Two networks that nobody tested."""
    return Case(_first_screen_of(("ikun_v1-s0", "kaiming-s0")))


def six() -> Case:
    """Three runs each of two recipes: a tendency that so few cannot decide."""
    runs = tuple(f"ikun_v1-s{i}" for i in range(3)), tuple(f"kaiming-s{i}" for i in range(3))
    return Case(_first_screen_of(runs[0] + runs[1]), undecided(*runs))


def study() -> Case:
    """Twelve recipes of two runs, each against the first one."""
    groups = [f"recipe{i}-adam" for i in range(12)]
    labels = [f"{group}-s{seed}" for group in groups for seed in range(2)]
    whole = comparison()
    pairs = tuple(
        replace(
            whole.pairs[0],
            group=group,
            baseline=groups[0],
            runs=(f"{group}-s0", f"{group}-s1"),
            baseline_runs=(f"{groups[0]}-s0", f"{groups[0]}-s1"),
            verdict="undecided",
        )
        for group in groups[1:]
    )
    members = tuple(_group(g, (f"{g}-s0", f"{g}-s1")) for g in groups)
    return Case(
        _first_screen_of(labels),
        comparison(baseline=groups[0], groups=members, pairs=pairs),
    )


CASES: dict[str, Callable[[], Case]] = {"one": one, "two": two, "six": six, "study": study}


def undecided(runs: tuple[str, ...], others: tuple[str, ...]) -> Comparison:
    """ikun_v1 against kaiming by these runs, lower in each pair, by all measures, undecided."""
    whole = comparison()
    n = len(runs)
    rows = tuple(
        replace(
            row,
            verdict="undecided",
            reason=f"{n} pairs of runs cannot show a difference",
            estimate=1 / 0.84 if row.measure == "tolerated_noise" else 0.84,
            interval=None if n == 1 else replace(row.interval, low=0.5, high=1.3),
            runs_needed=9,
            num_runs=(n, n),
        )
        for row in whole.pairs[0].measures
    )
    values = tuple(
        RunValue(label=label, value=value, stderr=0.0, shards=())
        for labels, value in ((runs, 0.84), (others, 1.0))
        for label in labels
    )
    pair = replace(
        whole.pairs[0],
        verdict="undecided",
        reason=f"{n} pairs of runs cannot show a difference",
        runs=runs,
        baseline_runs=others,
        measures=rows,
    )
    return comparison(
        groups=(_group("ikun_v1", runs), _group("kaiming", others)),
        measures=tuple(replace(m, values=values) for m in whole.measures),
        pairs=(pair,),
        accuracy=(),
    )


def _first_screen_of(labels: Sequence[str]) -> list[Result]:
    """Of each network what the first screen shows, and no more: drawing takes time."""
    makers = (preflight, eigenvalues, density, trace, sharpness, plane)
    return [make(label) for label in labels for make in makers]


def _group(name: str, labels: Sequence[str]) -> ComparedGroup:
    return compared_group(name, labels, lambda label: subject(label).loss)
