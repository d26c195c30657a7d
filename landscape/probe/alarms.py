"""Alarms of a training: what should not last, told once until it has passed."""

from collections.abc import Callable
from dataclasses import dataclass

from landscape.results.probe import HESSIAN, LAMBDA_MAX, ProbeValues

MARGIN = 1.1  # over the edge: full batches swing around it, and nothing is wrong


@dataclass(frozen=True)
class Alarm:
    """A condition, None where it cannot be judged, and what to say when it lasts."""

    name: str
    holds: Callable[[ProbeValues], bool | None]
    words: Callable[[ProbeValues], str]


def _is_above_edge(values: ProbeValues) -> bool | None:
    if values.matrix != HESSIAN:  # a formal one is no derivative of the gradient that steps follow
        return None
    pair = getattr(values, values.edge_of, None) if values.edge_of else None
    if pair is None or values.edge is None:
        return None
    return bool(pair.value - pair.residual > MARGIN * values.edge)


def _above_edge(values: ProbeValues) -> str:
    pair = getattr(values, values.edge_of)
    what = "sharpness" if values.edge_of == LAMBDA_MAX else "preconditioned sharpness"
    return (
        f"{what} {pair.value:.4g} is above the optimiser's edge of stability, {values.edge:.4g}: "
        "steps along the sharpest direction grow; lower the learning rate if the loss does not fall"
    )


def _overshoots(values: ProbeValues) -> bool | None:
    if values.critical is None or values.learning_rate is None:
        return None
    # A loss that jumps, as of spikes, may rise at a small rate and be lower at that in use.
    is_rise = values.step_rise is None or values.step_rise > 0
    return is_rise and values.critical.high < values.learning_rate


def _overshot(values: ProbeValues) -> str:
    assert values.critical is not None
    return (
        f"the critical learning rate {values.critical.rate:.3g} is below the one in use, "
        f"{values.learning_rate:.3g}: steps raise the loss of the probe's examples"
    )


ALARMS = (
    Alarm("above_edge", _is_above_edge, _above_edge),
    Alarm("overshoots", _overshoots, _overshot),
)


class Watch:
    """Counts for how many calls each alarm's condition has held.

    Parameters
    ----------
    patience
        Calls in a row after which it is told, once, until the condition no longer holds.
    """

    def __init__(self, patience: int) -> None:
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(
                f"patience must be a whole number of calls, at least 1; got {patience!r}."
            )
        self.patience = patience
        self._held = {alarm.name: 0 for alarm in ALARMS}

    def told(self, values: ProbeValues) -> tuple[str, ...]:
        """What to say at this call."""
        found = []
        for alarm in ALARMS:
            holds = alarm.holds(values)
            if holds is None:  # neither more nor less than before
                continue
            self._held[alarm.name] = self._held[alarm.name] + 1 if holds else 0
            if self._held[alarm.name] == self.patience:
                found.append(f"{alarm.words(values)} (for {self.patience} calls)")
        return tuple(found)
