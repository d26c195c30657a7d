"""Recipes of training, as sidecars tell them: what each is called, and where two differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from landscape.results import Subject, TrainingInfo


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the runs of one group share."""

    training: TrainingInfo  # only what a recipe consists of is looked at
    model: str

    @classmethod
    def of(cls, subject: Subject) -> "Recipe":
        """Of a checkpoint whose sidecar tells it."""
        assert subject.training is not None
        return cls(training=subject.training, model=subject.model)

    def name(self, others: Sequence["Recipe"]) -> str:
        """The initialisation, and what else tells this recipe from ``others``."""
        t, trained = self.training, [other.training for other in others]
        same = [o for o in trained if o.optimizer == t.optimizer]
        parts = [t.init]
        if t.gain != 1:
            parts.append(f"gain{t.gain:g}")
        if t.init.startswith("ikun") and t.beta not in (None, "released"):
            parts.append(str(t.beta))
        if len(same) < len(trained):
            parts.append(t.optimizer)
        if any(o.learning_rate != t.learning_rate for o in same):
            parts.append(f"lr{t.learning_rate:g}")
        if any(o.momentum != t.momentum for o in same):
            parts.append(f"momentum{t.momentum or 0:g}")
        if any(o.weight_decay != t.weight_decay for o in same):
            parts.append(f"wd{t.weight_decay:g}")
        if t.batch_size and any(o.batch_size not in (None, t.batch_size) for o in trained):
            parts.append(f"batch{t.batch_size}")
        if any(o.num_epochs != t.num_epochs for o in trained):
            parts.append(f"{t.num_epochs}epochs")
        if any(other.model != self.model for other in others):
            parts.append(self.model)
        return "-".join(parts)


_PARTS: Mapping[str, Callable[[Recipe], object]] = {
    "network": lambda r: r.model,
    "initialisation": lambda r: (r.training.init, r.training.beta),
    "gain": lambda r: r.training.gain,
    "optimiser": lambda r: r.training.optimizer,
    "learning rate": lambda r: r.training.learning_rate,
    "momentum": lambda r: r.training.momentum,
    "weight decay": lambda r: r.training.weight_decay,
    "batch size": lambda r: r.training.batch_size,
    "number of epochs": lambda r: r.training.num_epochs,
}
_OF_OPTIMISER = ("learning rate", "momentum")  # each has its own


def confounded(group: Sequence[Subject], baseline: Sequence[Subject]) -> list[str]:
    """What two groups differ in, where that is more than one thing; empty without sidecars."""
    if not all(s.training for s in (*group, *baseline)):
        return []
    a, b = [Recipe.of(s) for s in group], [Recipe.of(s) for s in baseline]
    found = [
        words for words, part in _PARTS.items() if {part(r) for r in a} != {part(r) for r in b}
    ]
    if "optimiser" in found:
        found = [words for words in found if words not in _OF_OPTIMISER]
    return found if len(found) > 1 else []
