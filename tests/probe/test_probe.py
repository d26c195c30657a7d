"""A probe leaves no trace in the run, keeps to its share of the time, and says what it lacks."""

import copy
import json
import random
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from in_time import T, jelly, matrix_of
from torch import nn

import landscape
from landscape.probe.alarms import Watch
from landscape.probe.probe import even_size
from landscape.results.probe import HESSIAN, CriticalStep, ProbeValues
from landscape.snn.model import CSNN
from landscape.values import Eigenvalue


class Noisy(nn.Module):
    """Batch norm, dropout, a frozen part in eval mode, and a state of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Linear(5, 8), nn.BatchNorm1d(8)
        self.frozen, self.last = nn.BatchNorm1d(8), nn.Linear(8, 3)
        self.frozen.requires_grad_(False)
        self.drop, self.calls, self.seen = nn.Dropout(0.3), 0, []

    def forward(self, x):
        self.calls += 1
        self.seen = [*self.seen[-3:], x.mean().detach()]
        return self.last(self.drop(self.frozen(torch.tanh(self.norm(self.first(x))))))


def trained(probe, make_optimizer, *, amp=False, accumulate=1, wrap=lambda model: model):
    """Losses of a run that draws random numbers, its final state, and what the probe gave."""
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    inner = Noisy()
    inner.frozen.eval()
    model = wrap(inner)
    optimizer = make_optimizer([p for p in inner.parameters() if p.requires_grad])
    scaler = torch.amp.GradScaler("cpu", enabled=amp)
    x, y = torch.randn(64, 5), torch.randint(0, 3, (64,))
    found, losses = [], []
    for step in range(9):
        optimizer.zero_grad()
        for _ in range(accumulate):
            rows = torch.randint(0, 64, (16,))
            with torch.autocast("cpu", torch.bfloat16, enabled=amp):
                loss = F.cross_entropy(model(x[rows] + 0.1 * torch.randn(16, 5)), y[rows])
            scaler.scale(loss).backward()
            losses.append(loss.item())
            if probe is not None and accumulate > 1:  # between the parts of a step too
                found.append(probe(model, step, optimizer))
        scaler.step(optimizer)
        scaler.update()
        if probe is not None:
            found.append(probe(model, step, optimizer))
    numbers = [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002
    state = {
        **inner.state_dict(),
        **{f"grad {name}": p.grad for name, p in inner.named_parameters() if p.grad is not None},
        **{f"{i} {k}": v for i, s in optimizer.state_dict()["state"].items() for k, v in s.items()},
    }
    modes = [module.training for module in inner.modules()]
    return losses, numbers, state, modes, (inner.calls, inner.seen), [v for v in found if v]


OPTIMIZERS = {
    "sgd": lambda theta: torch.optim.SGD(theta, lr=0.1, momentum=0.9),
    "adamw": lambda theta: torch.optim.AdamW(theta, lr=0.01),
    "rmsprop": lambda theta: torch.optim.RMSprop(theta, lr=0.01, momentum=0.5),
}
WAYS = {
    "plain": {},
    "mixed precision": {"amp": True},
    "accumulated": {"accumulate": 3},
    "compiled": {"wrap": lambda model: torch.compile(model, backend="eager")},
    "compiled in place": {"wrap": lambda model: model.compile(backend="eager") or model},
}


@pytest.mark.parametrize(
    ("make", "way"),
    [
        *((make, "plain") for make in OPTIMIZERS),
        *(("adamw", way) for way in WAYS if way != "plain"),
    ],
)
def test_a_run_is_the_same_bits_with_a_probe_and_without(make, way):
    data = (torch.randn(20, 5), torch.randint(0, 3, (20,)))
    probe = landscape.Probe("cross-entropy", data, every=2, budget=1, path=None)
    with_probe = trained(probe, OPTIMIZERS[make], **WAYS[way])
    without = trained(None, OPTIMIZERS[make], **WAYS[way])
    assert [v.step for v in with_probe[5]] == [0, 2, 4, 6, 8]
    assert with_probe[0] == without[0]  # losses
    assert with_probe[1] == without[1]  # random numbers of all three generators
    assert with_probe[3] == without[3]  # modes
    assert with_probe[4] == without[4]  # what the network keeps for itself
    assert with_probe[2].keys() == without[2].keys()
    for name, value in with_probe[2].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(without[2][name])), name
    last = with_probe[5][-1]
    assert last.lambda_max is not None
    assert (last.preconditioned_lambda_max is None) == (make == "sgd")


class Twice(nn.Module):
    """A network of a user's own that holds another one."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return 2 * self.module(x)


