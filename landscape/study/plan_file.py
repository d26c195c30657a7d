"""A plan's TOML file: what it may hold, and how it is read."""

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from landscape.analysis.budget import BUDGETS, Budget, ScaledBudget
from landscape.hints import close_to
from landscape.settings import value_type
from landscape.study.plan import Plan
from landscape.study.plan_parts import (
    AnalysisPlan,
    ComparisonPlan,
    Control,
    Recipe,
    RescaledCopy,
)
from landscape.training.config import TrainConfig

_Table = Mapping[str, Any]

_TRAINING = {f.name for f in dataclasses.fields(TrainConfig)} - {"seed", "snapshots"}
# May name files, relative to the plan's.
_OF_USERS = (
    "model",
    "data",
    "loss",
    "objective",
    "readout",
)
_GRID = ("init", "gain", "beta", "optimizer")
_ANALYSIS = {f.name for f in dataclasses.fields(AnalysisPlan)}
_COMPARISON = {f.name for f in dataclasses.fields(ComparisonPlan)}
_SHARPNESS = ("measures", "scales", "radii", "ball_radii", "num_pairs", "num_restarts")
_SPECTRUM = ("num_largest", "num_smallest", "tol", "num_probes", "num_steps", "max_matvecs")


def load_plan(path: Path, *, curvature_every: int | None = None) -> Plan:
    """Read a plan.

    Parameters
    ----------
    path
        A TOML file; ``studies/small.toml`` shows every table. Files of the user's own that it names
        (``model = "nets.py:make"``) are relative to its folder.
    curvature_every
        In place of the file's own.

    Raises
    ------
    ValueError
        If it is no TOML, holds a key that is not known, or declares something impossible; the
        message names the file.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if curvature_every is not None:
            table.setdefault("analysis", {})["curvature_every"] = curvature_every
        return plan_from_table(_located(table, path.parent), default_title=path.stem)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _located(table: _Table, folder: Path) -> _Table:
    """The table with the places of the files that its trainings name."""

    def located(part: object) -> object:
        if not isinstance(part, Mapping):
            return part  # a mistake, which is told of where the table is read
        own = {key: part[key] for key in _OF_USERS if isinstance(part.get(key), str)}
        return {**part, **{key: _path_in(spec, folder) for key, spec in own.items()}}

    found = dict(table)
    if "training" in table:
        found["training"] = located(table["training"])
    if isinstance(table.get("recipe"), list):
        found["recipe"] = [located(entry) for entry in table["recipe"]]
    return found


def _path_in(spec: str, folder: Path) -> str:
    """``spec`` with the whole path of its file; what names no file, as it is."""
    target, mark, query = spec.partition("?")
    place, colon, name = target.rpartition(":")
    if place.endswith(".py"):
        return f"{(folder / place).resolve()}{colon}{name}{mark}{query}"
    return str((folder / spec).resolve()) if spec.endswith(".npz") else spec


def plan_from_table(table: _Table, *, default_title: str) -> Plan:
    """Make the plan of a TOML document."""
    known = ("title", "seeds", "training", "grid", "recipe", "copy", "analysis")
    _check(table, (*known, "comparison", "control"), "the plan")
    shared = _part(table, "training", _TRAINING)
    grid = _part(table, "grid", _GRID)
    analysis = _analysis(table.get("analysis", {}))
    seeds = _seeds(table.get("seeds", 1))
    comparison = _part(table, "comparison", _COMPARISON)
    # One loss may lie after any epoch: then each leaves a copy.
    every = 1 if comparison.get("loss_matched_seeds") else analysis.curvature_every
    recipes = [
        _recipe({**shared, **chosen}, None, seeds, every) for chosen in _combinations(grid, shared)
    ]
    for entry in table.get("recipe", ()):
        _check(entry, (*_TRAINING, "name", "seeds"), "[[recipe]]")
        settings = {k: v for k, v in entry.items() if k not in ("name", "seeds")}
        own = _seeds(entry["seeds"]) if "seeds" in entry else seeds
        recipes.append(_recipe({**shared, **settings}, entry.get("name"), own, every))
    if analysis.curvature_every:
        _check_course(recipes, analysis.curvature_every)
    for entry in table.get("copy", ()):
        _check(entry, ("name", "of", "factor"), "[[copy]]")
    for entry in table.get("control", ()):
        _check(entry, ("name", "group", "baseline", "expect"), "[[control]]")
    optimizers: list[str] = list(dict.fromkeys(r.config.optimizer for r in recipes))
    return Plan(
        title=table.get("title", default_title),
        recipes=tuple(recipes),
        copies=tuple(RescaledCopy(**entry) for entry in table.get("copy", ())),
        analysis=analysis,
        comparison=_comparison(comparison, optimizers),
        controls=tuple(Control(**entry) for entry in table.get("control", ())),
    )


def recipe_name(config: TrainConfig) -> str:
    """The initialisation, what modifies it, and the optimiser."""
    parts = [config.init]
    if config.gain != 1:
        parts.append(f"gain{config.gain:g}")
    if config.beta != "released":
        parts.append(config.beta)
    parts.append(config.optimizer_name)
    return "-".join(parts)


def _recipe(settings: _Table, name: str | None, seeds: tuple[int, ...], every: int) -> Recipe:
    config = TrainConfig(**settings)
    if every:
        config = dataclasses.replace(config, snapshots=config.epochs // every + 1)
    return Recipe(name=name or recipe_name(config), config=config, seeds=seeds)


def _check_course(recipes: Iterable[Recipe], every: int) -> None:
    for config in (recipe.config for recipe in recipes):
        if config.epochs % every:
            raise ValueError(
                f"curvature_every must divide epochs ({config.epochs}), so that the last "
                f"measurement is of the trained network; got {every}."
            )


def _combinations(grid: _Table, shared: _Table) -> Iterable[dict[str, Any]]:
    """Every combination; β varies the IKUN schemes only, which alone have one."""
    if not grid:
        return
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid.{key} must be a list of values; got {values!r}.")
    seen = []
    for values in product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        init = str(chosen.get("init", shared.get("init", "")))
        if not init.startswith("ikun"):
            chosen.pop("beta", None)
        if chosen not in seen:
            seen.append(chosen)
            yield chosen


def _analysis(table: _Table) -> AnalysisPlan:
    allowed = (_ANALYSIS - {"budget"}) | {"budget", *_SHARPNESS, *_SPECTRUM}
    _check(table, allowed, "[analysis]")
    name = table.get("budget", "quick")
    if name not in BUDGETS:
        raise ValueError(f"budget must be one of {', '.join(BUDGETS)}; got {name!r}.")
    sharpness = {k: _frozen(table[k]) for k in _SHARPNESS if k in table}
    spectrum = {k: table[k] for k in _SPECTRUM if k in table}
    base = BUDGETS[name]
    budget: Budget = dataclasses.replace(
        base,
        sharpness=dataclasses.replace(base.sharpness, **sharpness),
        scaled=base.scaled and _replaced(base.scaled, spectrum),
        **spectrum,
    )
    own = {k: v for k, v in table.items() if k in _ANALYSIS - {"budget"}}
    own = _frozen_for(AnalysisPlan, own)
    return AnalysisPlan(budget=budget, **own)


def _replaced(scaled: ScaledBudget, spectrum: _Table) -> ScaledBudget:
    """What a plan asks of spectra, it asks of the scaled one too."""
    own = {f.name for f in dataclasses.fields(scaled)}
    return dataclasses.replace(scaled, **{k: v for k, v in spectrum.items() if k in own})


def _comparison(table: _Table, optimizers: list[str]) -> ComparisonPlan:
    _require_table(table.get("scatter", {}), "[comparison.scatter]")
    pairs = []
    for pair in table.get("contrasts", ()):
        if not (isinstance(pair, list) and len(pair) == 2):
            raise ValueError(f"a contrast must be [group, baseline]; got {pair!r}.")
        spread = optimizers if any("{optimizer}" in name for name in pair) else [""]
        for optimizer in spread:
            first, second = (str(name).replace("{optimizer}", optimizer) for name in pair)
            pairs.append((first, second))
    settings = _frozen_for(ComparisonPlan, {k: v for k, v in table.items() if k != "contrasts"})
    return ComparisonPlan(contrasts=tuple(pairs), **settings)


def _seeds(value: Any) -> tuple[int, ...]:
    """A number of seeds, counted from 0, or a list of them."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return tuple(range(value))
    if isinstance(value, list) and value and all(isinstance(v, int) and v >= 0 for v in value):
        if len(set(value)) < len(value):
            raise ValueError(f"seeds must differ; got {value}.")
        return tuple(value)
    raise ValueError(f"seeds must be a number of at least 1 or a list of seeds; got {value!r}.")


def _part(table: _Table, name: str, known: Iterable[str]) -> _Table:
    part: _Table = table.get(name, {})
    _check(part, known, f"[{name}]")
    return part


def _check(table: _Table, known: Iterable[str], what: str) -> None:
    names = sorted(known)
    _require_table(table, what)
    for key in table:
        if key not in names:
            hint = close_to(key, names) or f" Known: {', '.join(names)}."
            raise ValueError(f"{what} holds {key!r}, which is not known.{hint}")


def _require_table(value: object, what: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be a table; got {value!r}.")


def _frozen_for(kind: type[Any], table: _Table) -> dict[str, Any]:
    """The fields of a dataclass, lists as tuples: a word is no list of its letters."""
    for field in dataclasses.fields(kind):
        value = table.get(field.name)
        is_list = value is None or value_type(field.type)[1] is None or isinstance(value, list)
        if not is_list:
            raise ValueError(f"{field.name} must be a list; got {value!r}.")
    return {k: _frozen(v) for k, v in table.items()}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
