"""What a plan can be expected to find, from the scatter over seeds that it declares."""

import math

from landscape.compare.expectation import Planned
from landscape.statistics.detectable import found_log_ratio
from landscape.statistics.wording import runs_words
from landscape.study.plan import Plan


def expected_findings(plan: Plan) -> list[str]:
    """For each measure whose scatter is declared, the least ratio that its worst contrast finds.

    At the level of the first of all corrected tests; nothing of a contrast that can find none.
    """
    c = plan.comparison
    able = [pair for pair in plan.pairs if pair.floor * plan.num_tests <= c.alpha]
    if not able:
        return []
    worst = max(able, key=_share)
    n, m = worst.num_runs
    found = []
    for measure, sd in c.scatter.items():
        ratio = math.exp(
            found_log_ratio(
                stderr=sd * _share(worst),
                dof=n - 1 if worst.paired else n + m - 2,
                num_runs=worst.num_runs,
                paired=worst.paired,
                alpha=c.alpha / plan.num_tests,
                power=c.power,
            )
        )
        runs = runs_words(worst.num_runs, paired=worst.paired)
        found.append(
            f"{measure}: at a scatter of {sd:g} (sd of the log ratio over seeds) {runs} find a "
            f"ratio of {ratio:.3g} or its inverse with a chance of {c.power:.0%}, at alpha "
            f"{c.alpha:g} over {plan.num_tests} tests."
        )
    return found


def _share(pair: Planned) -> float:
    """Standard error of a contrast's mean log ratio over the scatter of one ratio.

    Of two groups that do not pair, a run has half of the variance of a ratio.
    """
    n, m = pair.num_runs
    return 1 / math.sqrt(n) if pair.paired else math.sqrt((1 / n + 1 / m) / 2)
