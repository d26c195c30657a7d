"""Networks of plain PyTorch tell by their examples, and by their state, where they have time."""

import pytest
import torch
import torch.nn.functional as F
from in_time import T, dense, matrix_of
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import landscape


class Recurrent(nn.Module):
    """Layers that take (N, F) too, as a sequence of N steps; all their outputs, or the last."""

    def __init__(self, kind, layout, *, last=False):
        super().__init__()
        torch.manual_seed(0)
        self.body = getattr(nn, kind)(3, 3, batch_first=layout == "N-first").double()
        self.axis, self.last = int(layout == "N-first"), last

    def forward(self, x):
        outputs, _ = self.body(x)
        return outputs.select(self.axis, -1) if self.last else outputs


class Encoder(nn.TransformerEncoderLayer):
    def __init__(self, layout):
        torch.manual_seed(0)
        super().__init__(3, 1, 4, dropout=0, batch_first=layout == "N-first")
        self.double()


class OwnSteps(nn.Module):
    """Four steps of a leaky integrator over an image that stands still."""

    def __init__(self, layout):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.axis = nn.Linear(3, 3).double(), int(layout == "N-first")

    def forward(self, x):
        v, steps = 0, []
        for _ in range(T):
            v = 0.9 * v + self.fc(x)
            steps.append(v)
        return torch.stack(steps, self.axis)


class OneStep(nn.Module):
    """A step of it, which keeps its state until it is reset."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.v = nn.Linear(3, 3).double(), 0

    def reset_state(self):
        self.v = 0

    def forward(self, x):
        self.v = 0.9 * self.v + self.fc(x)
        return self.v


LAYOUTS = ("T-first", "N-first")
SEQUENCES = {
    "LSTM": lambda layout: Recurrent("LSTM", layout),
    "GRU": lambda layout: Recurrent("GRU", layout),
    "encoder": Encoder,
}


def hessian(model, data, **said):
    loss = said.pop("loss", "cross-entropy")
    return landscape.hessian(model, loss, data, dtype="float64", batch_size=100, **said)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", SEQUENCES)
def test_still_inputs_are_repeated_where_the_layout_says(kind, layout, still):
    """(N, F) would be taken for a sequence of N steps, by a call as by four of them."""
    net, (x, y) = SEQUENCES[kind](layout), still
    axis = LAYOUTS.index(layout)
    with sdpa_kernel(SDPBackend.MATH):
        rates = net(torch.stack([x] * T, axis)).mean(axis)
        theirs = dense(net, F.cross_entropy(rates, y))
    ours = matrix_of(hessian(net, still, layout=layout, time_steps=T, readout="rate"))
    torch.testing.assert_close(ours, theirs)
    unsaid = {"time_steps": T, "readout": "rate"}
    if layout == "N-first":  # the one possibility
        assert torch.equal(matrix_of(hessian(net, still, **unsaid)), ours)
    else:
        with pytest.raises(ValueError, match=r"influence each other; with .*Say --layout T-first"):
            hessian(net, still, **unsaid)


@pytest.mark.parametrize("said", [{}, {"layout": "N-first"}])
@pytest.mark.parametrize("last", [False, True])
def test_frames_beside_another_number_of_steps(last, said, frames):
    """A network that reads out the end itself gives (N, C), which shows no steps."""
    net = Recurrent("GRU", "N-first", last=last)
    read = {} if last else {"readout": "rate"}
    with pytest.raises(ValueError, match=f"data have {T} frames, --time-steps says 9"):
        hessian(net, frames, time_steps=9, **said, **read)
    their_number, unsaid = (
        matrix_of(hessian(net, frames, **said, **read, **steps))
        for steps in ({"time_steps": T}, {})
    )
    assert torch.equal(their_number, unsaid)


def test_a_readout_of_ones_own_over_frames_is_not_repeated(frames):
    class Rate(OwnSteps):
        def forward(self, x):
            return torch.stack([self.fc(frame) for frame in x.unbind(1)]).tanh().mean(0)

    for said in ({}, {"layout": "N-first"}):
        with pytest.raises(ValueError, match=f"data have {T} frames, --time-steps says 9"):
            hessian(Rate("N-first"), frames, time_steps=9, **said)
    with pytest.raises(ValueError, match="is it --layout N-first"):
        hessian(Rate("N-first"), frames, layout="T-first")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_network_that_makes_its_own_steps(layout, still):
    net, (x, y) = OwnSteps(layout), still
    theirs = dense(net, F.cross_entropy(net(x).mean(LAYOUTS.index(layout)), y))
    for said in ({}, {"layout": layout}):
        ours = hessian(net, still, time_steps=T, readout="rate", **said)
        torch.testing.assert_close(matrix_of(ours), theirs)
        with pytest.raises(ValueError, match=f"network makes {T} steps, --time-steps says 9"):
            hessian(net, still, time_steps=9, readout="rate", **said)
    (other,) = {*LAYOUTS} - {layout}
    if layout == "T-first":  # by (N, T, C) alone nothing tells what the second axis is
        with pytest.raises(ValueError, match="is it --layout T-first"):
            hessian(net, still, layout=other, time_steps=T, readout="rate")


def test_steps_of_a_network_without_state_are_refused(still):
    said = {"time_steps": T, "readout": "rate"}
    with pytest.raises(ValueError, match="looped: each call gives the same, since no state"):
        hessian(nn.Linear(3, 3).double(), still, **said)


@pytest.mark.parametrize("said", [{}, {"layout": "N-first"}, {"layout": "T-first"}])
def test_state_that_is_kept_shows_a_step_a_call(said, frames, still):
    """Applied to all frames at once it runs too, and would make one step of each."""
    net, (x, y) = OneStep(), frames
    ours = matrix_of(hessian(net, frames, readout="rate", **said))
    net.reset_state()
    steps = torch.stack([net(frame) for frame in x.unbind(1)])
    torch.testing.assert_close(ours, dense(net, F.cross_entropy(steps.mean(0), y)))
    x, y = still
    ours = matrix_of(hessian(net, still, readout="rate", time_steps=T, **said))
    net.reset_state()
    steps = torch.stack([net(x) for _ in range(T)])
    torch.testing.assert_close(ours, dense(net, F.cross_entropy(steps.mean(0), y)))


def test_a_loss_that_does_not_fit_what_was_read_out_gives_no_advice_that_was_followed(still):
    net, (x, _) = OwnSteps("N-first"), still
    with pytest.raises(ValueError, match="led through time with inputs given") as caught:
        hessian(net, (x[:, None].expand(-1, 3, -1), still[1]), layout="N-first", readout="rate")
    assert "--layout" not in str(caught.value)
