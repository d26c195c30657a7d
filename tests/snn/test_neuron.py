import itertools

import pytest
import torch
from neurons import altered_network
from torch import nn
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.testing import assert_close

from landscape.snn import (
    ATan,
    Erf,
    NeuronDynamics,
    Sigmoid,
    SpikingMLP,
    spike_train,
)

T = 4
NEURONS = {
    f"tau={tau} decay_input={decay} reset={reset} detach={detach}": NeuronDynamics(
        tau=tau, decay_input=decay, reset=reset, detach_reset=detach, threshold=0.7
    )
    for tau, decay, reset, detach in itertools.product(
        (None, 1.7), (True, False), (0.0, 0.2, None), (True, False)
    )
    if decay or tau
}
all_neurons = pytest.mark.parametrize("dynamics", NEURONS.values(), ids=NEURONS)


def currents(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()


def two_derivatives(function, x, rng):
    """Output, gradient and double backward of one random linear functional of ``function``."""
    spikes = function(x)
    w = torch.randn(spikes.shape, generator=rng, dtype=x.dtype).requires_grad_()
    (g,) = grad((spikes * w).sum(), x, create_graph=True)
    c = torch.randn(g.shape, generator=rng, dtype=x.dtype)
    return spikes, g, *grad((g * c).sum(), (x, w))


def reference(dyn):
    """Step by step, the spike as an autograd rule, its derivative as plain tensors."""

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u >= 0).to(u.dtype)

        @staticmethod
        def backward(ctx, g):
            return g * dyn.surrogate.derivative(ctx.saved_tensors[0])

    def run(current):
        rest = dyn.reset or 0.0
        v, spikes = torch.full_like(current[0], rest), []
        for x in current:
            h = v + x
            if dyn.tau:
                h = v - (v - rest) / dyn.tau + (x / dyn.tau if dyn.decay_input else x)
            spikes.append(Spike.apply(h - dyn.threshold))
            s = spikes[-1].detach() if dyn.detach_reset else spikes[-1]
            v = h - dyn.threshold * s if dyn.reset is None else (1 - s) * h + s * rest
        return torch.stack(spikes)

    return run


@all_neurons
def test_both_derivatives_equal_those_of_the_step_by_step_recursion(dynamics):
    x = currents(torch.Generator().manual_seed(1), T, 50)
    ours, theirs = (
        two_derivatives(f, x, torch.Generator().manual_seed(2))
        for f in (lambda x: spike_train(x, T, dynamics), reference(dynamics))
    )
    assert ours[0].unique().numel() == 2
    assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@all_neurons
