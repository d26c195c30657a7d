"""A target on a part of its examples: evenly taken, named as such, whole where it must be."""

from dataclasses import replace

import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.opening import make_target
from landscape.objective.losses import mse
from landscape.objective.pair import Loss


def test_a_part_is_every_kth_example_and_says_so(linear):
    part = linear.part(4)  # of 12
    losses = torch.cat([t.totals for t in example_terms(linear)])
    assert part.subject.num_examples == part.risk.num_examples == 4
    assert part.subject.loss == pytest.approx(float(losses[::3].mean()), rel=1e-14)
    assert part.subject.examples_sha256 != linear.subject.examples_sha256
    assert part.subject.taken.endswith("1 in 3")
    assert part.subject.grad_norm == pytest.approx(float(part.risk.gradient().norm()), rel=1e-14)


def example_terms(target):
    with target.risk.swapped(target.risk.layout.split(target.risk.theta)):
        return [target.risk.terms(index) for index in range(len(target.risk.batches))]


@pytest.mark.parametrize(
    ("least", "taken"), [(None, 12), (12, 12), (7, 12), (6, 6), (5, 6), (1, 1)]
)
def test_it_leaves_as_many_as_asked_for(linear, least, taken):
    assert linear.part(least).risk.num_examples == taken
    assert linear.risk.num_examples == 12


def test_batches_that_stay_whole_are_taken_whole(normed_net, classes):
    """Batch norm in train mode: a batch of other examples is another loss."""
    data = drawn_data(torch.randn(12, 3), (12, 1, 3))
    settings = replace(SETTINGS, batch_size=6, batch_norm="train")
    net = filled(nn.Sequential(normed_net, nn.Linear(3, 3)))
    target = make_target(net, Loss("mse", mse), data, settings, label="normed")
    assert target.part(3) is target
