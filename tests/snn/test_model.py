import pytest
import torch
from neurons import altered_network
from torch.autograd import grad
from torch.testing import assert_close

from landscape.snn import CSNN, NeuronDynamics, SpikingMLP, initialise


def small_csnn(**settings):
    network = CSNN(1, image_size=4, **settings).double().eval()
    initialise(network, "kaiming_normal", seed=0, gain=1.5)
    return network


def test_parameter_count_and_keys_of_the_published_network():
    with torch.device("meta"):
        network = CSNN(128)
    assert sum(p.numel() for p in network.parameters()) == 13_014_656
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items() if k.endswith("weight")}
    assert shapes == {
        "conv_fc.0.weight": (128, 1, 3, 3),
        "conv_fc.1.weight": (128,),
        "conv_fc.4.weight": (128, 128, 3, 3),
        "conv_fc.5.weight": (128,),
        "conv_fc.9.weight": (2048, 6272),
        "conv_fc.11.weight": (10, 2048),
    }


def test_rates_are_multiples_of_one_over_T(rng):
    rates = small_csnn(num_time_steps=3)(torch.rand(5, 1, 4, 4, generator=rng).double())
    assert rates.shape == (5, 10)
    assert set((3 * rates).round(decimals=9).unique().tolist()) <= {0, 1, 2, 3}


def test_hessian_is_symmetric_and_hard_network_is_pure(rng):
    network = small_csnn()
    theta = list(network.parameters())
    images = torch.rand(5, 1, 4, 4, generator=rng, dtype=torch.float64)
    labels = torch.eye(10, dtype=torch.float64)[:5]
    num_params = sum(p.numel() for p in theta)
    g = grad(((network(images) - labels) ** 2).sum(), theta, create_graph=True)
    g = torch.cat([x.flatten() for x in g])
    rows = [
        torch.cat([x.flatten() for x in grad(g[i], theta, retain_graph=True)])
        for i in range(0, num_params, 3)
    ]
    H = torch.stack(rows)[:, ::3]
    assert H.abs().max() > 0
    assert_close(H, H.T, rtol=0, atol=1e-13 * float(H.abs().max()))
    assert torch.equal(network(images), network(images))


def test_smooth_network_has_the_gradient_of_its_loss(rng):
    network = altered_network(small_csnn(), smooth=True)
    images = torch.rand(5, 1, 4, 4, generator=rng, dtype=torch.float64)
    theta = {k: v.detach() for k, v in network.named_parameters()}
    v = {k: torch.randn(p.shape, generator=rng, dtype=p.dtype) for k, p in theta.items()}

    def loss(t):
        moved = {k: (p + t * v[k]) for k, p in theta.items()}
        return (torch.func.functional_call(network, moved, images) ** 2).sum()

    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = grad(loss(t), t, create_graph=True)
    (curvature,) = grad(slope, t)
    h = 1e-4
    down, mid, up = loss(-h), loss(0.0), loss(h)
    # Central differences: truncation O(h²), cancellation O(eps / h²).
    assert_close(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-8)
    assert_close(curvature, (up - 2 * mid + down) / h**2, rtol=1e-4, atol=1e-4)


def test_several_points_at_once_equal_one_after_the_other(rng):
    network = small_csnn()
    images = torch.rand(5, 1, 4, 4, generator=rng, dtype=torch.float64)
    points = {
        k: p.detach() + 0.3 * torch.randn(3, *p.shape, generator=rng, dtype=p.dtype)
        for k, p in network.named_parameters()
    }

    def rates(theta):
        return torch.func.functional_call(network, theta, images)

    together = torch.vmap(rates)(points)
    each = [rates({k: p[i] for k, p in points.items()}) for i in range(3)]
    assert_close(together, torch.stack(each))


def test_mlp_equals_its_layers_applied_in_turn(rng):
    network = SpikingMLP((6, 5, 4), 3, dynamics=NeuronDynamics(tau=2.0), bias=True).double()
    x = 4 * torch.rand(7, 2, 3, generator=rng, dtype=torch.float64)
    out = x.flatten(1).expand(3, -1, -1)
    for linear in network.linears:
        out = network.neurons(linear(out))
    assert torch.equal(network(x), out.mean(0))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CSNN(0), "channels"),
        (lambda: CSNN(2, 0), "num_time_steps"),
        (lambda: CSNN(2, image_size=30), "image_size"),
        (lambda: SpikingMLP((3,)), "sizes"),
        (lambda: CSNN(2)(torch.zeros(3, 28, 28)), r"\(N, 1, 28, 28\)"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
