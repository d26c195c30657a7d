"""What is said of time and is not so is refused before there is a number; labels claim no more."""

import pytest
import torch
import torch.nn.functional as F
from in_time import Inside, OverFrames, T, dense, jelly, matrix_of
from torch import nn

import landscape


class Integrator(nn.Module):
    """A leaky integrator of plain PyTorch, time on one of the first two axes."""

    def __init__(self, rng, layout, *, decay=0.9, detach=False, mixes=False):
        super().__init__()
        self.fc = nn.Linear(3, 3, bias=False).double()
        with torch.no_grad():
            self.fc.weight.copy_(torch.randn(3, 3, generator=rng))
        self.axis, self.detach, self.mixes = int(layout == "N-first"), detach, mixes
        self.decay = decay

    def forward(self, x):
        v, found = 0, []
        currents = self.fc(x)
        if self.mixes:
            currents = currents - currents.mean(1, keepdim=True)
        for current in currents.unbind(self.axis):
            v = self.decay * (v.detach() if self.detach and found else v) + current
            found.append(v)
        return torch.stack(found, self.axis)


def hessian(model, data, loss="cross-entropy", **said):
    return landscape.hessian(model, loss, data, dtype="float64", batch_size=100, **said)


LAYOUTS = {"T-first": "N-first", "N-first": "T-first"}


@pytest.mark.parametrize(("detach", "decay"), [(False, 0.9), (True, 0.9), (True, 1e-6)])
@pytest.mark.parametrize(("own", "said"), LAYOUTS.items())
def test_the_other_layout_of_a_plain_network_is_refused(
    own, said, detach, decay, frames, still, rng
):
    """All examples are in one batch, which is never cut: no sum of parts tells."""
    net = Integrator(rng, own, detach=detach, decay=decay)
    wrong = rf"you said --layout {said}, but .*influence each other.*is it --layout {own}\?"
    with pytest.raises(ValueError, match=wrong):
        hessian(net, frames, layout=said, readout="last")
    with pytest.raises(ValueError, match=wrong):
        hessian(net, still, layout=said, readout="last", time_steps=T)
    x, y = frames
    theirs = net(x.movedim(1, 0))[-1] if own == "T-first" else net(x)[:, -1]
    ours = matrix_of(hessian(net, frames, layout=own, readout="last"))
    torch.testing.assert_close(ours, dense(net, F.cross_entropy(theirs, y)))


def test_time_first_unsaid_is_refused_with_a_readout(frames, rng):
    with pytest.raises(ValueError, match=r"influence each other.*Say --layout T-first"):
        hessian(Integrator(rng, "T-first"), frames, readout="last")


def test_silent_outputs_tell_by_their_surrogate(frames, rng):
    """Nothing fires, so no value changes with the other examples; spikes have slopes all the same.

    The neurons are wrapped so that no library's is recognised, which would tell by its steps.
    """

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, v):
            ctx.save_for_backward(v)
            return (v > 1e6).to(v)

        @staticmethod
        def backward(ctx, slope):
            return slope / (1 + ctx.saved_tensors[0].square())

    class Silent(Integrator):
        def forward(self, x):
            return Spike.apply(super().forward(x))

    with pytest.raises(ValueError, match="is it --layout N-first"):
        hessian(Silent(rng, "N-first"), frames, layout="T-first", readout="rate")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_networks_that_mix_their_examples_are_taken_as_they_are(layout, frames, rng):
    """One batch, by either layout examples influence each other: what is said is what is done."""
    net = Integrator(rng, layout, mixes=layout == "T-first")
    if layout == "N-first":
        net = nn.Sequential(net, _Centred())
    found = hessian(net, frames, layout=layout, readout="last")
    x, y = frames
    theirs = net(x.movedim(1, 0))[-1] if layout == "T-first" else net(x)[:, -1]
    torch.testing.assert_close(matrix_of(found), dense(net, F.cross_entropy(theirs, y)))
    swapped = r"you said --layout {}, but .*their order does not matter.*is it --layout {}\?"
    with pytest.raises(ValueError, match=swapped.format(LAYOUTS[layout], layout)):
        hessian(net, frames, layout=LAYOUTS[layout], readout="last")


def test_where_nothing_tells_the_layout_a_note_says_so(frames, rng):
    """Attention minds no order, nor does the mean: by either layout it looks the same."""
    attention = nn.TransformerEncoderLayer(3, 1, 4, batch_first=True, dropout=0)
    where = {"budget": "quick", "only": ["spectrum"], "batch_size": 100, "readout": "rate"}
    said = {
        layout: landscape.analyze(
            nn.Sequential(attention, centred).double(), "mse", frames, layout=layout, **where
        ).subject.notes
        for layout in LAYOUTS
        for centred in [_Centred()]
    }
    for notes in said.values():
        assert any("that time is where it was said to be, nothing tells" in note for note in notes)
    mixed = nn.Sequential(Integrator(rng, "N-first"), _Centred())
    notes = landscape.analyze(mixed, "mse", frames, layout="N-first", **where).subject.notes
    assert not any("nothing tells" in note for note in notes)


