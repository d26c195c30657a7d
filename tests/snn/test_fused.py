"""How passes are compiled on an accelerator, tried on the CPU with compilers that do nothing."""

import warnings

import pytest
import torch

from landscape.snn import NeuronDynamics, passes
from landscape.snn.kernels import forward_pass

T = 2


@pytest.fixture
def compile_with(monkeypatch):
    """Have ``torch.compile`` hand its graphs to a function, in place of PyTorch's compiler."""
    real = torch.compile

    def use(backend):
        def compiled(function, *, dynamic, options):
            assert set(options) <= set(torch._inductor.list_options())
            return real(function, dynamic=dynamic, backend=backend)

        monkeypatch.setattr(torch, "compile", compiled)
        passes._fused.cache_clear()
        torch._dynamo.reset()

    yield use
    passes._fused.cache_clear()


def test_every_kind_of_neuron_and_every_dtype_is_compiled(compile_with, rng):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compile_with(backend)
    calls = 0
    for kind in range(5):  # more variants in all than PyTorch compiles of one function
        dyn = NeuronDynamics(threshold=0.5 + kind)
        for dtype in (torch.float32, torch.float64):
            current = torch.randn(T, 6, generator=rng, dtype=dtype)
            found = passes._fused(forward_pass, T, dyn)(current)
            assert torch.equal(found, forward_pass(current, T, dyn))
            calls += 1
            assert len(graphs) == calls


def test_a_compiler_that_fails_costs_a_warning_only(compile_with, rng):
    def backend(graph, inputs):
        raise OSError("no compiler here")

    compile_with(backend)
    current, dyn = torch.randn(T, 6, generator=rng), NeuronDynamics()
    fused = passes._fused(forward_pass, T, dyn)
    with pytest.warns(RuntimeWarning, match="operation by operation .*no compiler here"):
        found = fused(current)
    assert torch.equal(found, forward_pass(current, T, dyn))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        fused(current)
