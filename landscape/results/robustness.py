"""What a network loses where weights or inputs are not what they were in training."""

from dataclasses import dataclass

from landscape.results.base import Result
from landscape.values import Estimate

WEIGHT_NOISE, ROUNDING = "weight-noise", "rounding"
INPUT_NOISE, TRANSLATION, CONTRAST = "input-noise", "translation", "contrast"

_TITLES = {
    WEIGHT_NOISE: "weight noise, ρ = {:g}",
    ROUNDING: "weights in {:g} bits",
    INPUT_NOISE: "input noise, {:g} sd",
    TRANSLATION: "moved by {:g} pixels",
    CONTRAST: "contrast × {:g}",
}


def disturbance_title(name: str, size: float) -> str:
    """A disturbance in a few words."""
    return _TITLES.get(name, f"{name} {{:g}}").format(size)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The network as it is on one split; standard errors over examples."""

    split: str
    num_examples: int
    loss: Estimate
    accuracy: Estimate | None  # None: the objective has no classes


@dataclass(frozen=True, kw_only=True)
class Disturbed:
    """What one disturbance changes on one split, example by example; errors over examples."""

    split: str
    name: str  # weight-noise | rounding | input-noise | translation | contrast
    size: float  # ρ | bits | fraction of the inputs' standard deviation | pixels | factor
    loss_change: Estimate | None  # L(disturbed) - L; None: not finite
    accuracy_change: Estimate | None
    # Standard errors over pairs of noise, as other draws would move it; None: one draw or none.
    loss_over_draws: float | None
    accuracy_over_draws: float | None

    @property
    def title(self) -> str:
        """The disturbance in a few words."""
        return disturbance_title(self.name, self.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class Robustness(Result):
    """A network's losses and accuracies under disturbances, held-out examples last."""

    undisturbed: tuple[Undisturbed, ...]
    rows: tuple[Disturbed, ...]
    left_out: tuple[str, ...]  # what was not measured, and why
    num_evaluations: int  # passes over the examples of a split

    @property
    def split(self) -> str:
        """The split to read robustness off: held out, where there is one."""
        return self.undisturbed[-1].split

    def on(self, split: str) -> tuple[Disturbed, ...]:
        """The disturbances on one split."""
        return tuple(row for row in self.rows if row.split == split)