def test_a_wrapped_network_is_measured_as_itself(descent):
    def values(model):
        record = landscape.Probe("mse", descent.data, path=None)(model, 0).record()
        del record["seconds"], record["share"]
        return record

    plain, compiled = values(descent.model), torch.compile(descent.model, backend="eager")
    assert values(compiled) == plain
    assert values(nn.DataParallel(compiled)) == plain
    assert values(Twice(descent.model))["loss"] != plain["loss"]


def test_spiking_networks_say_what_is_measured():
    model = CSNN(channels=2, num_time_steps=2)
    data = (torch.rand(6, 1, 28, 28), torch.randint(0, 10, (6,)))
    values = landscape.Probe("mse", data, what=["lambda_max"], path=None)(model, 0)
    assert values.matrix.startswith("formal Hessian of the surrogate (")
    assert "surrogate atan(alpha=2" in values.matrix


@pytest.mark.parametrize("readout", ["rate", lambda outputs: outputs.mean(0)])
def test_a_network_is_led_through_time_as_in_an_analysis(readout):
    """One step a call, still inputs: the loop that its user would write."""
    rng = torch.Generator().manual_seed(0)
    net, data = jelly("s", rng), (torch.randn(7, 3, generator=rng), torch.arange(7) % 3)
    said = {"time_steps": T, "readout": readout}
    with pytest.raises(ValueError, match="Say --time-steps T"):
        landscape.Probe("cross-entropy", data, path=None)(net, 0)
    probe = landscape.Probe("cross-entropy", data, ["lambda_max"], path=None, **said)
    values = probe(net, 0)
    H = matrix_of(landscape.hessian(net, "cross-entropy", data, **said)).double()
    top = float(torch.linalg.eigvalsh((H + H.T) / 2)[-1])
    assert values.lambda_max.value == pytest.approx(top, rel=0.02)
    assert any(note.startswith(f"time: the network is called {T} times") for note in values.notes)


def test_scalars_are_flat_and_lines_go_on_after_an_interruption(descent, tmp_path):
    path = tmp_path / "runs" / "probe.jsonl"

    def probed(steps):
        probe = landscape.Probe("mse", descent.data, every=2, budget=1, path=path)
        found = [v for step in steps if (v := probe(descent.model, step, descent.optimizer))]
        return probe, found

    values = probed(range(7))[1][0]
    assert all(isinstance(v, float) for v in values.scalars().values())
    assert values.scalars("probe/")["probe/lambda_max"] == values.lambda_max.value
    assert values.scalars()["edge"] == 4.0
    with path.open("a") as file:
        file.write('{"step": 8, "lo')  # a process that ended here
    probe, _ = probed(range(4, 9))  # it was saved before step 4
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [r["step"] for r in records] == [0, 2, 4, 6, 8]
    assert list(probe.curves().steps) == [0, 2, 4, 6, 8]
    probe(descent.model, 3)  # one that goes back, in one process
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 2, 3]
    assert records[0]["lambda_max_residual"] == values.lambda_max.residual
    assert records[0]["absent"]["preconditioned_lambda_max"] == "SGD has no preconditioner"


def test_alarms_are_raised_once_until_they_have_passed(descent):
    """At a hundred times the rate the edge is a hundredth: sharpness and step are beyond it."""
    probe = landscape.Probe("mse", descent.data, every=1, budget=1, path=None, patience=2)
    for _ in range(20):
        descent.step()
    rates = [0.01, 50, 50, 50, 50, 0.01, 50, 50, 50]
    told = []
    for step, lr in enumerate(rates):
        descent.optimizer.param_groups[0]["lr"] = lr
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            told.append(probe(descent.model, step, descent.optimizer).warnings)
        assert [str(w.message) for w in heard] == [f"step {step}: {words}" for words in told[-1]]
    assert [bool(warnings) for warnings in told] == [k in (2, 7) for k in range(9)]
    assert "above the optimiser's edge of stability, 0.04" in told[2][0]
    assert "steps raise the loss of the probe's examples" in told[2][1]


