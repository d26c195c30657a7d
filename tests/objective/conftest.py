"""The reference of these tests: the dense Hessian of a loss, straight from autograd."""

import pytest
import torch
from torch import Tensor

import landscape

# Fixtures that need a library of spiking networks import it themselves: few tests do.


def _dense(loss, parameters) -> Tensor:
    parameters = list(parameters)

    def flat(value, *, create_graph):
        if not value.requires_grad:
            return torch.cat([torch.zeros(p.numel(), dtype=p.dtype) for p in parameters])
        found = torch.autograd.grad(
            value, parameters, create_graph=create_graph, retain_graph=True, allow_unused=True
        )
        pairs = zip(found, parameters, strict=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for g, p in pairs])

    gradient = flat(loss(), create_graph=True)
    return torch.stack([flat(entry, create_graph=False) for entry in gradient]).detach()


@pytest.fixture
def dense():
    """The Hessian of ``loss()``, a scalar, by float64 ``parameters``."""
    return _dense


@pytest.fixture
def agrees():
    """Whether the package's Hessian, column by column, is the dense one of ``reference()``."""

    def check(model, data, reference, *, loss=None, parameters=None, **where):
        H = landscape.hessian(model, loss, data, dtype="float64", examples="all", **where)
        columns = torch.stack([H @ e for e in torch.eye(H.dim, dtype=torch.float64)], dim=1)
        expected = _dense(reference, parameters or model.parameters())
        assert expected.abs().max() > 1e-3  # a zero matrix would pass for the wrong reason
        # Sums in another order: rounding of float64, with room for networks of some depth.
        torch.testing.assert_close(columns, expected, rtol=1e-9, atol=1e-11)

    return check


@pytest.fixture
def pairs():
    """Twenty examples with two classes, in float64."""
    torch.manual_seed(0)
    return torch.randn(20, 3).double(), torch.randint(0, 2, (20,))


@pytest.fixture
def still(rng):
    """Inputs without time, of three classes, in float64."""
    from in_time import N

    return torch.randn(N, 3, generator=rng, dtype=torch.float64), torch.arange(N) % 3


@pytest.fixture
def frames(rng):
    """The same with a frame for each time step."""
    from in_time import N, T

    return torch.randn(N, T, 3, generator=rng, dtype=torch.float64), torch.arange(N) % 3
