"""Are A's minima flatter than B's? Tests, intervals and a verdict, from numbers of training runs.

Knows numbers only: no network, no files. Of runs, from the ground up: ``permutation``
(what chance can make of a test), ``scores`` (what is tested), ``designs`` (pairs, or groups),
``inversion`` (the interval that a test implies), ``intervals`` and ``bootstrap`` (others beside
it), ``t_power`` and ``detectable``, ``multiplicity`` (Holm), ``components`` (seed, shard, probe),
``effects`` and ``comparison`` (one measure, two groups), ``verdict`` (all of them), and, apart
from these, ``correlation`` (flatness against accuracy) and ``tail``; of one run's examples,
``population`` (eigenvalues, traces and norms of the set that they stand for).
"""

from landscape.statistics.comparison import Contrast, RunValues, compare_runs, seeds_pair
from landscape.statistics.correlation import within_group_correlation
from landscape.statistics.effects import Effect
from landscape.statistics.verdict import judge

__all__ = [
    "Contrast",
    "Effect",
    "RunValues",
    "compare_runs",
    "judge",
    "seeds_pair",
    "within_group_correlation",
]
