"""Networks led through time are the loops that their users write, in value and curvature."""

import pytest
import snntorch.functional as SF
import torch
import torch.nn.functional as F
from in_time import Inside, N, NFirst, OverFrames, Step, T, dense, jelly, matrix_of
from torch import nn

import landscape
from landscape.snn.adapters import reset_state

# Of the norm. Sums are in another order; snnTorch's spikes and losses are float32: 6e-8 each.
TOL = 1e-6


def hessian(model, loss, data, **where):
    return landscape.hessian(model, loss, data, dtype="float64", batch_size=3, **where)


def agree(ours, theirs):
    assert theirs.norm() > 1e-5
    assert (ours - theirs).norm() <= TOL * theirs.norm()


def stepped(net, inputs):
    """The loop over T, from rest, that users write around a network of single steps."""
    reset_state(net)
    steps = [net(x) for x in inputs]
    if isinstance(steps[0], tuple):
        return tuple(torch.stack(part) for part in zip(*steps, strict=True))
    return torch.stack(steps)


def test_single_steps_are_looped_over_a_still_input(still, rng):
    net, (x, y) = jelly("s", rng), still
    H = hessian(net, "cross-entropy", still, time_steps=T, readout="rate")
    theirs = dense(net, F.cross_entropy(stepped(net, [x] * T).mean(0), y))
    agree(matrix_of(H), theirs)


def test_single_steps_get_a_frame_each(frames, rng):
    net, (x, y) = jelly("s", rng), frames
    theirs = dense(net, F.cross_entropy(stepped(net, x.unbind(1)).mean(0), y))
    for said in (
        {"layout": "N-first"},
        {"layout": "T-first"},
        {"layout": "N-first", "time_steps": T},
    ):
        H = hessian(net, "cross-entropy", frames, readout="rate", **said)
        agree(matrix_of(H), theirs)


@pytest.mark.parametrize("said", [{"layout": "T-first"}, {}], ids=["said", "found"])
def test_a_network_with_time_first_gets_frames_so(frames, said, rng):
    net, (x, y) = jelly("m", rng), frames
    H = hessian(net, "cross-entropy", frames, readout="rate", **said)
    reset_state(net)
    theirs = dense(net, F.cross_entropy(net(x.transpose(0, 1)).mean(0), y))
    agree(matrix_of(H), theirs)


@pytest.mark.parametrize("said", [{"layout": "T-first"}, {}], ids=["said", "found"])
def test_a_network_with_time_first_gets_still_inputs_repeated(still, said, rng):
    net, (x, y) = jelly("m", rng), still
    H = hessian(net, "mse", still, readout="rate", time_steps=T, **said)
    reset_state(net)
    rates = net(x.expand(T, *x.shape)).mean(0)
    theirs = dense(net, F.mse_loss(rates, F.one_hot(y, 3).double()))
    agree(matrix_of(H), theirs)


def test_a_network_with_examples_first(frames, still, rng):
    net, (x, y) = NFirst(rng), frames
    reset_state(net)
    theirs = dense(net, F.cross_entropy(net(x).mean(1), y))
    H = hessian(net, "cross-entropy", frames, layout="N-first", readout="rate")
    agree(matrix_of(H), theirs)
    own = hessian(net, lambda o, y: F.cross_entropy(o.mean(1), y, reduction="none"), frames)
    agree(matrix_of(own), theirs)
    reset_state(net)
    x = still[0]
    theirs = dense(net, F.cross_entropy(net(x[:, None].expand(-1, T, -1)).mean(1), y))
    H = hessian(net, "cross-entropy", still, layout="N-first", time_steps=T, readout="rate")
    agree(matrix_of(H), theirs)


READ = {
    "rate": lambda s, m: s.mean(0),
    "mem_mean": lambda s, m: m.mean(0),
    "mem_max": lambda s, m: m.max(0).values,
    "last": lambda s, m: m[-1],
}


@pytest.mark.parametrize("name", READ)
def test_readouts_of_spikes_and_membranes(name, still, rng):
    """Whether the loop is around the network or inside, and by name or as a function."""
    x, y = still
    net = Inside(rng)
    net.rest()
    theirs = dense(net, F.cross_entropy(READ[name](*net(x)), y))
    for readout in (name, lambda outputs: READ[name](*outputs)):
        H = hessian(net, "cross-entropy", still, layout="T-first", readout=readout)
        agree(matrix_of(H), theirs)
    step = Step(rng)
    step.load_state_dict(net.state_dict())
    H = hessian(step, "cross-entropy", still, time_steps=T, readout=name)
    agree(matrix_of(H), theirs)


