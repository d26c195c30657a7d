"""The ways in which a network can go through time on given data; what is said and is not so.

A layout by which examples influence each other, where by the other they do not, is the wrong one,
whatever the shapes; a number of steps that is not that of the frames is refused too.
"""

from collections.abc import Mapping
from functools import cached_property

from torch import Tensor, nn

from landscape.nests import Nest
from landscape.objective.in_time import LOOPED, Feed, InTime, takes_state
from landscape.objective.influence import Influence
from landscape.objective.timing_words import Asked, Way, other_layout, other_number, other_outputs
from landscape.objective.trials import Trial, Trials

# The same inputs with time elsewhere, and the layout that this is.
_OTHERS: Mapping[Feed, Mapping[Feed, str]] = {
    "given": {"moved": "T-first"},
    "moved": {"given": "N-first"},
    "frames": {"given": "N-first", "moved": "T-first"},
    "looped": {"repeated second": "N-first", "repeated first": "T-first"},
    "repeated first": {"repeated second": "N-first"},
    "repeated second": {"repeated first": "T-first"},
}
_RANK: Mapping[Influence, int] = {"none": 0, "symmetric": 1, "ordered": 2}


class Ways:
    """Those in which ``model`` can be run on inputs such as these, each tried once.

    Attributes
    ----------
    given
        The trial of the network on the data as they are.
    tried
        All trials.
    objections
        What is against those that ran, and were not taken.
    """

    def __init__(self, model: nn.Module, trials: Trials, inputs: Nest, asked: Asked) -> None:
        self._model, self._trials, self._inputs, self._asked = model, trials, inputs, asked
        self._influences: dict[Feed, Influence | None] = {}
        self._keeps: bool | None = None
        self.tried: dict[Feed, Trial] = {}
        self.objections: dict[Feed, str] = {}
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

    @property
    def makes_one_step(self) -> bool:
        """Whether each layer of neurons makes one step on the data, which have no time."""
        given = self.given
        return given.single or (self._is_deep and given.steps == 1 and self._is_one_channel)

    @property
    def keeps_state(self) -> bool:
        """Whether the network, called again with the same inputs, goes on from where it was."""
        if self._keeps is None:
            run = InTime("given").returned
            self._keeps = takes_state(self._model) or (
                not self.given.failure
                and self._trials.keeps_state(lambda batch: run(self._model, batch[0]))
            )
        return self._keeps

    def is_undecided(self, feed: Feed) -> bool:
        """Whether examples influence each other, and with time elsewhere in the same way."""
        if not (self._is_silent and self._asked.anything):
            return False
        here = self.influence(feed)
        others = [self.influence(other) for other in _OTHERS[feed] if self._can_be(other)]
        return here not in ("none", None) and here in others

    def influence(self, feed: Feed) -> Influence | None:
        """That of the examples on each other; None: not known."""
        if feed not in self._influences:
            self._influences[feed] = self._influence(feed)
        return self._influences[feed]

    def _influence(self, feed: Feed) -> Influence | None:
        trial = self._trial(feed)
        if trial.mixed or trial.without_examples:
            return "ordered"
        if trial.axis is None or trial.timeless:
            return None
        run = InTime(feed, self._asked.num_steps).returned
        return self._trials.influence(lambda batch: run(self._model, batch[0]), trial.axis)

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
        if not self._is_silent and not is_said:
            return ways
        # What keeps state from call to call makes one step in each; else time is where it was said.
        looped = [way for way in ways if way.feed in LOOPED]
        others = [way for way in ways if way.feed not in LOOPED]
        return (looped or others) if self._is_silent else (others or looped)

    def _of_that_number(self, ways: list[Way]) -> list[Way]:
        """Those of as many steps as were asked for; refused if inputs have others by all signs."""
        asked = self._asked
        if asked.num_steps is None or not asked.is_binding:
            return ways
        made = {way.feed: self._made(way.feed, way.trial) for way in ways}
        others = [way for way in ways if made[way.feed] not in (None, asked.num_steps)]
        left = [way for way in ways if way not in others]
        if others and all(self._passes_on(way) for way in left):
            number = made[others[0].feed]
            assert number is not None
            of_data = self._has_frames and number == self._inputs.shape[1]
            raise ValueError(other_number(asked, number, of_data=of_data))
        return left

    def _made(self, feed: Feed, trial: Trial) -> int | None:
        """Time steps that data or network have; None: no sign of any."""
        first, layout = trial.first, self._asked.layout
        if feed in ("moved", "frames"):
            return int(self._inputs.shape[1])
        if feed != "given" or trial.steps is not None or trial.axis is None or first is None:
            return None if feed == "looped" else trial.steps
        if trial.axis == 1:
            return None if layout == "N-first" else first.shape[0]
        if layout == "T-first":
            return None
        if self._has_frames and self._asked.num_steps is not None:
            takes_them = self._asked.num_steps == self._inputs.shape[1] or (
                self.influence("given") == "none" and self.influence("moved") not in ("none", None)
            )
            if takes_them:  # and may read them out itself
                return int(self._inputs.shape[1])
        return first.shape[1] if first.ndim > 2 else None

    def _passes_on(self, way: Way) -> bool:
        """Whether frames, or repeats, come out behind steps that the network has beside them."""
        first, T = way.trial.first, way.num_steps
        if first is None or way.feed == "given":
            return False
        if self._has_frames:
            # An own readout leaves the frames in the place of the steps that it read.
            behind = first.shape[1 if way.feed == "repeated second" else 2 : 3]
            return self._inputs.shape[1] in behind
        return first.ndim > 3 and first.shape[1] != T and first.shape[2] == T

    def _check_layout(self, ways: list[Way]) -> None:
        """Refuse one by which examples influence each other more than by another."""
        layout, tried = self._asked.layout, [way.feed for way in ways[:1]]
        if not tried and layout == "T-first":
            tried = ["moved", "repeated first"]
        elif not tried:
            tried = ["given", "repeated second"]
        for feed in tried:
            for other, name in _OTHERS[feed].items():
                if name != layout and self._is_better(other, feed):
                    raise ValueError(other_layout(layout, name, feed, self.influence(other)))
        outputs_say = "T-first" if self.given.axis == 1 else "N-first"
        makes_steps = self.given.axis == 1 or self._makes_steps
        if not ways and layout not in (None, outputs_say) and makes_steps:
            raise ValueError(other_outputs(str(layout), outputs_say, self.given))

    @property
    def _makes_steps(self) -> bool:
        """Whether the network has its neurons' steps on the second axis of what it gives."""
        first = self.given.first
        return (
            self.given.axis == 0
            and first is not None
            and (first.ndim > 2 and self.given.steps == first.shape[1])
        )

    def _is_better(self, other: Feed, feed: Feed) -> bool:
        if not self._asked.anything or not (self._can_be(other) and self._can_be(feed)):
            return False
        here, there = self.influence(feed), None
        if here not in ("none", None):
            there = self.influence(other)
        return here is not None and there is not None and _RANK[there] < _RANK[here]

    def _can_be(self, feed: Feed) -> bool:
        if feed == "looped" or feed.startswith("repeated"):
            return self._asked.num_steps is not None
        return self._has_frames

    @property
    def _has_frames(self) -> bool:
        """Whether inputs have an axis for them."""
        return self._is_deep and not self._is_one_channel

    @property
    def _is_deep(self) -> bool:
        """Whether inputs have an axis between that of examples and the last."""
        return isinstance(self._inputs, Tensor) and self._inputs.ndim > 2

    @cached_property
    def _is_one_channel(self) -> bool:
        """Whether the second axis, of length one, is no frame: the network runs without it as time.

        Images of one channel, which a network flattens, would else be a film of one frame.
        """
        if self._inputs.shape[1] != 1:
            return False
        if self.given.single or (self._is_silent and self.keeps_state):
            return True
        return any(self._runs_twice(feed) for feed in ("repeated first", "repeated second"))

    def _runs_twice(self, feed: Feed) -> bool:
        run = InTime(feed, 2).returned
        found = self._trials.of(lambda batch: run(self._model, batch[0]))
        return found.steps == 2 and found.axis is not None

    @property
    def _is_silent(self) -> bool:
        """Whether the network runs, and no neurons tell how many steps it makes."""
        return self.given.steps is None and not self.given.failure

    def _feeds(self) -> list[Feed]:
        layout, steps = self._asked.layout, self._asked.num_steps
        feeds: list[Feed] = ["given"] if self._may_be_given() else []
        if self._has_frames:
            # All frames at once are one step of a network that keeps state from call to call.
            at_once = layout != "N-first" and not (self._is_silent and self.keeps_state)
            feeds += ["moved", "frames"] if at_once else ["frames"]
        if steps is not None:
            feeds += [] if layout == "N-first" else ["repeated first"]
            feeds += [] if layout == "T-first" else ["repeated second"]
            feeds.append("looped")
        return feeds

    def _may_be_given(self) -> bool:
        asked = self._asked
        if not self._is_silent or not asked.anything:
            return True
        if asked.num_steps is None or asked.is_assumed:
            return not (self._has_frames and self.keeps_state)
        return not self.keeps_state and self._made("given", self.given) is not None

    def _way(self, feed: Feed) -> Way | None:
        trial, steps = self._trial(feed), self._asked.num_steps
        is_none = trial.failure or trial.axis is None or trial.mixed or trial.timeless
        if is_none or self._contradicts(feed, trial):
            return None
        if feed in LOOPED:
            step = self._of_a_step(feed)
            if step.failure or step.axis != 0 or not (step.single or step.steps is None):
                return None
            if feed == "looped" and step.steps is None and not self.keeps_state:
                self.objections[feed] = "each call gives the same, since no state is kept"
                return None
        elif steps != 1 and (self.makes_one_step if feed == "given" else trial.single):
            return None
        return Way(feed, trial, steps if feed == "looped" or feed.startswith("repeated") else None)

    def _contradicts(self, feed: Feed, trial: Trial) -> bool:
        """Whether another layout was asked for, or none while nothing else tells it."""
        layout = self._asked.layout
        if feed == "given" and layout is not None and trial.axis != int(layout == "T-first"):
            return True
        if feed == "repeated second" and trial.axis != 0:
            return True
        if layout is not None or trial.steps is not None:
            return False
        if feed == "repeated second":  # told by the other, if by that examples mix, or it fails
            if self._is_silent and self.influence("repeated first") == "none":
                self.objections[feed] = "nothing tells that time is there"
                return True
            return False
        return feed in ("moved", "repeated first")

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
