import math

import pytest
import torch
from torch.autograd import grad
from torch.testing import assert_close

from landscape.snn.surrogate import (
    SURROGATES,
    ATan,
    FastSigmoid,
    surrogate_by_name,
    surrogate_called,
)

SLOPES = [0.5, 1.0, 3.0]
cases = pytest.mark.parametrize(
    "surrogate", [cls(alpha) for cls in SURROGATES.values() for alpha in SLOPES], ids=str
)


@cases
def test_derivatives_are_those_of_the_primitive(surrogate, rng):
    u = torch.randn(200, generator=rng, dtype=torch.float64).requires_grad_()
    (first,) = grad(surrogate.primitive(u).sum(), u, create_graph=True)
    (second,) = grad(first.sum(), u)
    assert_close(surrogate.derivative(u), first)
    assert_close(surrogate.second_derivative(u), second)


@cases
def test_primitive_rises_from_zero_to_one_through_one_half(surrogate):
    u = torch.tensor([-1e9, 0.0, 1e9], dtype=torch.float64)
    assert_close(surrogate.primitive(u), torch.tensor([0, 0.5, 1], dtype=torch.float64))
    assert torch.all(surrogate.derivative(torch.linspace(-3, 3, 101)) >= 0)


@cases
def test_derivative_is_even_and_its_derivative_odd(surrogate, rng):
    u = torch.randn(50, generator=rng, dtype=torch.float64)
    assert_close(surrogate.derivative(-u), surrogate.derivative(u))
    assert_close(surrogate.second_derivative(-u), -surrogate.second_derivative(u))


@cases
def test_slope_scales_the_argument(surrogate, rng):
    u = torch.randn(50, generator=rng, dtype=torch.float64)
    steeper = surrogate.with_slope(2.5)
    assert_close(steeper.primitive(u), surrogate.primitive(2.5 * u))
    assert_close(steeper.derivative(u), 2.5 * surrogate.derivative(2.5 * u))


def test_atan_is_the_published_formula(rng):
    u = torch.randn(50, generator=rng, dtype=torch.float64)
    assert_close(ATan(2.0).derivative(u), 1 / (1 + (math.pi * u) ** 2))


def test_lookup_by_name_round_trips():
    for name, cls in SURROGATES.items():
        assert surrogate_by_name(name) == cls()
        assert surrogate_by_name(name, 7.0) == cls(7.0)
    assert str(ATan()) == "atan(alpha=2)"


@cases
def test_what_prints_itself_can_be_read_again(surrogate):
    assert surrogate_called(str(surrogate)) == surrogate


def test_a_name_alone_has_its_own_slope_and_what_reads_otherwise_is_refused():
    assert surrogate_called(" atan ") == ATan(2.0)
    assert surrogate_called("fast_sigmoid( 25 )") == FastSigmoid(25.0)
    for text, reason in (
        ("atan(beta=2)", "must read like|no number"),
        ("atan(alpha=two)", "no number for its slope"),
        ("atan(alpha=2", "must read like"),
        ("atan(alpha=-1)", "positive number"),
    ):
        with pytest.raises(ValueError, match=reason):
            surrogate_called(text)


def test_unknown_name_gets_its_close_match():
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        surrogate_by_name("sigmiod")


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan, math.inf])
def test_slope_must_be_positive(alpha):
    with pytest.raises(ValueError, match="alpha"):
        ATan(alpha)
