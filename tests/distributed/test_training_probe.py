"""A probe of a data-parallel network measures what one process does, on its share of examples."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import landscape
from landscape.distributed import rank, world_size

pytestmark = pytest.mark.dist


def _trained(path, between=nn.Tanh):
    """Weights, and records of a probe, of a data-parallel run on 32 examples."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), between(), nn.Linear(6, 3)).double()
    x, y = torch.randn(32, 4).double(), torch.arange(32) % 3
    model = DistributedDataParallel(net) if world_size() > 1 else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    now = [0.0]
    probe = None
    if path is not None:
        probe = landscape.Probe(
            "cross-entropy", (x, y), every=3, budget=1, path=path, clock=lambda: now[0]
        )
    found = []
    for step in range(8):
        now[0] += 1.0 + rank()  # each has a clock of its own
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rank() :: world_size()]), y[rank() :: world_size()])
        loss.backward()
        optimizer.step()
        if probe is not None and (values := probe(model, step, optimizer)):
            found.append(values.record())
    return [p.detach().clone() for p in net.parameters()], found


def test_two_processes_measure_what_one_does(together, tmp_path):
    weights, alone = _trained(tmp_path / "one.jsonl")
    results = together(2, _trained, tmp_path / "two.jsonl")
    bare = together(2, _trained, None)
    for (theirs, records), (without, _) in zip(results, bare, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(theirs, without, strict=True))
        assert all(torch.allclose(a, b) for a, b in zip(theirs, weights, strict=True))
        assert [r["step"] for r in records] == [0, 3, 6]
        for mine, single in zip(records, alone, strict=True):
            for name in ("loss", "lambda_max", "trace", "critical_sharpness", "edge"):
                assert mine[name] == pytest.approx(single[name], rel=1e-6)
    lines = (tmp_path / "two.jsonl").read_text().splitlines()  # process 0 writes
    assert [json.loads(line)["step"] for line in lines] == [0, 3, 6]


def _normed(path):
    return _trained(path, lambda: nn.BatchNorm1d(6))


def test_batches_stay_whole_for_their_batch_norm(together, tmp_path):
    """Each process measures them all, to the same values."""
    (weights, records), (others, again) = together(2, _normed, tmp_path / "two.jsonl")
    bare, _ = together(2, _normed, None)[0]
    for mine, theirs, without in zip(weights, others, bare, strict=True):
        assert torch.equal(mine, theirs)
        assert torch.equal(mine, without)
    assert [r["step"] for r in records] == [0, 3, 6]
    for mine, theirs in zip(records, again, strict=True):
        assert mine["lambda_max"] > 0
        assert mine["lambda_max"] == pytest.approx(theirs["lambda_max"], rel=1e-9)