def test_an_order_that_no_layout_explains_gets_no_advice_that_was_followed(frames, rng):
    net = nn.Sequential(Integrator(rng, "N-first"), _Summed())
    with pytest.raises(ValueError, match="depends on the order of the examples") as caught:
        landscape.hessian(
            net, "cross-entropy", frames, batch_size=3, layout="N-first", readout="last"
        )
    assert "led through time with inputs given" in str(caught.value)
    assert "--layout" not in str(caught.value)


class _Summed(nn.Module):
    def forward(self, outputs):
        return outputs.cumsum(0)


class _Centred(nn.Module):
    def forward(self, outputs):
        return outputs - outputs.mean(0)


def test_batch_norms_that_mix_are_no_sign_of_a_layout(frames, rng):
    net = nn.Sequential(
        Integrator(rng, "N-first"), nn.Flatten(0, 1), nn.BatchNorm1d(3), nn.Unflatten(0, (-1, T))
    ).double()
    assert hessian(net, frames, layout="N-first", readout="last", batch_norm="train").dim == 15
    with pytest.raises(ValueError, match="is it --layout N-first"):
        hessian(net, frames, layout="T-first", readout="last", batch_norm="train")


NETS = {
    "single": (lambda rng: jelly("s", rng), [None, *LAYOUTS]),
    "multi": (lambda rng: jelly("m", rng), [None, "T-first"]),
    "loop": (OverFrames, [None, "T-first"]),
    "plain, T-first": (lambda rng: Integrator(rng, "T-first"), ["T-first"]),
    "plain, N-first": (lambda rng: Integrator(rng, "N-first"), ["N-first"]),
}


@pytest.mark.parametrize(
    ("net", "layout"),
    [pytest.param(net, said, id=f"{k}-{said}") for k, (net, all_) in NETS.items() for said in all_],
)
def test_a_number_of_steps_that_is_not_that_of_the_frames(net, layout, frames, rng):
    """Networks that apply to the last axis would take all frames at once, in each of nine calls."""
    with pytest.raises(ValueError, match=f"data have {T} frames, --time-steps says 9"):
        hessian(net(rng), frames, readout="rate", time_steps=9, layout=layout)


def test_a_number_of_steps_that_the_network_does_not_make(still, rng):
    with pytest.raises(ValueError, match=f"network makes {T} steps, --time-steps says 9"):
        hessian(Inside(rng), still, readout="rate", time_steps=9)


def test_the_number_of_the_frames_may_be_said(frames, rng):
    net = Integrator(rng, "N-first")
    said, unsaid = (
        matrix_of(hessian(net, frames, layout="N-first", readout="rate", **steps))
        for steps in ({"time_steps": T}, {})
    )
    assert torch.equal(said, unsaid)


class Returns(nn.Module):
    """One of (spikes, membranes)."""

    def __init__(self, rng, part):
        super().__init__()
        self.net, self.part = Inside(rng), part

    def forward(self, x):
        return self.net(x)[self.part]


@pytest.mark.parametrize(
    ("part", "readout", "words"),
    [
        (0, "rate", "rate: the mean over time of the spikes"),
        (1, "rate", "rate: the mean over time of the outputs (not all 0 or 1, as spikes are)"),
        (0, "mem_max", "mem_max: the largest in time of the outputs (all 0 or 1, as spikes are)"),
        (1, "mem_max", "mem_max: the largest in time of the outputs"),
    ],
)
def test_labels_of_readouts_claim_what_the_outputs_show(part, readout, words, still, rng):
    assert _time_note(Returns(rng, part), still, readout).endswith(f"read out by {words}")


def test_a_function_is_named_once(still, rng):
    def by_hand(outputs):
        return outputs.mean(0)

    assert _time_note(Returns(rng, 1), still, by_hand).endswith("read out by by_hand")


def _time_note(net, data, readout):
    where = {"budget": "quick", "only": ["spectrum"], "readout": readout}
    found = landscape.analyze(net, "cross-entropy", data, **where)
    (note,) = (n for n in found.subject.notes if n.startswith("time:"))
    return note


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
def test_outputs_with_time_second_ask_for_a_readout(loss, frames, rng):
    for said in ({}, {"layout": "N-first"}):
        with pytest.raises(ValueError, match=r"time on the second axis\?.*--readout rate"):
            hessian(Integrator(rng, "N-first"), frames, loss, **said)
