"""Networks of one training loss: which copy along a training has the loss of its partner.

A network that is trained to a lower loss may be flatter or sharper for that reason alone. Of two
runs of one seed, the one that ends lower is set back to the epoch whose loss is nearest to the
other's last.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from landscape.hints import few
from landscape.results import Comparison
from landscape.results.comparison import MeasureRow, PairRow
from landscape.results.study import JudgedAt, LossMatchedRow
from landscape.statistics import seeds_pair
from landscape.study.contrasts import Groups, compare_contrasts
from landscape.study.gathered import Curves
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run, label_of


def loss_matched_runs(plan: Plan, curves: Curves) -> tuple[Run, ...]:
    """The copies to be measured, each once; a pair whose losses agree at the end needs none."""
    by_label = {run.label: run for run in plan.runs}
    found: dict[str, Run] = {}
    for group, baseline in plan.comparison.contrasts:
        for seed in loss_matched_seeds(plan, group, baseline):
            pair = [curves.get(name, {}).get(seed) for name in (group, baseline)]
            losses = [c.train_loss for c in pair if c is not None]
            if len(losses) < 2:
                continue  # one of them failed
            lower = int(losses[0][-1] > losses[1][-1])
            epoch = _nearest(losses[lower], losses[1 - lower][-1])
            if epoch < len(losses[lower]):
                copy = by_label[label_of((group, baseline)[lower], seed)].copied_at(epoch)
                found[copy.label] = copy
    return tuple(found.values())


def loss_matched_seeds(plan: Plan, group: str, baseline: str) -> list[int]:
    """The first seeds that both recipes have, as many as the plan asks for."""
    a, b = (plan.recipe(name).seeds for name in (group, baseline))
    return [seed for seed in a if seed in b][: plan.comparison.loss_matched_seeds]


def _nearest(losses: np.ndarray, loss: float) -> int:
    """The epoch, from 1, whose loss is nearest to ``loss``; the last of several."""
    gaps = np.abs(losses - loss)
    return len(losses) - int(np.argmin(gaps[::-1]))


def loss_matched_rows(
    plan: Plan, groups: Groups, by_epoch: Comparison | None, *, command: str
) -> tuple[LossMatchedRow, ...]:
    """Every contrast judged at the last epoch, and at one loss on the seeds that were matched.

    One whose runs failed so that too few seeds are left to pair is left out.

    Parameters
    ----------
    groups
        The trained networks and the copies, by recipe.
    by_epoch
        The study's verdicts, on all seeds.

    Raises
    ------
    ValueError
        If a primary measure was not taken, or results were not measured alike.
    """
    if by_epoch is None or not plan.comparison.loss_matched_seeds:
        return ()
    contrasts = [(pair.group, pair.baseline) for pair in by_epoch.pairs]
    seeds = {seed for names in contrasts for seed in loss_matched_seeds(plan, *names)}
    chosen = {name: [c for c in members if c.seed in seeds] for name, members in groups.items()}
    # Where runs failed, what is left of two recipes need not pair.
    left = {name: [c.seed for c in members] for name, members in chosen.items()}
    paired = tuple((a, b) for a, b in contrasts if seeds_pair(left[a], left[b]))
    by_loss = compare_contrasts(
        chosen,
        dataclasses.replace(plan.comparison, contrasts=paired),
        split=plan.analysis.split,
        command=command,
        match="loss",
    )
    if by_loss is None:
        return ()
    matched = {(pair.group, pair.baseline): pair for pair in by_loss.pairs}
    return tuple(
        LossMatchedRow(
            group=pair.group,
            baseline=pair.baseline,
            measure=by_epoch.measure(row.measure).title,
            by_epoch=_judged(pair, row),
            by_loss=_judged(other, other_row),
        )
        for pair in by_epoch.pairs
        if (other := matched.get((pair.group, pair.baseline)))
        for row in pair.measures
        for other_row in other.measures
        if other_row.measure == row.measure
    )


def unmatched(by_epoch: Comparison | None, rows: Sequence[LossMatchedRow]) -> list[str]:
    """In a sentence, the contrasts that are not among ``rows`` and whose recipes have runs."""
    told = {(row.group, row.baseline) for row in rows}
    pairs = by_epoch.pairs if by_epoch else ()
    names = [f"{p.group} against {p.baseline}" for p in pairs if (p.group, p.baseline) not in told]
    if not names:
        return []
    return [f"Not judged at one training loss, where too few seeds are left: {few(names)}."]


def _judged(pair: PairRow, row: MeasureRow) -> JudgedAt:
    return JudgedAt(
        num_pairs=min(row.num_runs),
        loss_ratio=pair.loss_ratio,
        scale=row.scale,
        estimate=row.estimate,
        interval=row.interval,
        verdict=row.verdict,
    )