def test_constant_current_equals_the_same_current_repeated(dynamics, rng):
    x = currents(rng, 1, 50)
    once, repeated = (
        two_derivatives(f, x, torch.Generator().manual_seed(2))
        for f in (
            lambda x: spike_train(x, T, dynamics),
            lambda x: spike_train(x.expand(T, -1), T, dynamics),
        )
    )
    assert_close(once, repeated, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("surrogate", [ATan(), Sigmoid(), Erf()], ids=str)
@pytest.mark.parametrize("reset", [0.0, 0.2, None])
@pytest.mark.parametrize("tau", [None, 1.7])
@pytest.mark.parametrize("steps", [T, 1], ids=["varying", "constant"])
def test_smooth_neurons_have_genuine_derivatives(surrogate, reset, tau, steps, rng):
    # Finite differences are a reference for smooth neurons only.
    dynamics = NeuronDynamics(tau=tau, reset=reset, surrogate=surrogate, smooth=True)
    x = currents(rng, steps, 3)
    assert gradcheck(lambda x: spike_train(x, T, dynamics), x)
    assert gradgradcheck(lambda x: spike_train(x, T, dynamics), x)


def test_spikes_at_threshold_exactly():
    x = torch.tensor([[1.0, 1.0 - 2**-24, 0.5, -1.0]])
    expected = [[1.0, 0, 0, 0], [1, 1, 1, 0]]  # second step: 2 x 0.5 reaches it
    assert spike_train(x, 2, NeuronDynamics()).tolist() == expected


def test_channels_last_currents_keep_their_layout_and_values(rng):
    plain = torch.randn(T, 2, 3, 4, 4, generator=rng, dtype=torch.float64)
    last = plain.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (T, 2))
    a, b = (
        two_derivatives(
            lambda x: spike_train(x, T, NeuronDynamics()),
            x.requires_grad_(),
            torch.Generator().manual_seed(2),
        )
        for x in (plain, last)
    )
    assert_close(a, b, rtol=0, atol=0)
    for result in b:
        assert result.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_vmap_over_parameters_equals_a_loop(rng):
    x = torch.randn(5, T, 7, generator=rng, dtype=torch.float64)
    dyn = NeuronDynamics()

    def gradient(x):
        return torch.func.grad(lambda x: (spike_train(x, T, dyn) ** 2).sum())(x)

    assert_close(torch.vmap(gradient)(x), torch.stack([gradient(row) for row in x]))
    hessian = torch.func.jacrev(gradient)(x[0]).reshape(T * 7, T * 7)
    assert_close(hessian, hessian.T)
    one, (row,) = torch.eye(T * 7, dtype=x.dtype), x[:1].clone().requires_grad_()
    (g,) = grad((spike_train(row, T, dyn) ** 2).sum(), row, create_graph=True)
    dense = torch.stack([grad((g.flatten() @ e), row, retain_graph=True)[0].flatten() for e in one])
    assert_close(hessian, dense)


def test_network_keeps_no_state(rng):
    network = SpikingMLP((5, 4, 3), dynamics=NeuronDynamics(tau=2.0))
    x = 3 * torch.rand(8, 5, generator=rng)
    assert torch.equal(network(x), network(x))


def test_altering_leaves_the_original_as_it_was(rng):
    network = SpikingMLP((5, 4, 3))
    x = 3 * torch.rand(8, 5, generator=rng)
    hard, dynamics = network(x), network.neurons.dynamics
    altered = altered_network(network, smooth=True, slope_factor=3.0)
    assert altered.neurons.dynamics.surrogate == ATan(6.0)
    assert torch.all((altered(x) > 0) & (altered(x) < 1))
    assert network.neurons.dynamics is dynamics
    assert torch.equal(network(x), hard)
    assert set(hard.unique().tolist()) <= {0, 0.25, 0.5, 0.75, 1}
    with pytest.raises(ValueError, match="no spiking neurons"):
        altered_network(nn.Linear(1, 1))


def test_smooth_network_tends_to_the_hard_one_as_the_slope_grows(rng):
    network = SpikingMLP((5, 4, 3)).double()
    x = 3 * torch.rand(8, 5, generator=rng, dtype=torch.float64)
    smooth = altered_network(network, smooth=True, slope_factor=1e9)
    assert_close(smooth(x), network(x), atol=1e-6, rtol=0)


def test_third_derivative_is_refused(rng):
    x = currents(rng, T, 3)
    (g,) = grad((spike_train(x, T, NeuronDynamics()) ** 2).sum(), x, create_graph=True)
    (h,) = grad((g**2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        grad(h.sum(), x)


@pytest.mark.parametrize(
    ("current", "steps", "message"),
    [
        (torch.zeros(3, 2), T, "shape"),
        (torch.zeros(4, 2), 0, "num_time_steps"),
        (torch.zeros(4, 2, dtype=torch.long), T, "floating point"),
    ],
)
def test_bad_input_is_named(current, steps, message):
    with pytest.raises(ValueError, match=message):
        spike_train(current, steps, NeuronDynamics())


def test_time_constant_must_exceed_one_step():
    with pytest.raises(ValueError, match="tau"):
        NeuronDynamics(tau=1.0)
