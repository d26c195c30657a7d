"""What flatness is good for: each primary measure against what becomes of the network in use."""

from collections.abc import Iterable, Mapping

import numpy as np

from landscape.catalog import MeasureKind
from landscape.compare.accuracy import ByLabel, links
from landscape.compare.groups import Analysed
from landscape.compare.measures import measures_of, selected
from landscape.results.robustness import WEIGHT_NOISE, Disturbed, Robustness
from landscape.results.study import OutcomeLink
from landscape.study.contrasts import Groups
from landscape.study.plan_parts import ComparisonPlan

TEST_ERROR, GAP = "test error", "generalisation gap (test less training loss)"


def outcome_links(groups: Groups, plan: ComparisonPlan) -> tuple[OutcomeLink, ...]:
    """Rank correlations within recipes, all of them one family; nothing without two runs.

    Each outcome is a harm, and each measure a sharpness: positive where flatter networks fare
    better. All runs of ``groups`` count, so these must not hold the same networks twice.

    Raises
    ------
    ValueError
        If a primary measure was not taken.
    """
    everything = [c for members in groups.values() for c in members]
    if not everything:
        return ()
    measures = selected(measures_of(everything, fits=_is_compared), plan.primary)
    found = links(
        measures,
        outcomes_of(everything),
        {name: list(members) for name, members in groups.items()},
        plan,
        np.random.default_rng(plan.seed),
        ranks=True,
    )
    return tuple(
        OutcomeLink(
            **vars(link.correlation),
            measure=link.measure.name,
            title=link.measure.title,
            outcome=link.outcome,
            p_holm=link.p_holm,
        )
        for link in found
    )


def outcomes_of(checkpoints: Iterable[Analysed]) -> Mapping[str, ByLabel]:
    """Harms by name and label, on held-out examples where there are any.

    Test error and the gap in loss, test less training, are of all examples, as the trainer left
    them; the rises of the loss under disturbances of the examples that these were measured on. Of
    several radii of noise on the weights the middle one counts: they are one question.
    """
    found: dict[str, dict[str, float]] = {TEST_ERROR: {}, GAP: {}}
    for checkpoint in checkpoints:
        training = checkpoint.subject.training
        if training is not None and training.test_accuracy is not None:
            found[TEST_ERROR][checkpoint.label] = 1 - training.test_accuracy
        if training is not None and None not in (training.test_loss, training.train_loss):
            assert training.test_loss is not None
            assert training.train_loss is not None
            found[GAP][checkpoint.label] = training.test_loss - training.train_loss
        for result in checkpoint.results:
            if isinstance(result, Robustness):
                for row in _asked_once(result):
                    if row.loss_change is not None:
                        name = f"{row.title} (rise of the {row.split} loss)"
                        found.setdefault(name, {})[checkpoint.label] = row.loss_change.mean
    return {name: values for name, values in found.items() if values}


def _asked_once(result: Robustness) -> list[Disturbed]:
    rows = result.on(result.split)
    radii = sorted(row.size for row in rows if row.name == WEIGHT_NOISE)
    middle = radii[len(radii) // 2] if radii else None
    return [row for row in rows if row.name != WEIGHT_NOISE or row.size == middle]


def _is_compared(kind: MeasureKind) -> bool:
    return kind.is_compared
