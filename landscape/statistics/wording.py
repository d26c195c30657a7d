"""The reasons given with a verdict on one measure, as sentences with their numbers."""

from landscape.statistics.comparison import Contrast
from landscape.statistics.permutation import pairs_needed
from landscape.values import Levels


def decided_reason(contrast: Contrast, p_holm: float, num_tests: int) -> str:
    """Say why a measure is flatter or sharper."""
    return f"{_estimate(contrast)}; {_p_value(contrast, p_holm, num_tests)}, {_runs(contrast)}"


def equivalent_reason(
    contrast: Contrast, p_holm: float, tost_holm: float, num_tests: int, levels: Levels
) -> str:
    """Say why a measure counts as equivalent, and own up to a difference that is significant."""
    low, high = levels.bounds
    reason = (
        f"{_estimate(contrast)}; shown to lie within {low:g} to {high:g} "
        f"(two one-sided tests, p = {tost_holm:.2g}{_after_holm(num_tests)}), {_runs(contrast)}"
    )
    if p_holm <= levels.alpha:
        reason += (
            f"; a difference is there (p = {p_holm:.2g}), but within the bounds set beforehand"
        )
    return reason


def undecided_reason(
    contrast: Contrast,
    p_holm: float,
    best_p: float,
    detectable: float | None,
    num_tests: int,
    levels: Levels,
) -> str:
    """Say why nothing is shown: too few runs for any effect, or for one of this size."""
    effect, alpha = contrast.effect, levels.alpha
    if best_p > alpha:
        times = (
            f", {best_p:.2g} after Holm over {num_tests} tests"
            if best_p > effect.test.floor
            else ""
        )
        needed = ""
        if contrast.paired:
            pairs = pairs_needed(alpha, num_tests)
            needed = f"; {pairs} pairs can show one that is large enough"
        return (
            f"{_runs(contrast)} cannot show a difference, however large: the smallest p-value "
            f"that they can give is {effect.test.floor:.2g}{times}, above {alpha:g}{needed}; "
            f"{_estimate(contrast)}"
        )
    reason = f"{_estimate(contrast)}; no difference shown ({_p_value(contrast, p_holm, num_tests)}"
    if effect.test.p_value <= alpha:
        reason += ": significant on its own, not among so many tests"
    reason += "), nor equivalence"
    if detectable is not None:
        reason += (
            f"; {_runs(contrast)} of this scatter find a ratio of {detectable:.2f} or "
            f"{1 / detectable:.2f} with probability {levels.power:.0%}"
        )
    return reason


def _estimate(contrast: Contrast) -> str:
    effect = contrast.effect
    what = "median ratio" if effect.scale == "ratio" else "median difference"
    words = f"{what} to {contrast.baseline} {effect.estimate:.3g}"
    if effect.interval is None:
        return words
    i = effect.interval
    words += f" ({i.confidence:.0%} {i.method} interval {i.low:.3g} to {i.high:.3g})"
    if effect.scale == "difference":
        words += ", a ratio being undefined for values that are not positive"
    elif i.excludes(effect.estimate):
        words += ", the median outside it because the ratios are skewed"
    return words


def _p_value(contrast: Contrast, p_holm: float, num_tests: int) -> str:
    test = contrast.effect.test
    kind = "exact" if test.exact else "sampled"
    words = f"{kind} {contrast.effect.test_name} test, p = {test.p_value:.2g}"
    return words if num_tests == 1 else f"{words}, {p_holm:.2g}{_after_holm(num_tests)}"


def _after_holm(num_tests: int) -> str:
    return "" if num_tests == 1 else f" after Holm over {num_tests} tests"


def _runs(contrast: Contrast) -> str:
    n, m = contrast.num_runs
    if not contrast.paired:
        return f"{n} against {m} runs, unpaired"
    return f"{n} pair of runs" if n == 1 else f"{n} pairs of runs"
