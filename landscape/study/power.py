"""What a plan can be expected to find, from the scatter over seeds that it declares."""

import math
from collections.abc import Iterator

from landscape.statistics.detectable import found_log_ratio
from landscape.study.plan import Plan
from landscape.values import capped_exp


def expected_findings(plan: Plan) -> list[str]:
    """For each measure whose scatter is declared, the least ratio that the paired test finds.

    At the level of the first of all corrected tests.
    """
    c = plan.comparison
    n = min(_num_pairs(plan))
    found = []
    for measure, sd in c.scatter.items():
        ratio = capped_exp(
            found_log_ratio(
                stderr=sd / math.sqrt(n),
                dof=n - 1,
                num_runs=(n, n),
                paired=True,
                alpha=c.alpha / plan.num_tests,
                power=c.power,
            )
        )
        found.append(
            f"{measure}: at a scatter of {sd:g} (sd of the log ratio over seeds) {n} pairs find a "
            f"ratio of {ratio:.3g} or its inverse with a chance of {c.power:.0%}, at alpha "
            f"{c.alpha:g} over {plan.num_tests} tests."
        )
    return found


def _num_pairs(plan: Plan) -> Iterator[int]:
    for names in plan.comparison.contrasts:
        a, b = (set(plan.recipe(name).seeds) for name in names)
        yield len(a & b)
