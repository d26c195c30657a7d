"""The ways in which a network can go through time on given data; what is said and is not so.

A layout by which examples influence each other, where by the other they do not, is the wrong one,
whatever the shapes; a number of steps that is not that of the frames is refused too.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from landscape.nests import Nest
from landscape.objective.in_time import LOOPED, Feed, InTime, takes_state
from landscape.objective.timing_words import Asked, Way, other_layout, other_number
from landscape.objective.trials import Trial, Trials

# The same inputs with time on the other of the first two axes.
_OTHER: Mapping[Feed, Feed] = {
    "given": "moved",
    "moved": "given",
    "repeated first": "repeated second",
    "repeated second": "repeated first",
}


class Ways:
    """Those in which ``model`` can be run on inputs such as these, each tried once.

    Attributes
    ----------
    given
        The trial of the network on the data as they are.
    tried
        All trials.
    """

    def __init__(self, model: nn.Module, trials: Trials, inputs: Nest, asked: Asked) -> None:
        self._model, self._trials, self._inputs, self._asked = model, trials, inputs, asked
        self.tried: dict[Feed, Trial] = {}
        self.given = self._trial("given")

    def possible(self) -> list[Way]:
        """Those that are left; of two that cannot both be meant, the first.

        Raises
        ------
        ValueError
            If layout or number of steps are not those of network and data.
        """
        ways = self._left()
        self._check_layout(ways)
        return ways

    def _left(self) -> list[Way]:
        ways = self._of_that_number(
            [way for feed in self._feeds() if (way := self._way(feed)) is not None]
        )
        feeds = [way.feed for way in ways]
        if feeds[:1] in (["given"], ["moved"]):
            return ways[:1]
        is_said = self._asked.layout is not None
        if (is_said or self._asked.is_assumed) and "frames" in feeds:
            return [way for way in ways if way.feed == "frames"]
        return ways

    def _of_that_number(self, ways: list[Way]) -> list[Way]:
        """Those of as many steps as were asked for; refused if inputs have others by all signs."""
        asked = self._asked
        if asked.num_steps is None or not asked.is_binding:
            return ways
        made = {way.feed: self._made(way.feed, way.trial) for way in ways}
        others = [way for way in ways if made[way.feed] not in (None, asked.num_steps)]
        left = [way for way in ways if way not in others]
        if others and all(self._keeps_frames(way) for way in left):
            number = made[others[0].feed]
            assert number is not None
            of_data = self._has_frames and number == self._inputs.shape[1]
            raise ValueError(other_number(asked, number, of_data=of_data))
        return left

    def _made(self, feed: Feed, trial: Trial) -> int | None:
        """Time steps that data or network have; None: no sign of any."""
        first = trial.first
        if feed in ("moved", "frames"):
            return int(self._inputs.shape[1])
        if feed != "given" or trial.steps is not None or trial.axis is None or first is None:
            return None if feed == "looped" else trial.steps
        if trial.axis == 1:
            return first.shape[0] if self._asked.layout == "T-first" else None
        is_kept = self._has_frames and first.shape[1:2] == self._inputs.shape[1:2]
        return first.shape[1] if is_kept and self._asked.layout == "N-first" else None

    def _keeps_frames(self, way: Way) -> bool:
        """Whether the data's second axis comes out as it was, behind steps and examples."""
        first = way.trial.first
        if first is None or way.feed == "given" or not self._has_frames:
            return False
        return first.ndim > 3 and first.shape[2] == self._inputs.shape[1]

    def _check_layout(self, ways: list[Way]) -> None:
        """Refuse one by which examples influence each other, where by the other they do not."""
        layout, tried = self._asked.layout, [way.feed for way in ways[:1]]
        if not tried and layout == "T-first":
            tried = ["moved", "repeated first"]
        elif not tried and layout == "N-first":
            tried = ["given", "repeated second"]
        for feed in tried:
            if self._is_swapped(feed):
                raise ValueError(other_layout(layout))

    def _is_swapped(self, feed: Feed) -> bool:
        repeats = feed.startswith("repeated")
        if feed not in _OTHER or not self._asked.anything:
            return False
        if (self._asked.num_steps is None) if repeats else not self._has_frames:
            return False
        return self._coupled(feed) is True and self._coupled(_OTHER[feed]) is False

    def _coupled(self, feed: Feed) -> bool | None:
        """Whether examples influence each other; None: not known."""
        trial = self._trial(feed)
        if trial.failure or trial.mixed:
            return True if trial.mixed else None
        if trial.axis is None or trial.timeless:
            return None
        run = InTime(feed, self._asked.num_steps).returned
        return self._trials.coupled(lambda batch: run(self._model, batch[0]), trial.axis)

    @property
    def _has_frames(self) -> bool:
        """Whether inputs have an axis for them."""
        return isinstance(self._inputs, Tensor) and self._inputs.ndim > 2

    def _feeds(self) -> list[Feed]:
        layout, steps = self._asked.layout, self._asked.num_steps
        is_silent = self.given.steps is None and not self.given.failure
        feeds: list[Feed] = ["given"]
        if is_silent and steps is not None and layout != "T-first" and not self._asked.is_assumed:
            # What does not tell its steps is called for each, or has time on an axis.
            has_time = self._made("given", self.given) is not None
            feeds = ["given"] if has_time and not takes_state(self._model) else []
        if self._has_frames:
            feeds += ["frames"] if layout == "N-first" else ["moved", "frames"]
        if steps is not None:
            if layout != "N-first" and not (is_silent and layout is None):
                feeds.append("repeated first")
            if layout != "T-first" and not (is_silent and layout is None):
                feeds.append("repeated second")
            feeds.append("looped")
        return feeds

    def _way(self, feed: Feed) -> Way | None:
        trial, steps = self._trial(feed), self._asked.num_steps
        is_none = trial.failure or trial.axis is None or trial.mixed or trial.timeless
        if is_none or self._contradicts(feed, trial):
            return None
        if feed in LOOPED:
            step = self._of_a_step(feed)
            if step.failure or step.axis != 0 or not (step.single or step.steps is None):
                return None
        elif trial.single and steps != 1:
            return None
        return Way(feed, trial, steps if feed == "looped" or feed.startswith("repeated") else None)

    def _contradicts(self, feed: Feed, trial: Trial) -> bool:
        """Whether another layout was asked for, or none while nothing else tells it."""
        layout = self._asked.layout
        if feed == "given" and layout is not None and trial.axis != int(layout == "T-first"):
            return True
        return feed in ("moved", "repeated first") and layout is None and trial.steps is None

    def _trial(self, feed: Feed) -> Trial:
        if feed not in self.tried:
            run = InTime(feed, self._asked.num_steps).returned
            self.tried[feed] = self._trials.of(lambda batch: run(self._model, batch[0]))
        return self.tried[feed]

    def _of_a_step(self, feed: Feed) -> Trial:
        """The first call of a loop, by itself."""
        if feed == "looped":
            return self.given
        run = InTime("given").returned
        return self._trials.of(lambda batch: run(self._model, batch[0][:, 0]))
