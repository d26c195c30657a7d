import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.nn import functional as F
from torch.testing import assert_close

from landscape.snn.convolution import conv2d


def operands(rng):
    shapes = ((2, 2, 4, 5), (3, 2, 3, 3), (3,))
    return [torch.randn(s, generator=rng, dtype=torch.float64).requires_grad_() for s in shapes]


def test_both_derivatives_are_those_of_finite_differences(rng):
    x, weight, bias = operands(rng)
    assert gradcheck(lambda *args: conv2d(*args, 1), (x, weight, bias))
    assert gradgradcheck(lambda *args: conv2d(*args, 1), (x, weight, bias))


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("fixed_image", [True, False])
def test_equals_torch_to_second_order(with_bias, fixed_image, rng):
    x, weight, bias = operands(rng)
    x.requires_grad_(not fixed_image)
    wanted = [weight] + [x] * (not fixed_image) + [bias] * with_bias
    results = []
    for conv in (conv2d, lambda x, w, b, p: F.conv2d(x, w, b, padding=p)):
        out = conv(x, weight, bias if with_bias else None, 1)
        g = grad((out**3).sum(), wanted, create_graph=True)
        results.append([out, *g, *grad(sum(y.square().sum() for y in g), wanted)])
    assert_close(*results, rtol=1e-12, atol=1e-10)


def test_vmap_over_weights_equals_a_loop(rng):
    x, _, bias = operands(rng)
    weights = torch.randn(4, 3, 2, 3, 3, generator=rng, dtype=torch.float64)

    def gradient(weight):
        return torch.func.grad(lambda w: (conv2d(x, w, bias, 1) ** 2).sum())(weight)

    assert_close(torch.vmap(gradient)(weights), torch.stack([gradient(w) for w in weights]))
