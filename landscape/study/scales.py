"""How large each recipe's weights are at the start, beside what is measured of its networks.

An initialisation is a choice of scale before anything else. Where one scheme is drawn at several
gains, the others can be set beside it: a scheme that lies on that curve owes what it shows to its
scale.
"""

import math
from collections.abc import Sequence

from landscape.compare.groups import Analysed
from landscape.compare.values import Value, values_of
from landscape.results.study import RecipeScale
from landscape.study.contrasts import Groups
from landscape.study.plan import Plan
from landscape.study.plan_parts import Recipe
from landscape.training.config import TrainConfig
from landscape.training.network import network_of


def recipe_scales(plan: Plan, groups: Groups) -> tuple[RecipeScale, ...]:
    """Each recipe by each primary measure; none where no scheme is drawn at several gains.

    What trains otherwise, by sharpness-aware minimisation say, has no place on that curve.
    """
    plain = [r for r in plan.recipes if r.config.sam_rho == 0]
    swept = {_but_gain(r.config) for r in plain if _num_gains(r, plain) > 2}
    rows = []
    for recipe in plain:
        if not _beside(recipe.config, swept):
            continue
        for measure in plan.comparison.primary:
            values = _values(groups.get(recipe.name, ()), measure)
            if values:
                rows.append(
                    RecipeScale(
                        recipe=recipe.name,
                        init=recipe.config.init,
                        optimizer=recipe.config.optimizer,
                        gain=recipe.config.gain,
                        in_sweep=_but_gain(recipe.config) in swept,
                        scale=weight_scale(recipe.config),
                        measure=values[0].title,
                        values=tuple(v.row.value for v in values),
                    )
                )
    return tuple(rows)


def weight_scale(config: TrainConfig) -> float:
    """Geometric mean over layers of fan-in times the variance of the initial weights.

    1 is LeCun's, 2 Kaiming's.
    """
    _, initialisation = network_of(config)
    logs = [math.log(w.fan_in * w.std**2) for w in initialisation.weights]
    return math.exp(math.fsum(logs) / len(logs))


def _values(members: Sequence[Analysed], measure: str) -> list[Value]:
    return [
        value
        for checkpoint in members
        for value in values_of(checkpoint, lambda kind: kind.is_sharpness)
        if value.name == measure
    ]


def _but_gain(config: TrainConfig) -> tuple[tuple[str, object], ...]:
    kept = config.to_dict().items()
    return tuple((name, value) for name, value in kept if name not in ("gain", "seed"))


def _num_gains(recipe: Recipe, recipes: Sequence[Recipe]) -> int:
    return sum(_but_gain(recipe.config) == _but_gain(other.config) for other in recipes)


def _beside(config: TrainConfig, swept: set[tuple[tuple[str, object], ...]]) -> bool:
    """Whether it is trained as those of a sweep are, whatever it starts from."""

    def training(settings: tuple[tuple[str, object], ...]) -> tuple[tuple[str, object], ...]:
        return tuple(pair for pair in settings if pair[0] not in ("init", "beta"))

    return training(_but_gain(config)) in {training(settings) for settings in swept}
