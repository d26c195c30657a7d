"""The compiled passes against the tensor functions, and the choice between them."""

import itertools
import warnings

import pytest
import torch
from torch.autograd import grad
from torch.testing import assert_close

from landscape.snn import (
    Erf,
    FastSigmoid,
    NeuronDynamics,
    Sigmoid,
    Triangle,
    native,
    pooled_spike_train,
    spike_train,
)

pytestmark = pytest.mark.skipif(native._compiler() is None, reason="needs a C compiler")

T = 3
NEURONS = {  # each costs a compilation: together, every surrogate and every kind of dynamics
    "published": NeuronDynamics(),
    "soft reset": NeuronDynamics(reset=None, threshold=0.7, surrogate=Sigmoid()),
    "detached": NeuronDynamics(detach_reset=True, reset=0.2, surrogate=Erf()),
    "leaky": NeuronDynamics(tau=1.7, reset=0.2, surrogate=FastSigmoid()),
    "leaky, undecayed": NeuronDynamics(tau=2.5, decay_input=False, surrogate=Triangle()),
    "smooth": NeuronDynamics(smooth=True, detach_reset=True),
    "smooth leaky": NeuronDynamics(tau=1.7, reset=None, smooth=True, surrogate=Erf()),
}


def results(function, current, monkeypatch, policy):
    """Spikes, gradient and double backward under a policy, from the same random functionals."""
    monkeypatch.setenv("LANDSCAPE_KERNELS", policy)
    rng = torch.Generator().manual_seed(5)
    x = current.clone().requires_grad_()
    spikes = function(x)
    w = torch.randn(spikes.shape, generator=rng, dtype=x.dtype).requires_grad_()
    (g,) = grad((spikes * w).sum(), x, create_graph=True)
    c = torch.randn(g.shape, generator=rng, dtype=x.dtype)
    return [y.detach() for y in (spikes, g, *grad((g * c).sum(), (x, w)))]


@pytest.mark.parametrize("pooled", [False, True], ids=["plain", "pooled"])
@pytest.mark.parametrize("dynamics", NEURONS.values(), ids=NEURONS)
def test_compiled_passes_equal_the_tensor_functions(dynamics, pooled, rng, monkeypatch):
    def function(x):
        run = pooled_spike_train if pooled else spike_train
        return run(x, T, dynamics)

    for steps, channels in itertools.product((T, 1), (3, 40)):
        x = torch.randn(steps, 5, channels, 4, 14, generator=rng, dtype=torch.float64)
        eager = results(function, x, monkeypatch, "eager")
        compiled = results(function, x, monkeypatch, "compiled")
        assert eager[0].unique().numel() > 1
        # Values reach about 100; each is the result of some dozens of rounded operations.
        assert_close(compiled, eager, rtol=1e-12, atol=1e-12)


def test_hard_spikes_are_bitwise_equal_in_float32(rng, monkeypatch):
    x = torch.randn(T, 5, 16, 8, 8, generator=rng)
    for dynamics in (NeuronDynamics(), NeuronDynamics(tau=1.7)):
        eager, compiled = (
            results(lambda x, d=dynamics: spike_train(x, T, d), x, monkeypatch, policy)
            for policy in ("eager", "compiled")
        )
        assert torch.equal(eager[0], compiled[0])
        assert_close(eager, compiled, rtol=1e-4, atol=1e-4)


def test_threads_share_the_work_without_changing_it(rng, monkeypatch):
    x = torch.randn(T, 9, 16, 16, 16, generator=rng)  # enough for several threads
    for run in (spike_train, pooled_spike_train):
        outcomes = []
        for num_threads in (1, 3):
            before = torch.get_num_threads()
            torch.set_num_threads(num_threads)
            try:
                outcomes.append(
                    results(lambda x, r=run: r(x, T, NeuronDynamics()), x, monkeypatch, "compiled")
                )
            finally:
                torch.set_num_threads(before)
        assert_close(*outcomes, rtol=0, atol=0)


def test_time_steps_too_many_for_the_stack(monkeypatch):
    num_time_steps = 2**15  # blocks of 64 neurons over these are larger than a thread's stack
    x = torch.tensor([[1.0, 0.5, 0.25, 0.0]])
    spikes, gradient, *_ = results(
        lambda x: spike_train(x, num_time_steps, NeuronDynamics()), x, monkeypatch, "compiled"
    )
    # A neuron with a constant current that divides its threshold fires at equal intervals.
    assert_close(spikes.sum(0), num_time_steps * x[0], rtol=0, atol=0)
    assert gradient.shape == x.shape


def test_no_memory_for_the_blocks_is_told_as_memory(monkeypatch):
    class Library:
        def plain_forward(self, *args):
            return 1  # as kernels.c does where aligned_alloc gives NULL

    with pytest.raises(MemoryError, match="membranes"):
        native.Native(Library(), 64).run("plain_forward", 4, (4, 0), torch.zeros(1, 4))


def test_channels_last_currents_are_taken_and_returned_as_they_lie(rng, monkeypatch):
    x = torch.randn(2 * T, 4, 6, 8, generator=rng).contiguous(memory_format=torch.channels_last)
    monkeypatch.setenv("LANDSCAPE_KERNELS", "compiled")
    pooled = pooled_spike_train(x.unflatten(0, (T, 2)), T, NeuronDynamics())
    assert pooled.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_vmap_reaches_the_pooled_passes(rng, monkeypatch):
    monkeypatch.setenv("LANDSCAPE_KERNELS", "compiled")
    x = torch.randn(3, T, 2, 4, 6, 8, generator=rng)

    def gradient(x):
        run = lambda x: pooled_spike_train(x, T, NeuronDynamics()).square().sum()  # noqa: E731
        return torch.func.grad(run)(x)

    assert_close(torch.vmap(gradient)(x), torch.stack([gradient(row) for row in x]))


def test_small_tensors_and_odd_images_take_the_written_functions(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_KERNELS", "auto")
    small, large = torch.zeros(1, 10), torch.zeros(1, native.WORTH_COMPILING)
    assert native.native_for(small, 1, NeuronDynamics()) is None
    assert native.native_for(large, 1, NeuronDynamics()) is not None
    assert native.native_for(large.half(), 1, NeuronDynamics()) is None
    odd = torch.full((1, 2, 3, 5, 7), 2.0)
    assert pooled_spike_train(odd, 2, NeuronDynamics()).shape == (2, 2, 3, 2, 3)


def test_a_compiler_that_fails_costs_a_warning_only(monkeypatch, rng):
    monkeypatch.setenv("LANDSCAPE_KERNELS", "auto")
    monkeypatch.setattr(native, "_compiler", lambda: "false")
    dynamics = NeuronDynamics(threshold=0.123)  # one that no other test has compiled
    x = torch.randn(1, native.WORTH_COMPILING, generator=rng)
    with pytest.warns(RuntimeWarning, match="run slower"):
        spikes = spike_train(x, 1, dynamics)
    assert torch.equal(spikes, (x >= 0.123).float())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        spike_train(x, 1, dynamics)


def test_policy_is_checked(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_KERNELS", "fast")
    with pytest.raises(ValueError, match="auto, eager, compiled"):
        spike_train(torch.zeros(1, 2), 1, NeuronDynamics())
    monkeypatch.setenv("LANDSCAPE_KERNELS", "compiled")
    with pytest.raises(RuntimeError, match="float32 and float64"):
        spike_train(torch.zeros(1, 2, dtype=torch.float16), 1, NeuronDynamics())
