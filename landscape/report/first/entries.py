"""What the first screen has a row and a colour for: networks, or groups of networks."""

from collections.abc import Sequence
from dataclasses import dataclass

from landscape.page.material import Material, by_recipe
from landscape.page.style import Stroke
from landscape.results import Comparison


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network, or training runs of one recipe."""

    name: str
    labels: tuple[str, ...]
    stroke: Stroke  # of the first of them that the page shows

    @property
    def title(self) -> str:
        """The name, and of how many runs."""
        count = len(self.labels)
        return self.name if count == 1 else f"{self.name} ({count} runs)"


def entries_of(material: Material, comparison: Comparison | None) -> tuple[Entry, ...]:
    """The groups of a comparison; without one recipes of several runs, or each network."""
    known = material.whole.labels
    compared = {} if comparison is None else _compared(comparison, known)
    groups = compared if any(compared.values()) else _by_recipe(known)
    return tuple(
        Entry(name=name, labels=labels, stroke=material.strokes[_first(labels, material.labels)])
        for name, labels in groups.items()
        if labels
    )


def _first(labels: Sequence[str], shown: Sequence[str]) -> str:
    """The first of them that the page shows, else the first."""
    return next((label for label in labels if label in shown), labels[0])


def _compared(comparison: Comparison, known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The runs that the verdicts rest on; where epochs were chosen, these ones only."""
    runs = {group.name: tuple(run.label for run in group.runs) for group in comparison.groups}
    for pair in comparison.pairs:
        runs[pair.group], runs[pair.baseline] = pair.runs, pair.baseline_runs
    return {name: tuple(r for r in labels if r in known) for name, labels in runs.items()}


def _by_recipe(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for label, name in by_recipe(labels).items():
        groups[name] = (*groups.get(name, ()), label)
    return groups
