"""Neurons of other libraries answer for themselves: slopes, membranes, β, the simulated schemes."""

import math

import pytest
import snntorch
import torch
from scipy.integrate import quad
from snntorch import surrogate as theirs
from torch import nn
from torch.testing import assert_close

from landscape.snn import ATan, NeuronDynamics, Sigmoid, SpikingNeuron, ikun_beta, initialise
from landscape.snn.behaviour import LibraryNeurons, OwnNeurons, neurons_of
from landscape.snn.variance import impulse_energy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what they import


@pytest.fixture(scope="module")
def jelly():
    from spikingjelly.activation_based import neuron, surrogate

    return neuron, surrogate


def currents(T=5, n=40):
    rng = torch.Generator().manual_seed(1)
    return 1.5 * torch.randn(T, n, generator=rng, dtype=torch.float64)


SAME = {  # SpikingJelly's neurons and this package's of the same equations
    "IFNode": ({}, NeuronDynamics()),
    "soft": ({"v_reset": None}, NeuronDynamics(reset=None)),
    "LIFNode": ({"tau": 2.0}, NeuronDynamics(tau=2.0)),
    "undecayed": (
        {"tau": 3.0, "decay_input": False, "v_threshold": 0.7},
        NeuronDynamics(tau=3.0, decay_input=False, threshold=0.7),
    ),
    "ParametricLIFNode": ({"init_tau": 2.0}, NeuronDynamics(tau=2.0)),
}


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("kind", SAME)
def test_spikingjellys_neurons_do_as_ours_of_the_same_equations(jelly, kind, mode):
    neuron, surrogate = jelly
    settings, dynamics = SAME[kind]
    name = kind if kind.endswith("Node") else "LIFNode" if "tau" in settings else "IFNode"
    module = getattr(neuron, name)(
        surrogate_function=surrogate.ATan(), step_mode=mode, **settings
    ).eval()
    found, own = LibraryNeurons(module), OwnNeurons(dynamics)
    for a, b in zip(found.run(currents()), own.run(currents()), strict=True):
        assert_close(a, b)
    u = torch.linspace(-2, 2, 41, dtype=torch.float64)
    assert_close(found.slope(u), own.slope(u))
    assert found.threshold == own.threshold
    assert not module.training  # it is a copy that is asked


def test_a_networks_weights_follow_from_its_neurons_whoever_wrote_them(jelly):
    neuron, surrogate = jelly
    theirs = neuron.LIFNode(tau=2.0, surrogate_function=surrogate.Sigmoid(alpha=3.0))
    ours = SpikingNeuron(6, NeuronDynamics(tau=2.0, surrogate=Sigmoid(3.0)))
    for scheme in ("ikun_v1", "fluctuation_driven", "spikeinit", "surrogate_backward"):
        stds = [
            initialise(
                nn.Sequential(nn.Linear(30, 20), module), scheme, seed=0, beta="surrogate",
                num_time_steps=6,
            )["0.weight"]
            for module in (theirs, ours)
        ]  # fmt: skip
        assert stds[0] == pytest.approx(stds[1], rel=1e-9)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("hidden", [False, True])
def test_snntorchs_leaky_is_asked_as_it_is(reset, hidden):
    module = snntorch.Leaky(
        beta=0.8, threshold=0.5, reset_mechanism=reset, init_hidden=hidden,
        spike_grad=theirs.fast_sigmoid(slope=5),
    )  # fmt: skip
    u, spikes = LibraryNeurons(module).run(currents())
    mem, fired = torch.zeros(40, dtype=torch.float64), torch.zeros(40, dtype=torch.float64)
    for x, distance, spike in zip(currents(), u, spikes, strict=True):
        if reset == "zero":
            mem = (1 - fired) * mem
        mem = 0.8 * mem + x - (0.5 * fired if reset == "subtract" else 0)
        assert_close(distance, mem - 0.5, rtol=1e-6, atol=1e-6)  # a decay and threshold of float32
        fired = (mem > 0.5).double()
        assert torch.equal(spike, fired)
    x = torch.tensor([-0.3, 0.0, 0.2], dtype=torch.float64)
    assert_close(LibraryNeurons(module).slope(x), 1 / (1 + 5 * x.abs()) ** 2)


SNNTORCH = {
    "atan": theirs.atan(alpha=2.0),
    "fast_sigmoid": theirs.fast_sigmoid(slope=25),
    "sigmoid": theirs.sigmoid(slope=25),
    "triangular": theirs.triangular(threshold=1),
    "straight_through": theirs.straight_through_estimator(),
}


@pytest.mark.parametrize("surrogate", SNNTORCH.values(), ids=SNNTORCH)
def test_beta_is_the_integral_of_the_surrogate_in_use(surrogate):
    neurons = LibraryNeurons(snntorch.Leaky(beta=0.9, spike_grad=surrogate))
    # 1,000 points of a curve that bends once, at 0: an error of h²/12 times its largest slope.
    slope = lambda x: abs(float(neurons.slope(torch.tensor([x], dtype=torch.float64))))  # noqa: E731
    integral = quad(slope, -1, 1, points=[0.0])[0]
    assert ikun_beta(neurons.slope) == pytest.approx(2 / integral, rel=2e-3)


def test_beta_of_spikingjellys_surrogates_is_that_of_their_primitives(jelly):
    neuron, surrogate = jelly
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    for kind in ("ATan", "Sigmoid", "Erf", "SoftSign", "PiecewiseQuadratic", "PiecewiseExp"):
        module = neuron.IFNode(surrogate_function=getattr(surrogate, kind)())
        smooth = getattr(surrogate, kind)(spiking=False)
        low, high = smooth(ends).tolist()
        # The trapezium rule has the ends at half weight, the mean whole: 1e-3 of them more.
        assert ikun_beta(LibraryNeurons(module).slope) == pytest.approx(2 / (high - low), rel=2e-3)