def test_what_says_nothing_of_the_steps_raises_no_alarm():
    """A formal Hessian above the edge; a jump on the way to a step that lowers the loss."""
    values = ProbeValues(
        step=0,
        matrix=HESSIAN,
        loss=1.0,
        lambda_max=Eigenvalue(value=9.0, residual=0.0, converged=True),
        edge=4.0,
        edge_of="lambda_max",
        critical=CriticalStep(low=0.1, high=0.11),
        step_rise=0.2,
        learning_rate=0.5,
        absent={},
        num_matvecs=0,
        num_evaluations=0,
        seconds=0.0,
        share=0.0,
    )
    assert len(Watch(1).told(values)) == 2
    formal = replace(values, matrix="formal Hessian of the surrogate (atan)")
    assert [words[:8] for words in Watch(1).told(formal)] == ["the crit"]
    assert len(Watch(1).told(replace(values, step_rise=-0.2))) == 1


def test_what_cannot_be_measured_is_told_and_the_training_goes_on(descent):
    probe = landscape.Probe("mse", descent.data, every=1, budget=1, path=None)
    alone = probe(descent.model, 0)
    assert alone.absent["edge"] == "no optimizer was passed"
    assert alone.critical is not None  # along the gradient
    two = torch.optim.SGD(
        [{"params": [p], "lr": 0.1 * (k + 1)} for k, p in enumerate(descent.model.parameters())]
    )
    values = probe(descent.model, 1, two)
    assert "different learning rates" in values.absent["edge"]
    with torch.no_grad():
        next(descent.model.parameters()).fill_(torch.nan)
    lost = probe(descent.model, 2, descent.optimizer)
    assert lost.record()["loss"] is None
    assert set(lost.absent.values()) == {"the loss is not a finite number"}


@given(st.integers(1, 2000), st.integers(1, 400))
def test_no_batch_is_much_smaller_than_the_others(num_examples, least):
    size = even_size(num_examples, least)
    last = num_examples % size or size
    assert 2 * last > size
    assert size >= min(least, num_examples)


@pytest.mark.parametrize("num_examples", [251, 256])
def test_batch_norm_has_the_statistics_of_batches_like_the_optimisers(num_examples):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)).double()
    x, y = torch.randn(num_examples, 6).double(), torch.randn(num_examples, 2).double()
    values = landscape.Probe("mse", (x, y), what=["trace"], path=None)(model, 0)
    assert values.loss == pytest.approx(F.mse_loss(model(x), y).item(), rel=1e-12)


def test_wrong_arguments_are_refused(descent):
    data, model = descent.data, descent.model

    def called(*args, call=(), **options):
        return landscape.Probe(*(args or ("mse", data)), path=None, **options)(*call or (model, 0))

    other = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)
    spread = torch.optim.SGD(model.parameters(), lr=0.1)
    spread.consolidate_state_dict = None  # as torch.distributed.optim.ZeroRedundancyOptimizer has
    for match, args, options in (
        ("some of lambda_max, trace", (), {"what": ["sharpness"]}),
        ("every must be a whole number of at least 1", (), {"every": 0}),
        ("budget must be a number above 0; got 0.0", (), {"budget": 0.0}),
        ("budget must be a number above 0; got None", (), {"budget": None}),
        ("share of the time, at most 1", (), {"budget": 1.5}),
        ("batch_norm must be one of eval, train", (), {"batch_norm": "foo"}),
        ("dtype must be one of float32, float64", (), {"dtype": "half"}),
        ("whole number of calls", (), {"patience": 0}),
        ("data must be", ("mse", None), {}),
        ("optimizer must be a torch.optim.Optimizer", (), {"call": (model, 0, "sgd")}),
        ("steps none of the network's parameters", (), {"call": (model, 0, other)}),
        ("is spread over processes", (), {"call": (model, 0, spread)}),
    ):
        with pytest.raises(ValueError, match=match):
            called(*args, **options)
    with torch.inference_mode(), pytest.raises(ValueError, match="inference_mode is on"):
        called()