LOSSES = {
    "ce_rate": (SF.ce_rate_loss(), 0),
    "ce_count": (SF.ce_count_loss(), 0),
    "ce_max_membrane": (SF.ce_max_membrane_loss(), 1),
    "mse_count": (SF.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2), 0),
    "mse_membrane": (SF.mse_membrane_loss(on_target=1.2), 1),
    "ce_weighted": (SF.ce_count_loss(weight=torch.tensor([1.0, 2.0, 0.5]).double()), 0),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_snntorch_losses_as_they_are_written(kind, still, frames, rng):
    """On time-first outputs, of the part of (spikes, membranes) that each is of, in any batches."""
    loss, part = LOSSES[kind]
    net = Inside(rng)
    net.rest()
    theirs = dense(net, loss(net(still[0])[part], still[1]).squeeze())
    agree(matrix_of(hessian(net, loss, still)), theirs)

    net = OverFrames(rng)
    net.rest()
    x, y = frames
    theirs = dense(net, loss(net(x.transpose(0, 1))[part], y).squeeze())
    agree(matrix_of(hessian(net, loss, frames)), theirs)
    agree(matrix_of(hessian(net, loss, frames, layout="T-first")), theirs)


def test_snntorch_losses_by_name_have_a_value_an_example(still, rng):
    net = Inside(rng)
    by_name = "snntorch.functional:mse_count_loss?correct_rate=0.8&incorrect_rate=0.2"
    H = hessian(net, by_name, still)
    agree(matrix_of(H), matrix_of(hessian(net, LOSSES["mse_count"][0], still)))
    assert landscape.fisher(net, by_name, still, dtype="float64").dim == H.dim
    found = landscape.analyze(net, by_name, still, budget="quick", only=["spectrum"])
    assert found.subject.accuracy == pytest.approx(
        (net_rates(net, still[0]).argmax(1) == still[1]).double().mean().item()
    )


def net_rates(net, x):
    net.rest()
    return net(x)[0].mean(0)


def test_sums_of_snntorch_losses_are_refused(still, rng):
    with pytest.raises(ValueError, match="sums over the batch"):
        hessian(Inside(rng), SF.ce_count_loss(reduction="sum"), still)
    with pytest.raises(ValueError, match="not the class"):
        hessian(Inside(rng), SF.ce_count_loss, still)
    with pytest.raises(ValueError, match="reads outputs over time itself"):
        hessian(Inside(rng), SF.ce_count_loss(), still, readout="rate")
    with pytest.raises(ValueError, match="time_var_targets"):
        hessian(Inside(rng), SF.mse_membrane_loss(time_var_targets=True), still)
    with pytest.raises(ValueError, match="needs outputs over time"):
        hessian(nn.Linear(3, 3).double(), SF.ce_count_loss(), still)


def over_second(outputs, targets):
    return F.cross_entropy(outputs.mean(1), targets, reduction="none")


@pytest.mark.parametrize("net", [lambda rng: jelly("m", rng), OverFrames])
def test_examples_taken_for_time_are_refused_before_a_number(net, frames, rng):
    """A network with time first on (N, T, C): the mean over the second axis looks as it should."""
    with pytest.raises(ValueError, match=r"take the examples for time steps.*--layout T-first"):
        hessian(net(rng), over_second, frames)


