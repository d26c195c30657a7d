"""On a CUDA device: fused passes of neurons against the tensor functions they are made of."""

import pytest
import torch
from torch.autograd import grad
from torch.testing import assert_close

from landscape.snn import NeuronDynamics, Sigmoid, pooled_spike_train, spike_train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

T = 4
NEURONS = {
    "published": NeuronDynamics(),
    "soft reset": NeuronDynamics(reset=None, threshold=0.7, surrogate=Sigmoid()),
    "leaky": NeuronDynamics(tau=1.7, reset=0.2),
    "smooth": NeuronDynamics(smooth=True),
}


def results(function, current, policy, monkeypatch):
    """Spikes, gradient and double backward, from the same random functionals."""
    monkeypatch.setenv("LANDSCAPE_KERNELS", policy)
    rng = torch.Generator().manual_seed(5)
    x = current.clone().requires_grad_()
    spikes = function(x)
    w = torch.randn(spikes.shape, generator=rng, dtype=x.dtype).to(x).requires_grad_()
    (g,) = grad((spikes * w).sum(), x, create_graph=True)
    c = torch.randn(g.shape, generator=rng, dtype=x.dtype).to(x)
    return [y.detach() for y in (spikes, g, *grad((g * c).sum(), (x, w)))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NEURONS)
def test_fused_passes_are_the_written_ones(name, dtype, rng, monkeypatch):
    dynamics = NEURONS[name]
    tol = 1e-12 if dtype == torch.float64 else 1e-5
    for steps, run in ((T, spike_train), (1, spike_train), (T, pooled_spike_train)):
        x = torch.randn(steps, 3, 5, 8, 8, generator=rng, dtype=dtype).to("cuda")
        fused, written = (
            results(lambda x, run=run: run(x, T, dynamics), x, policy, monkeypatch)
            for policy in ("auto", "eager")
        )
        if not dynamics.smooth:
            assert torch.equal(fused[0], written[0])
        assert_close(fused, written, rtol=tol, atol=10 * tol)
