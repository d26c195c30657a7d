"""Firing rates, dead and saturated neurons and synaptic operations, in one forward pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from landscape.analysis.provenance import start_clock
from landscape.analysis.target import Target
from landscape.curvature.example_scores import example_scores
from landscape.distributed import alone
from landscape.results.activity import Activity
from landscape.snn.activity import ActivityRecorder
from landscape.snn.synapses import SynapseRecorder


def activity(target: Target) -> Activity:
    """Watch the neurons and the layers of weights over the target's examples.

    Raises
    ------
    DoesNotApply
        If its neurons cannot be watched, or their number depends on the example.
    """
    clock, risk = start_clock(), target.risk
    neurons = ActivityRecorder(risk.model, looped=risk.objective.is_looped)
    weights = SynapseRecorder(risk.model)

    @contextmanager
    def watching() -> Iterator[Callable[[], None]]:
        with neurons.watching() as begin, weights.watching():
            yield begin

    with alone(target.by_probes):
        example_scores(risk, risk.theta, watching)
        passes = 1 if risk.noise is None else risk.objective.draws
        return Activity(
            subject=target.subject,
            provenance=clock.provenance_of(target),
            firing=neurons.firing(),
            synapses=weights.synapses(passes * risk.num_examples),
            uncounted=weights.uncounted,
        )
