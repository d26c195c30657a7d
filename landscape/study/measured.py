"""Which measures a plan's analyses give: a name that is none of them is told of before the runs."""

from collections.abc import Iterable, Iterator

from landscape.analysis.budget import Budget
from landscape.catalog import ANALYSES
from landscape.catalog.measures import COMPARED
from landscape.catalog.scales import BEARING
from landscape.compare.measures import fits
from landscape.hints import close_to, few
from landscape.results.sharpness import measure_label
from landscape.study.plan_parts import AnalysisPlan

_TABLE = "SharpnessTable"  # where measures stand that are read off no other result
_SHOWN = 12


def check_measures(analysis: AnalysisPlan, asked: Iterable[str]) -> None:
    """Refuse a measure that no analysis of the plan gives.

    Parameters
    ----------
    asked
        Names as ``compare`` takes them: ``lambda_max[filter]``, with operator and radius left open,
        or globs.

    Raises
    ------
    ValueError
        Naming the first such measure, and those that there will be.
    """
    names = list(dict.fromkeys(measure_names(analysis)))
    by_layer = {row.name for row in analysis.budget.sharpness.rows if row.of_layers}
    for pattern in asked:
        kind = pattern.split()[0] if pattern.strip() else pattern
        if not any(fits(name, kind if name in by_layer else pattern) for name in names):
            hint = close_to(pattern, names) or f" It gives {few(names, _SHOWN)}."
            raise ValueError(
                f"primary and measures name what the plan's analyses give; {pattern!r} is none of "
                f"these.{hint}"
            )


def is_compared(analysis: str) -> bool:
    """Whether comparisons take a measure of what the analysis of that name gives."""
    gives = ANALYSES[analysis].gives
    return any((kind.of or _TABLE) in gives for kind in COMPARED.values())


def measure_names(analysis: AnalysisPlan) -> Iterator[str]:
    """What comparisons call the measures that every checkpoint will have.

    The scale that a preflight certifies is not known yet: where there is one, all that may be count
    as measured. Those of single layers, whose names are the network's, are told by their kind.
    """
    certified = BEARING if "preflight" in analysis.only else ()
    for kind in map(ANALYSES.__getitem__, analysis.only):
        for given in kind.gives:
            if given == _TABLE:
                yield from _of_table(analysis.budget, certified)
                continue
            scales = (kind.scale, *(certified if kind.name == "scaled" else ()))
            for measure in COMPARED.values():
                if measure.of == given:
                    yield from (measure_label(measure.name, s, analysis.operator) for s in scales)


def _of_table(budget: Budget, certified: tuple[str, ...]) -> Iterator[str]:
    for name, scales, radii, is_scaled, _ in budget.sharpness.rows:
        for scale in (*scales, *(certified if is_scaled else ())):
            for radius in radii:
                yield measure_label(name, scale, radius=radius)
