"""The reasons given with a verdict on one measure, as sentences with their numbers."""

from typing import NamedTuple

from landscape.statistics.comparison import Contrast
from landscape.statistics.permutation import pairs_needed
from landscape.values import Levels

SAME_FUNCTIONS = (
    "most losses agree to rounding, run by run: these look like the same functions, moved along a "
    "symmetry that was not found and that this measure does not keep. Name the weights that make "
    "it up: landscape analyze --pairs"
)
_AGAINST_BOUNDS = {
    True: "exact sign tests of the median against both",
    False: "one-sided tests against both",
}


class Turn(NamedTuple):
    """When a test is made, and how many others it shares alpha with."""

    num_tests: int  # that divide alpha when it is made, itself among them
    num_all: int  # of all measures and pairs of groups: one of equivalence shares alpha with these
    after: str = ""  # title of the measure that has to be decided before; empty: none
    after_p: float = 0.0  # corrected, of that measure


def decided_reason(contrast: Contrast, p_holm: float, turn: Turn) -> str:
    """Say why a measure is flatter or sharper."""
    return f"{_estimate(contrast)}; {_p_value(contrast, p_holm, turn)}, {_runs(contrast)}"


def moved_reason(contrast: Contrast, p_holm: float, turn: Turn) -> str:
    """Say why a difference in what counts as invariant is none between networks that agree."""
    return f"{decided_reason(contrast, p_holm, turn)}; but {SAME_FUNCTIONS}"


def equivalent_reason(
    contrast: Contrast, p_holm: float, within_holm: float, turn: Turn, levels: Levels
) -> str:
    """Say why a measure counts as equivalent, and own up to a difference that is significant."""
    low, high = levels.bounds
    reason = (
        f"{_estimate(contrast)}; shown to lie within {low:g} to {high:g} "
        f"({_AGAINST_BOUNDS[contrast.paired]}, p = {within_holm:.2g}{_after_holm(turn.num_all)}), "
        f"{_runs(contrast)}"
    )
    if p_holm <= levels.alpha:
        reason += (
            f"; a difference is there (p = {p_holm:.2g}), but within the bounds set beforehand"
        )
    return reason


def undecided_reason(
    contrast: Contrast,
    p_holm: float,
    within_holm: float | None,
    best_p: float,
    detectable: float | None,
    turn: Turn,
    levels: Levels,
) -> str:
    """Say why nothing is shown: too few runs for any effect, or for one of this size."""
    effect, alpha = contrast.effect, levels.alpha
    if turn.after_p > alpha:
        return (
            f"{_estimate(contrast)}; {_raw_p(contrast)}, but it is tested only once {turn.after} "
            f"is decided, which it is not"
        )
    if best_p > alpha:
        times = (
            f", {best_p:.2g}{_after_holm(turn.num_tests)}"
            if turn.num_tests > 1 and best_p > effect.test.floor
            else ""
        )
        needed = ""
        if contrast.paired:
            pairs = pairs_needed(alpha, turn.num_tests)
            needed = f"; {pairs} pairs can show one that is large enough"
        return (
            f"{_runs(contrast)} cannot show a difference, however large: the smallest p-value "
            f"that they can give is {effect.test.floor:.2g}{times}, above {alpha:g}{needed}; "
            f"{_estimate(contrast)}"
        )
    reason = f"{_estimate(contrast)}; no difference shown ({_p_value(contrast, p_holm, turn)}"
    if effect.test.p_value <= alpha:
        reason += ": significant on its own, not among so many tests"
    reason += "), nor equivalence"
    if within_holm is not None and within_holm <= alpha:
        reason += (
            f" (the {'median' if contrast.paired else 'ratio'} lies within {levels.bounds[0]:g} to "
            f"{levels.bounds[1]:g}, but the interval does not)"
        )
    if detectable is not None:
        reason += (
            f"; {_runs(contrast)} of this scatter find a ratio of {detectable:.2f} or "
            f"{1 / detectable:.2f} with probability {levels.power:.0%}"
        )
    return reason


def _estimate(contrast: Contrast) -> str:
    effect = contrast.effect
    what = "ratio" if effect.scale == "ratio" else "difference"
    words = f"{what} to {contrast.baseline} {effect.estimate:.3g}"
    if effect.interval is None:
        return words
    i = effect.interval
    words += f" ({i.confidence:.0%} {i.method} interval {i.low:.3g} to {i.high:.3g})"
    if effect.scale == "difference":
        words += ", a ratio being undefined for values that are not positive"
    return words


def _p_value(contrast: Contrast, p_holm: float, turn: Turn) -> str:
    words = _raw_p(contrast)
    if turn.num_tests > 1:
        words += f", {p_holm:.2g}{_after_holm(turn.num_tests)}"
    return f"{words}, tested after {turn.after}" if turn.after else words


def _raw_p(contrast: Contrast) -> str:
    test = contrast.effect.test
    kind = "exact" if test.exact else "sampled"
    return f"{kind} {contrast.effect.test_name} test, p = {test.p_value:.2g}"


def _after_holm(num_tests: int) -> str:
    return "" if num_tests == 1 else f" after Holm over {num_tests} tests"


def runs_words(num_runs: tuple[int, int], *, paired: bool) -> str:
    """How many runs are compared."""
    n, m = num_runs
    if not paired:
        return f"{n} against {m} runs, unpaired"
    return f"{n} pair of runs" if n == 1 else f"{n} pairs of runs"


def _runs(contrast: Contrast) -> str:
    return runs_words(contrast.num_runs, paired=contrast.paired)