def test_a_layers_neurons_are_its_own_or_the_next():
    def net(*alphas):
        lifs = [snntorch.Leaky(beta=0.9, spike_grad=theirs.sigmoid(slope=a)) for a in alphas]
        layers = [m for lif in lifs for m in (nn.Linear(4, 4), lif)]
        return nn.Sequential(*layers, nn.Linear(4, 2))

    found = initialise(net(5, 10), "ikun_v1", seed=0, beta="surrogate")
    betas = [w.beta for w in found.weights]
    assert betas[0] == pytest.approx(2 / math.tanh(5 / 2), rel=2e-3)
    assert betas[1] == betas[2] == pytest.approx(2 / math.tanh(10 / 2), rel=2e-3)
    assert "0.weight: std" in str(found)
    assert "before Leaky (surrogate sigmoid(slope=5), reset by subtract)" in str(found)
    recurrent = snntorch.RLeaky(beta=0.9, linear_features=4, spike_grad=theirs.sigmoid(slope=5))
    last = snntorch.Leaky(beta=0.9, spike_grad=theirs.sigmoid(slope=10))
    network = nn.Sequential(nn.Linear(3, 4), recurrent, nn.Linear(4, 2), last)
    found = initialise(network, "ikun_v1", seed=0, beta="surrogate")
    assert [(w.name, w.beta) for w in found.weights] == [
        ("0.weight", betas[0]),
        ("1.recurrent.weight", betas[0]),
        ("2.weight", betas[1]),
    ]


@pytest.mark.parametrize(
    ("kind", "without", "decays"),
    [
        (snntorch.RLeaky, snntorch.Leaky, {"beta": 0.9}),
        (snntorch.RSynaptic, snntorch.Synaptic, {"alpha": 0.8, "beta": 0.9}),
    ],
)
@pytest.mark.parametrize(
    "size", [{"linear_features": 3}, {"conv2d_channels": 2, "kernel_size": 3}], ids=str
)
def test_neurons_that_feed_back_answer_as_those_that_do_not(kind, without, decays, size):
    """Their recurrent weights are a layer of its own; the three schemes by simulation refused."""
    recurrent, plain = kind(**decays, **size), without(**decays)
    for a, b in zip(
        LibraryNeurons(recurrent).run(currents()),
        LibraryNeurons(plain).run(currents()),
        strict=True,
    ):
        assert_close(a, b)
    assert type(recurrent.recurrent) in (nn.Linear, nn.Conv2d)  # it is a copy that is asked


def test_learnt_decays_stay():
    net = nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(beta=0.7, learn_beta=True))
    found = initialise(net, "ikun_v2", seed=0)
    assert net[1].beta.item() == pytest.approx(0.7)
    assert found.left == ("1.beta",)


@pytest.mark.parametrize("T", [1, 6])
def test_a_leaky_membranes_answer_is_its_geometric_series(T):
    neurons = neurons_of(snntorch.Leaky(beta=0.5, reset_mechanism="zero"))
    assert impulse_energy(T, neurons) == pytest.approx((1 - 0.25**T) / (1 - 0.25))
    assert impulse_energy(T, OwnNeurons(NeuronDynamics())) == pytest.approx(T)


def test_layers_of_the_same_neurons_are_simulated_once(monkeypatch):
    runs, real = [], LibraryNeurons.run
    monkeypatch.setattr(
        LibraryNeurons, "run", lambda self, x: runs.append(x.shape) or real(self, x)
    )

    def simulated(depth):
        layers = [m for _ in range(depth) for m in (nn.Linear(4, 4), snntorch.Leaky(beta=0.63))]
        runs.clear()
        initialise(nn.Sequential(*layers), "spikeinit", seed=0, num_time_steps=3, rate=0.11)
        return sum(shape[1] > 100 for shape in runs)

    assert simulated(2) > 0
    assert simulated(3) == 0


@pytest.mark.parametrize(
    ("layers", "settings", "message"),
    [
        ([snntorch.Leaky(beta=0.9)], {"scheme": "spikeinit"}, r"Say num_time_steps=T"),
        ([], {"scheme": "spikeinit"}, r"it has none that are known here"),
        ([], {"beta": "surrogate"}, r"no neurons that are known come after 0\.weight"),
        (
            [snntorch.Leaky(beta=0.9, surrogate_disable=True)],
            {"beta": "surrogate"},
            r"their surrogate has no derivative",
        ),
        (
            [snntorch.Leaky(beta=0.9, threshold=torch.tensor([1.0, 2.0]))],
            {"scheme": "fluctuation_driven", "num_time_steps": 3},
            r"their thresholds differ",
        ),
        (
            [snntorch.SLSTM(2, 2)],
            {"scheme": "spikeinit", "num_time_steps": 3},
            r"they take no current a step",
        ),
    ],
)
def test_neurons_that_do_not_tell_are_refused(layers, settings, message):
    net = nn.Sequential(nn.Linear(3, 2), *layers)
    before = net[0].weight.clone()
    with pytest.raises(ValueError, match=message):
        initialise(net, **{"scheme": "ikun_v1", "seed": 0} | settings)
    assert torch.equal(net[0].weight, before)


def test_another_surrogate_can_be_asked_for():
    net = nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(beta=0.9))
    found = initialise(net, "ikun_v1", seed=0, beta="surrogate", surrogate=ATan(3.0))
    assert found.weights[0].beta == ikun_beta(ATan(3.0).derivative)