def test_a_loop_that_is_outside_is_asked_for(still, frames, rng):
    with pytest.raises(
        ValueError, match=r"one time step in a call.*--time-steps T.*--readout rate"
    ):
        hessian(jelly("s", rng), "mse", still)
    with pytest.raises(ValueError, match=r"one time step in a call"):
        hessian(Step(rng), lambda o, y: F.cross_entropy(o[1], y), still)

    class Images(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat, self.net = nn.Flatten(), jelly("s", rng)

        def forward(self, x):
            if x.ndim != 4:
                raise RuntimeError("expected images")
            return self.net(self.flat(x))

    x, y = frames
    with pytest.raises(ValueError, match=r"one time step in a call.*--time-steps 4"):
        hessian(Images(), lambda o, y: F.cross_entropy(o.mean(0), y), (x[:, :, None, None], y))
    one = hessian(jelly("s", rng), "mse", still, time_steps=1)
    assert one.dim == 24


@pytest.mark.parametrize(
    ("net", "data", "said", "message"),
    [
        ("s", "still", {"time_steps": T}, "does not say how they are read. Give --readout rate"),
        ("s", "frames", {"time_steps": T, "readout": "rate"}, r"in several ways.*--layout"),
        ("m", "frames", {"layout": "N-first", "readout": "rate"}, "is it --layout T-first"),
        ("m", "still", {"layout": "T-first", "readout": "rate"}, "cannot be led through time"),
        ("m", "frames", {"layout": "T-first"}, "does not say how they are read"),
        ("m", "frames", {"layout": "T-first", "readout": lambda o: o}, "one prediction an example"),
        ("m", "frames", {"readout": "median"}, "'median' is not a known name.*mem_mean"),
        ("m", "frames", {"readout": nn.Linear(2, 2)}, "put it into the network"),
    ],
)
def test_what_cannot_be_is_told(net, data, said, message, request, rng):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        hessian(jelly(net, rng), "mse", request.getfixturevalue(data), **said)


def test_time_is_not_for_objectives_and_not_for_networks_without(still, rng):
    def objective(model, batch):
        return F.cross_entropy(stepped(model, [batch[0]] * T).mean(0), batch[1])

    net = jelly("s", rng)
    with pytest.raises(ValueError, match="leads it through time itself"):
        landscape.hessian(net, None, still, objective=objective, time_steps=T)
    with pytest.raises(ValueError, match="without a time axis"):
        hessian(nn.Linear(3, 3).double(), "mse", still, readout="rate")
    H = landscape.hessian(net, None, still, objective=objective, dtype="float64")
    ours = hessian(net, "cross-entropy", still, time_steps=T, readout="rate")
    agree(matrix_of(H), matrix_of(ours))
    found = landscape.analyze(
        net,
        None,
        still,
        objective=lambda m, b: m(b[0]).square().mean(1),
        budget="quick",
        only=["spectrum"],
    )
    assert any("one step only (T = 1)" in note for note in found.subject.notes)


def test_outputs_that_hold_the_examples_elsewhere_are_the_losses_business(still, rng):
    class Folded(Inside):
        def forward(self, x):
            spikes, membranes = super().forward(x)
            return {"sum": spikes.sum(), "folded": membranes.flatten(0, 1)}

    def loss(outputs, y):
        return F.cross_entropy(outputs["folded"].unflatten(0, (T, -1)).mean(0), y)

    net, (x, y) = Folded(rng), still
    net.rest()
    agree(matrix_of(hessian(net, loss, still)), dense(net, loss(net(x), y)))
    with pytest.raises(ValueError, match="cannot be led through time"):
        hessian(net, loss, still, readout="rate")


def test_targets_of_each_step_need_no_readout(frames, rng):
    net, (x, _) = jelly("m", rng), frames
    y = torch.arange(N * T).reshape(N, T) % 3
    H = hessian(net, "cross-entropy", (x, y), layout="T-first")
    reset_state(net)
    outputs = net(x.transpose(0, 1)).transpose(0, 1)
    theirs = dense(net, F.cross_entropy(outputs.flatten(0, 1), y.flatten()))
    agree(matrix_of(H), theirs)


def test_loaders_with_time_first_are_told_of(frames, rng):
    x, y = frames
    with pytest.raises(ValueError, match="batch_first=True"):
        hessian(jelly("m", rng), "mse", [(x.transpose(0, 1), y)], layout="T-first")


@pytest.mark.parametrize("operator", [landscape.ggn, landscape.fisher])
def test_other_operators_see_the_prediction(operator, still, frames, rng):
    """A loop around single steps is the network that takes all at once."""
    single, multi = jelly("s", rng), jelly("m", rng)
    multi.load_state_dict(single.state_dict())
    where = {"readout": "rate", "dtype": "float64", "batch_size": 3}
    for data, said in ((still, {"time_steps": T}), (frames, {"layout": "T-first"})):
        found = [
            matrix_of(operator(n, "cross-entropy", data, **where, **said)) for n in (single, multi)
        ]
        agree(*found)


def test_what_was_taken_is_said_and_activity_counts_steps(still, rng):
    single, multi = jelly("s", rng), jelly("m", rng)
    multi.load_state_dict(single.state_dict())
    where = {"budget": "quick", "only": ["activity"], "time_steps": T, "readout": "rate"}
    loop, once = (landscape.analyze(n, "mse", still, **where) for n in (single, multi))
    (note,) = (n for n in loop.subject.notes if n.startswith("time:"))
    assert "called 4 times with the same input" in note
    assert "read out by rate: the mean over time of the spikes" in note
    (note,) = (n for n in once.subject.notes if n.startswith("time:"))
    assert "repeated 4 times on a new first axis" in note
    firing = [found.activity.firing for found in (loop, once)]
    assert firing[0] == firing[1]
    assert len(firing[0].layers[0].by_step) == T


def test_surrogates_can_be_exchanged_in_a_loop(still, rng):
    found = landscape.analyze(
        jelly("s", rng),
        "mse",
        still,
        time_steps=T,
        readout="rate",
        budget="quick",
        only=["surrogates"],
        surrogate=["atan(alpha=2)", "triangle"],
    )
    own, atan, triangle = found.surrogates.rows
    assert own.largest.value == pytest.approx(atan.largest.value, rel=1e-3)
    assert triangle.largest.value != pytest.approx(atan.largest.value, rel=1e-3)
