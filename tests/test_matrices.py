"""The composable functions: operators of any network, and what is read off any operator."""

import doctest

import pytest
import scipy.sparse.linalg
import torch
from torch import nn
from torch.testing import assert_close

import landscape
import landscape.matrices
from landscape.linalg.operator import DenseOperator


@pytest.fixture
def small():
    """A network with its data: 26 parameters."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return model, "cross-entropy", (torch.randn(30, 3).double(), torch.randint(0, 2, (30,)))


def _matrix(A):
    return torch.stack([A @ e for e in torch.eye(A.dim, dtype=A.dtype)], dim=1)


def test_the_examples_of_the_module_are_right():
    found = doctest.testmod(landscape.matrices)
    assert found.attempted > 5
    assert not found.failed


def test_operators_are_added_and_multiplied(small):
    H, G = (make(*small, dtype="float64") for make in (landscape.hessian, landscape.ggn))
    I = landscape.identity(H)  # noqa: E741  # the letter of the papers
    h, g = _matrix(H), _matrix(G)
    eye = torch.eye(H.dim, dtype=torch.float64)
    assert_close(_matrix(H + 0.1 * I), h + 0.1 * eye)
    assert_close(_matrix(2 * H + G * -1), 2 * h - g)
    with pytest.raises(TypeError):
        H + 1
    with pytest.raises(ValueError, match="one size to be added; got 26 and 3"):
        H + DenseOperator(torch.eye(3, dtype=torch.float64))


def test_what_is_read_off_keeps_its_error(small):
    H = landscape.hessian(*small, dtype="float64")
    values = torch.linalg.eigvalsh(_matrix(H))
    found = landscape.eigenvalues(H, num_largest=3, num_smallest=2, tol=1e-8)
    assert_close(found.largest, values.flip(0)[:3])
    assert_close(found.smallest, values[:2])
    assert found.converged.all()
    assert (found.residuals <= 1e-8 * values.abs().max()).all()
    exact = landscape.trace(H)
    assert exact.mean == pytest.approx(float(values.sum()))
    assert exact.stderr == 0
    curve = landscape.density(H, num_probes=4, num_steps=26, bandwidth=0.01)
    assert float(torch.trapezoid(curve.mean, curve.grid)) == pytest.approx(1, abs=1e-3)
    assert_close(landscape.diagonal(H).mean, _matrix(H).diagonal())
    assert not landscape.diagonal(H).stderr.any()


def test_an_estimated_diagonal_is_right_within_its_error(small):
    H = landscape.hessian(*small, dtype="float64")
    exact, found = _matrix(H).diagonal(), landscape.diagonal(H, num_matvecs=25, seed=1)
    # 26 entries; five standard errors of a t law with 24 degrees of freedom are missed by one in
    # 20,000 of them.
    assert ((found.mean - exact).abs() < 5 * found.stderr).all()
    # The variance of an entry is the squared norm of its row without the diagonal.
    rest = (_matrix(H).square().sum(1) - exact.square()) / 25
    assert_close(found.stderr.square().sum() / rest.sum(), torch.tensor(1.0).double(),
                 rtol=0.5, atol=0)  # fmt: skip


def test_scipy_takes_an_operator(small):
    H = landscape.hessian(*small, dtype="float64")
    (largest,) = scipy.sparse.linalg.eigsh(H.to_scipy(), k=1, which="LA")[0]
    assert largest == pytest.approx(float(torch.linalg.eigvalsh(_matrix(H))[-1]))


@pytest.mark.parametrize("scale", ["none", "filter", "weight"])
def test_parameters_and_scale_are_chosen(small, scale):
    whole = landscape.hessian(*small, dtype="float64")
    block = landscape.hessian(*small, dtype="float64", params="2*", scale=scale)
    weight, bias = small[0][2].weight.detach(), small[0][2].bias.detach()
    s = {
        "none": torch.ones(10),
        "filter": torch.cat([weight.norm(dim=1, keepdim=True).expand(2, 4).flatten(), bias.abs()]),
        "weight": torch.cat([weight.flatten(), bias]).abs(),
    }[scale].double()
    assert_close(_matrix(block), s[:, None] * _matrix(whole)[16:, 16:] * s)
    with pytest.raises(ValueError, match="no parameter matches --params 'lora'"):
        landscape.hessian(*small, params="lora")


def test_analyze_takes_parameters_too(small):
    found = landscape.analyze(
        *small, params="2*", budget="quick", only=["spectrum"], dtype="float64"
    )
    expected = torch.linalg.eigvalsh(_matrix(landscape.hessian(*small, dtype="float64"))[16:, 16:])
    assert found.eigenvalues.largest[0].value == pytest.approx(float(expected[-1]))
