"""When a probe measures: the pace is that of repeated calls, the share that of all of them."""

import numpy as np
import pytest
import torch

import landscape
from landscape.probe.pace import Pace
from landscape.probe.settings import ProbeSettings


class Run:
    """A training by a clock that is set forward, and at which steps the probe was called."""

    def __init__(self, clock, **pace):
        self.clock, self.pace = clock, Pace(ProbeSettings(**pace), clock=clock)
        self.called, self.shares = [], []

    def train(self, steps, *, of, cost, first=None):
        for step in steps:
            self.clock.now += of  # a step of the training
            if self.pace.is_due(step):
                with self.pace.call(step, lambda: None):
                    self.clock.now += cost if self.called or first is None else first
                self.called.append(step)
                self.shares.append(self.pace.share)


def test_calls_keep_to_their_share_of_the_time(clock):
    run = Run(clock, every=10, budget=0.05)
    run.train(range(2000), of=1.0, cost=2.0)
    assert run.called[:2] == [0, 10]  # what a call takes is known by the second
    assert (np.diff(run.called)[2:] == 38).all()  # 2 of 40 seconds
    assert run.shares[-1] <= 0.05 + 2.0 / clock.now  # the first one included
    run.train(range(2000, 3000), of=1.0, cost=0.1)
    assert (np.diff(run.called)[-5:] == 10).all()  # affordable: every 10 steps, no oftener
    assert run.pace.is_due(5)  # a training that went back


@pytest.mark.parametrize("first", [0.02, 0.5, 60.0])
def test_what_the_first_call_takes_to_get_ready_spaces_no_other(clock, first):
    """A call as long as 60 steps: at half of the time every 60 steps, whatever came before."""
    run = Run(clock, every=50, budget=0.5)
    run.train(range(300), of=0.00025, cost=0.015, first=first)
    assert run.called[:2] == [0, 50]
    assert len(run.called) >= 5
    spent = first + 0.015 * (len(run.called) - 1)
    assert run.pace.share == pytest.approx(spent / (clock.now - 0.00025))


def test_the_clock_decides_when_and_nothing_else(training, clock):
    def run(clock_step):
        theirs = training(lambda theta: torch.optim.SGD(theta, lr=0.5))
        probe = landscape.Probe(
            "mse", theirs.data, every=5, budget=1, path=None, clock=lambda: clock.now
        )
        found = []
        for step in range(11):
            theirs.step()
            clock.now += clock_step
            if values := probe(theirs.model, step, theirs.optimizer):
                found.append({k: v for k, v in values.record().items() if k != "share"})
        return found

    assert run(1.0) == run(1000.0)
