"""Which checkpoint of each training run is compared: matched by epoch, by loss, or not at all.

A network trained further, or to a lower loss, is often sharper or flatter for that reason alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from landscape.compare.groups import Analysed
from landscape.compare.settings import Match
from landscape.statistics import seeds_pair


class Matched(NamedTuple):
    """Two groups, one checkpoint a run."""

    runs: list[Analysed]  # in the order of ``baseline_runs`` where paired
    baseline_runs: list[Analysed]
    paired: bool  # by seed
    words: str  # how they were chosen, and the gap in loss that is left
    loss_ratio: float | None  # median over runs, group over baseline; None: a loss is not positive


def match_runs(
    group: Sequence[Analysed],
    baseline: Sequence[Analysed],
    *,
    names: tuple[str, str],
    how: Match,
) -> Matched:
    """Choose one checkpoint of every run of both groups.

    ``epoch``: at the last epoch that all runs have. ``loss``: for each seed the two checkpoints
    nearest in loss, one of them the last of its run. ``none``: the last of each run.

    Raises
    ------
    ValueError
        If no epoch is shared, checkpoints of one run cannot be told apart, or losses are to be
        matched between groups that share no seeds.
    """
    a, b = _by_run(names[0], group), _by_run(names[1], baseline)
    paired = seeds_pair(a, b)
    if paired:
        shared = [key for key in a if key in b]
        a, b = {k: a[k] for k in shared}, {k: b[k] for k in shared}
    if how == "epoch":
        epoch = _shared_epoch(names, a, b)
        runs = [_at(epoch, run) for run in a.values()]
        partners = [_at(epoch, run) for run in b.values()]
        words = f"at {_epochs(runs)}"
    elif how == "loss":
        if not paired:
            raise ValueError(
                f"match='loss' needs seeds that {names[0]!r} and {names[1]!r} share; got "
                f"{_seeds(a)} and {_seeds(b)}. Match by epoch, or add runs."
            )
        chosen = [_nearest(a[key], b[key]) for key in a]
        runs, partners = [x for x, _ in chosen], [y for _, y in chosen]
        words = (
            f"by the checkpoints nearest in loss, at {_epochs(runs)} against {_epochs(partners)}"
        )
        if all(len(run) == 1 for run in (*a.values(), *b.values())):
            words += " (one checkpoint of each run: there was no choice)"
    else:
        runs, partners = [run[-1] for run in a.values()], [run[-1] for run in b.values()]
        words = (
            f"by the last checkpoint of each run, at {_epochs(runs)} against {_epochs(partners)}"
        )
    ratio, gap = _loss_gap(runs, partners, paired)
    return Matched(runs, partners, paired, f"{words}; {gap}", ratio)


def last_of_each_run(name: str, group: Sequence[Analysed]) -> list[Analysed]:
    """The checkpoint of the last epoch of every run of a group."""
    return [run[-1] for run in _by_run(name, group).values()]


_Runs = dict[object, list[Analysed]]  # by seed, or by label where seeds are unknown; by epoch


def _by_run(name: str, group: Sequence[Analysed]) -> _Runs:
    runs: _Runs = {}
    for c in group:
        runs.setdefault(c.label if c.seed is None else c.seed, []).append(c)
    for key, members in runs.items():
        members.sort(key=lambda c: -1 if c.epoch is None else c.epoch)
        epochs = [c.epoch for c in members]
        if len(set(epochs)) < len(members):
            raise ValueError(
                f"group {name!r} must have one checkpoint of each seed and epoch; it has "
                f"{', '.join(c.label for c in members)}, all of seed {key}. Name narrower groups "
                "with --group."
            )
    return runs


def _shared_epoch(names: tuple[str, str], a: _Runs, b: _Runs) -> int | None:
    epochs = [{c.epoch for c in run} for run in (*a.values(), *b.values())]
    shared = set.intersection(*epochs)
    if not shared:
        finals = [sorted({str(run[-1].epoch) for run in runs.values()}) for runs in (a, b)]
        raise ValueError(
            "match='epoch' needs an epoch that all runs have; the last ones are "
            f"{', '.join(finals[0])} of {names[0]!r} and {', '.join(finals[1])} of {names[1]!r}. "
            "Analyse checkpoints of one epoch, or compare with --match loss or --match none."
        )
    return max(shared, key=lambda epoch: -1 if epoch is None else epoch)


def _at(epoch: int | None, run: Sequence[Analysed]) -> Analysed:
    return next(c for c in run if c.epoch == epoch)


def _nearest(a: Sequence[Analysed], b: Sequence[Analysed]) -> tuple[Analysed, Analysed]:
    # One of the two is the end of its run: else the untrained networks would match best.
    pairs = [*((x, b[-1]) for x in a), *((a[-1], y) for y in b)]
    return min(pairs, key=lambda pair: abs(pair[0].subject.loss - pair[1].subject.loss))


def _loss_gap(
    runs: Sequence[Analysed], partners: Sequence[Analysed], paired: bool
) -> tuple[float | None, str]:
    x = np.array([c.subject.loss for c in runs])
    y = np.array([c.subject.loss for c in partners])
    if not ((x > 0).all() and (y > 0).all()):
        return None, f"median losses {np.median(x):.3g} and {np.median(y):.3g}"
    if not paired:
        ratio = float(np.median(x) / np.median(y))
        return ratio, f"loss {ratio:.3g} times the baseline's (ratio of medians)"
    ratios = x / y
    ratio = float(np.median(ratios))
    spread = f", {ratios.min():.3g} to {ratios.max():.3g}" if len(ratios) > 1 else ""
    return ratio, f"loss {ratio:.3g} times the baseline's (median of pairs{spread})"


def _epochs(runs: Sequence[Analysed]) -> str:
    epochs = [c.epoch for c in runs if c.epoch is not None]
    if not epochs:
        return "an unknown epoch" if len(runs) == 1 else "unknown epochs"
    low, high = min(epochs), max(epochs)
    return f"epoch {low}" if low == high else f"epochs {low} to {high}"


def _seeds(runs: _Runs) -> str:
    return ", ".join(str(key) for key in runs)
