"""The stand-in refuses what a GPU would, and computes the rest."""

import pytest
import torch
from stand_in import DEVICE
from torch.testing import assert_close

ones = torch.ones(3)

MIXED_UP = {
    "a sum of vectors": lambda there: there + ones,
    "a product with a matrix": lambda there: torch.ones(2, 3) @ there,
    "a stack, even of scalars": lambda there: torch.stack([there[0], torch.tensor(1.0)]),
    "a sum into the CPU": lambda there: torch.zeros(()).add_(there.sum()),
    "a choice by a mask": lambda there: torch.where(ones > 0, there, there),
    "device indices into the CPU": lambda there: ones[there.long()],
    "rows put in from the CPU": lambda there: there.index_put((there.long(),), ones),
    "a CPU generator": lambda there: torch.randn(3, generator=torch.Generator(), device=DEVICE),
    "numpy": lambda there: there.numpy(),
}


@pytest.mark.parametrize("name", MIXED_UP)
def test_what_mixes_devices_is_refused(name, device):
    there = torch.ones(3, device=device)
    with pytest.raises(
        (RuntimeError, TypeError), match=r"same device|generator of the device|not supported"
    ):
        MIXED_UP[name](there)


def test_what_a_gpu_allows_is_allowed(device, rng):
    here = torch.randn(3, 3, generator=rng)
    there = here.to(device)
    assert there.device == device
    assert_close((there * torch.tensor(2.0)).cpu(), 2 * here)
    assert_close(there[torch.tensor([2, 0])].cpu(), here[[2, 0]])
    there[0] = torch.zeros(3)  # copies
    assert there[0].tolist() == [0.0, 0.0, 0.0]
    assert here.new_zeros(3).copy_(there[1]).tolist() == here[1].tolist()
    assert torch.tensor([1.0], device=device).device == device
    assert there.new_tensor([1.0]).device == device


def test_second_derivatives_and_views_are_those_of_the_cpu(device, rng):
    here = torch.randn(4, generator=rng)
    there = here.to(device)
    there.view(2, 2)[0].mul_(2)
    here[:2] *= 2
    assert there.tolist() == here.tolist()
    products = []
    for x in (here.requires_grad_(), there.requires_grad_()):
        (g,) = torch.autograd.grad(x.tanh().square().sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        products.append(h.cpu())
    assert_close(*products)
