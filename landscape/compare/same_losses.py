"""Do the networks of two groups look like the same functions? By losses on the same examples.

Two networks that compute the same have the same loss; a difference in what is called invariant is
then none of the minima, but of a symmetry that nobody moved the weights along.
"""

import math
from collections import Counter
from collections.abc import Sequence

from landscape.compare.groups import Analysed
from landscape.results.subject import Subject

# Relative, some 80 roundings of float32: weights moved by factors of ten or a hundred lose so many.
# Losses of other runs agree as closely by chance: where they scatter by 1 %, one pair in two
# thousand does, and most of the six pairs that a verdict needs do not.
ROUNDING = 1e-5
# Student's t: the difference of two roundings lies within so many of its root mean squares, which
# are known by four draws each, in 95 % of cases. Where losses of other runs lie as close together,
# they agree with several, and count for nothing: whatever the room, of six and six runs one agrees
# with its partner and neither with any other by chance at 4 % at most, with some other at 21 %,
# and most do at 2 %.
_T = 2.776


def have_same_losses(
    runs: Sequence[Analysed], partners: Sequence[Analysed], *, paired: bool
) -> bool:
    """Whether most runs agree with their partner to rounding, in losses and accuracy.

    Rounding is that of float32 sums, and of weights that are stored in fewer bits.

    Not paired, a run's partner is whichever agrees. Losses of 0 agree without saying anything, and
    so do those that several runs share, such as networks that never fire: a run counts that agrees
    with its partner, and neither of the two with any other.
    """
    runs, partners = sorted((runs, partners), key=len)
    if len(runs) < 2:
        return False
    agreeing = [[j for j, b in enumerate(partners) if _agree(a, b)] for a in runs]
    times = Counter(j for found in agreeing for j in found)
    count = sum(
        len(found) == 1
        and times[found[0]] == 1
        and a.subject.loss != 0
        and (found == [i] or not paired)
        for i, (a, found) in enumerate(zip(runs, agreeing, strict=True))
    )
    return 2 * count > len(runs)


def _agree(a: Analysed, b: Analysed) -> bool:
    one, other = a.subject, b.subject
    losses = [(one.loss, other.loss, _room("loss", one, other))]
    if one.fingerprint and other.fingerprint:
        first, second = one.fingerprint.first_loss, other.fingerprint.first_loss
        losses.append((first, second, _room("first_loss", one, other)))
    close = all(abs(x - y) <= ROUNDING * max(abs(x), abs(y)) + room for x, y, room in losses)
    return close and _answer_alike(one, other)


def _room(number: str, one: Subject, other: Subject) -> float:
    """How far a number of one function may be apart in two networks of few bits each."""
    sizes = [getattr(s.stored_rounding, number) for s in (one, other) if s.stored_rounding]
    return _T * math.hypot(*sizes)


def _answer_alike(one: Subject, other: Subject) -> bool:
    """In as many examples; of rounded weights, but for one that so few draws did not see."""
    if one.accuracy is None or other.accuracy is None:
        return one.accuracy == other.accuracy
    is_rounded = bool(one.stored_rounding or other.stored_rounding)
    room = is_rounded / one.num_examples + _room("accuracy", one, other)
    return abs(one.accuracy - other.accuracy) <= room * (1 + 1e-9)
