"""Do the networks of two groups look like the same functions? By losses on the same examples.

Two networks that compute the same have the same loss; a difference in what is called invariant is
then none of the minima, but of a symmetry that nobody moved the weights along.
"""

from collections.abc import Sequence

from landscape.compare.groups import Analysed

# Relative, some 80 roundings of float32: weights moved by factors of ten or a hundred lose so many.
# Losses of other runs agree as closely by chance: where they scatter by 1 %, one pair in two
# thousand does, and most of the six pairs that a verdict needs do not.
ROUNDING = 1e-5


def have_same_losses(
    runs: Sequence[Analysed], partners: Sequence[Analysed], *, paired: bool
) -> bool:
    """Whether most runs agree with their partner to rounding, in losses and accuracy.

    Not paired, a run's partner is whichever agrees. Losses of 0 agree without saying anything, and
    so do those that several runs share, such as networks that never fire: a run counts that agrees
    with its partner and with no other.
    """
    runs, partners = sorted((runs, partners), key=len)
    if len(runs) < 2:
        return False
    agreeing = [[j for j, b in enumerate(partners) if _agree(a, b)] for a in runs]
    count = sum(
        len(found) == 1 and a.subject.loss != 0 and (found == [i] or not paired)
        for i, (a, found) in enumerate(zip(runs, agreeing, strict=True))
    )
    return 2 * count > len(runs)


def _agree(a: Analysed, b: Analysed) -> bool:
    one, other = a.subject, b.subject
    pairs = [(one.loss, other.loss)]
    if one.fingerprint and other.fingerprint:
        pairs.append((one.fingerprint.first_loss, other.fingerprint.first_loss))
    close = all(abs(x - y) <= ROUNDING * max(abs(x), abs(y)) for x, y in pairs)
    return close and one.accuracy == other.accuracy
