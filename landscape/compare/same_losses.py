"""Do the networks of two groups look like the same functions? By losses on the same examples.

Two networks that compute the same have the same loss; a difference in what is called invariant is
then none of the minima, but of a symmetry that nobody moved the weights along.
"""

from collections.abc import Sequence

from landscape.compare.groups import Analysed

# Relative, some 80 roundings of float32: weights moved by factors of ten or a hundred lose so many.
# Losses of other runs agree as closely by chance: where they scatter by 1 %, one pair in two
# thousand does, and the six pairs that a verdict needs do not.
ROUNDING = 1e-5


def have_same_losses(
    runs: Sequence[Analysed], partners: Sequence[Analysed], *, paired: bool
) -> bool:
    """Whether each run agrees with its partner to rounding, in losses and accuracy.

    Not paired, runs are set against each other in the order of their losses. Losses of 0 agree
    without saying anything, and so do those that several runs share, such as networks that never
    fire: most runs must agree with their partner and with no other.
    """
    if len(runs) != len(partners) or len(runs) < 2:
        return False
    if not paired:
        runs, partners = (sorted(group, key=_loss) for group in (runs, partners))
    if not all(_agree(a, b) for a, b in zip(runs, partners, strict=True)):
        return False
    singled_out = [
        a for i, a in enumerate(runs)
        if _loss(a) and not any(_agree(a, b) for j, b in enumerate(partners) if j != i)
    ]  # fmt: skip
    return 2 * len(singled_out) > len(runs)


def _loss(checkpoint: Analysed) -> float:
    return checkpoint.subject.loss


def _agree(a: Analysed, b: Analysed) -> bool:
    one, other = a.subject, b.subject
    pairs = [(one.loss, other.loss)]
    if one.fingerprint and other.fingerprint:
        pairs.append((one.fingerprint.first_loss, other.fingerprint.first_loss))
    close = all(abs(x - y) <= ROUNDING * max(abs(x), abs(y)) for x, y in pairs)
    return close and one.accuracy == other.accuracy
