"""Where memory ends, batches are halved, and the product stays what it was."""

import gc
import weakref

import pytest
import torch
from torch.testing import assert_close

from landscape.curvature.graphs import rebatched
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.operators import make_operator
from landscape.data.dataset import cut
from landscape.memory import free_memory
from landscape.objective.halving import is_out_of_memory
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError

ERRORS = {
    "accelerator": torch.OutOfMemoryError("CUDA out of memory."),
    "host": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    "library": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "python": MemoryError(),
}


class Room(torch.nn.Module):
    """A network that runs out of memory on more than ``limit`` examples at once."""

    def __init__(self, limit, error):
        super().__init__()
        self.limit, self.error = limit, error
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
        )

    def forward(self, x):
        if len(x) > self.limit:
            raise self.error
        return self.layers(x)


def make_risk(limit, error, rng, size=20, **settings):
    torch.manual_seed(0)
    x = torch.randn(23, 3, generator=rng, dtype=torch.float64)
    y = torch.randint(0, 2, (23,), generator=rng)
    model = Room(limit, error).double()
    loss = Loss("cross-entropy", BUILTIN_LOSSES["cross-entropy"])
    return EmpiricalRisk(model, loss, cut(x, y, size), **settings)


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("name", ["hessian", "ggn", "fisher"])
def test_out_of_memory_halves_the_batches_and_goes_on(name, error, rng):
    risk = make_risk(6, error, rng)
    A = make_operator(risk, name)
    v = torch.randn(A.dim, generator=rng, dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        product = A @ v
    assert [len(b.targets) for b in A.risk.batches] == [5, 5, 5, 5, 3]
    assert [len(b.targets) for b in risk.batches] == [20, 3]  # others' batches stay
    risk.model.limit = 100
    assert_close(product, make_operator(risk, name) @ v)
    assert A.num_matvecs == 1


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_loss_or_gradient_that_runs_out_of_memory_halves_the_batches(error, rng):
    risk = make_risk(100, error, rng)
    A = make_operator(risk, "hessian")
    v = torch.randn(A.dim, generator=rng, dtype=torch.float64)
    loss, gradient, product = risk.evaluate(), risk.gradient(), A @ v
    risk.model.limit = 11
    with pytest.warns(RuntimeWarning, match="going on with batches of 10"):
        assert risk.evaluate().loss == pytest.approx(loss.loss, rel=1e-14)
    risk.model.limit = 6
    with pytest.warns(RuntimeWarning, match="going on with batches of 5"):
        assert_close(risk.gradient(), gradient)
    assert [len(b.targets) for b in risk.batches] == [5, 5, 5, 5, 3]
    assert risk.evaluate().accuracy == loss.accuracy
    assert_close(A @ v, product)  # by the graphs that it keeps, of batches as they were
    with pytest.raises(ValueError, match="smaller with --bn train"):
        make_risk(6, error, rng, batch_norm="train").gradient()


def test_what_pytorch_holds_back_of_freed_tensors_counts_as_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 60)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    assert free_memory(torch.device("cuda"), 0.5) == 70


def test_one_example_that_does_not_fit_is_refused(rng):
    A = make_operator(make_risk(0, ERRORS["host"], rng), "hessian")
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(ValueError, match="out of memory with batches of 1, which cannot be made"),
    ):
        A @ torch.ones(A.dim, dtype=torch.float64)


def test_the_error_of_this_machines_allocator_is_recognised():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 59)
    assert is_out_of_memory(refused.value)


def test_other_errors_are_not_taken_for_it(rng):
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    A = make_operator(make_risk(0, RuntimeError("shape mismatch"), rng), "hessian")
    with pytest.raises(UserCodeError, match="shape mismatch"):
        A @ torch.ones(A.dim, dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 4, 19, 50])
def test_smaller_batches_are_the_same_risk(size, rng):
    risk = make_risk(100, ERRORS["host"], rng)
    smaller = rebatched(risk, size)
    assert sum(len(b.targets) for b in smaller.batches) == smaller.num_examples == 23
    assert max(len(b.targets) for b in smaller.batches) == min(size, 20)
    assert smaller.evaluate().loss == pytest.approx(risk.evaluate().loss, rel=1e-14)
    assert_close(smaller.gradient(), risk.gradient())


def test_what_graphs_share_counts_once_among_those_that_are_kept():
    torch.manual_seed(0)
    x, y = torch.randn(64, 3000), torch.randint(0, 2, (64,))  # of which each batch is a view
    loss = Loss("cross-entropy", BUILTIN_LOSSES["cross-entropy"])
    risk = EmpiricalRisk(torch.nn.Linear(3000, 2), loss, cut(x, y, 4))
    A = HessianOperator(risk, graph_budget=2 * x.nbytes)
    A @ torch.ones(A.dim)
    assert all(A.graphs.keeps(index) for index in range(16))
    assert x.nbytes < A.graphs.bytes_kept < 1.5 * x.nbytes


def test_what_kept_graphs_hold_is_given_back_with_the_operator(rng):
    """At once: neither a step that saves its own output, such as tanh, nor the operator is held."""
    risk = make_risk(99, None, rng)
    outputs = []
    tanh = risk.model.layers[1]
    with tanh.register_forward_hook(lambda *seen: outputs.append(weakref.ref(seen[-1]))):
        A = HessianOperator(risk)
        A @ torch.ones(A.dim, dtype=A.dtype)
    assert A.graphs.keeps(0)
    gc.disable()
    try:
        del A
        alive = [output() is not None for output in outputs]
    finally:
        gc.enable()
    assert outputs
    assert not any(alive)
