import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.training.config import TrainConfig
from landscape.training.optimizer import make_optimizer, step


class Bowl(nn.Module):
    """L(w) = ½ wᵀ A w, whose gradient anywhere is A w."""

    def __init__(self, A, w):
        super().__init__()
        self.A, self.w = A, nn.Parameter(w)

    def loss(self):
        value = 0.5 * self.w @ self.A @ self.w
        return value, self.w.sum()


@pytest.fixture
def bowl():
    return Bowl(torch.diag(torch.tensor([3.0, 1.0])).double(), torch.tensor([0.6, 0.8]).double())


@pytest.mark.parametrize("rho", [0.0, 0.05, 1.0])
def test_sam_steps_along_the_gradient_at_the_top_of_the_ball(bowl, rho):
    config = TrainConfig(optimizer="sgd", lr=0.1, momentum=0.0, sam_rho=rho)
    w, g = bowl.w.detach().clone(), bowl.A @ bowl.w.detach()
    step(bowl, make_optimizer(bowl, config), bowl.loss, rho)
    assert_close(bowl.w.detach(), w - 0.1 * bowl.A @ (w + rho * g / g.norm()))


def test_sam_stays_at_a_stationary_point(bowl):
    nn.init.zeros_(bowl.w)
    config = TrainConfig(optimizer="sgd", sam_rho=0.1)
    step(bowl, make_optimizer(bowl, config), bowl.loss, 0.1)
    assert bowl.w.tolist() == [0, 0]


def test_sam_leaves_running_statistics_to_the_first_pass():
    torch.manual_seed(0)
    plain, sam = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2))
    sam.load_state_dict(plain.state_dict())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    for model, rho in ((plain, 0.0), (sam, 0.5)):

        def closure(model=model):
            outputs = model(x)
            return outputs.square().mul(torch.arange(1.0, 5.0)).mean(), outputs

        step(model, make_optimizer(model, TrainConfig(optimizer="sgd")), closure, rho)
    assert_close(sam[1].running_mean, plain[1].running_mean, rtol=0, atol=0)
    assert sam[1].num_batches_tracked == 1
    assert not torch.equal(sam[0].weight, plain[0].weight)


def test_momentum_and_weight_decay_reach_the_optimizer(bowl):
    sgd = make_optimizer(bowl, TrainConfig(optimizer="sgd", momentum=0.5, weight_decay=0.1))
    adam = make_optimizer(bowl, TrainConfig(weight_decay=0.2))
    assert [sgd.defaults[name] for name in ("lr", "momentum", "weight_decay")] == [0.1, 0.5, 0.1]
    assert [adam.defaults[name] for name in ("lr", "weight_decay")] == [1e-3, 0.2]
