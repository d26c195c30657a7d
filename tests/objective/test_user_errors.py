"""What networks and losses raise comes as one line that names the module; our own faults do not."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import landscape
from landscape.objective.user_errors import UserCodeError, told_as_users
from landscape.parameters import ParameterLayout
from landscape.surface.grid import parse_axis


class _Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.a, self.b, self.error = nn.Linear(3, 4), nn.Linear(4, 2), error

    def forward(self, x):
        if self.error is None:
            return checkpoint(self.b, self.a(x), use_reentrant=True)
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("mat1 and mat2\nmore"), r"inner\.0 \(_Raises\): mat1 and mat2\."),
        (KeyError("mask"), r"inner\.0 \(_Raises\): KeyError: 'mask'"),
        (AssertionError(), r"inner\.0 \(_Raises\): AssertionError"),
        (AttributeError("no such thing"), "no such thing"),
        (None, "reentrant form.*use_reentrant=False"),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.utils.checkpoint")
def test_errors_name_the_module_and_the_cause(pairs, error, words):
    x, y = pairs
    model = nn.Sequential()
    model.add_module("inner", nn.Sequential(_Raises(error)))
    with pytest.raises(ValueError, match=words) as found:
        landscape.hessian(model, "cross-entropy", (x.float(), y))
    assert "\n" not in str(found.value)


class _Refuses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        raise RuntimeError("the derivative for 'refuses' is not implemented.")


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return _Refuses.apply(grad * x.cos())


class _Sine(nn.Module):
    def forward(self, x):
        return _Once.apply(x)


def test_errors_of_a_product_are_told_too(pairs):
    x, y = pairs
    H = landscape.hessian(nn.Sequential(nn.Linear(3, 2), _Sine()), "cross-entropy", (x.float(), y))
    with pytest.raises(UserCodeError, match="cannot be differentiated twice: the derivative for"):
        H @ torch.ones(8)


@pytest.mark.parametrize("error", [KeyboardInterrupt, torch.OutOfMemoryError])
def test_what_is_no_fault_of_the_network_passes_as_it_is(error):
    with pytest.raises(error) as found, told_as_users(nn.Linear(1, 1)):
        raise error("as it is")
    assert not isinstance(found.value, UserCodeError)


def test_what_we_say_of_a_value_passes_as_it_is_and_a_network_does_not():
    with pytest.raises(ValueError, match="an axis must be") as found, told_as_users(nn.Identity()):
        parse_axis("nothing")
    assert not isinstance(found.value, UserCodeError)
    with pytest.raises(UserCodeError, match="too many values"), told_as_users(nn.Identity()):
        (_,) = (1, 2)


def test_our_own_faults_stay_faults():
    layout = ParameterLayout(("a",), (torch.Size([2]),))
    with pytest.raises(TypeError) as found, told_as_users(nn.Linear(1, 1)):
        layout.flatten(3)
    assert not isinstance(found.value, UserCodeError)


def test_labels_that_no_class_has_are_told_how_classes_are_counted(pairs):
    x, y = pairs
    with pytest.raises(ValueError, match=r"Target 3 is out of bounds\. Class labels.* start at 0"):
        landscape.hessian(nn.Linear(3, 3), "cross-entropy", (x.float(), torch.full_like(y, 3)))


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), nn.BCELoss(), "cross-entropy"])
def test_several_labels_an_example_as_whole_numbers_are_told_what_they_are_for(pairs, loss):
    labels = torch.stack([pairs[1], torch.ones_like(pairs[1])], 1)
    net = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()).double()
    with pytest.raises(ValueError, match="as floats"):
        landscape.hessian(net, loss, (pairs[0], labels))
    fine = landscape.hessian(net, nn.BCEWithLogitsLoss(), (pairs[0], labels.double()))
    assert fine.dim == 8


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Flatten(), "the network has no parameters"),
        (nn.Linear(3, 2).requires_grad_(False), "every parameter of the network is frozen"),
    ],
)
def test_a_network_with_nothing_to_vary_is_refused_for_what_it_lacks(pairs, model, words):
    with pytest.raises(ValueError, match=words):
        landscape.hessian(model, "mse", pairs)
