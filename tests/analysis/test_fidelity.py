"""Fidelity: on a smooth network curvature predicts the loss; on a cusp it does not, and says so."""

import numpy as np
import pytest
import snntorch
import torch
from drawn import drawn
from neurons import altered_network
from torch import Tensor, nn

import landscape
from landscape.analysis.budget import BUDGETS
from landscape.analysis.fidelity.run import fidelity, fidelity_summary
from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.forecast import forecast
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss
from landscape.results import load_result, save_result
from landscape.snn import SpikingMLP
from landscape.store.units import journal

FEW = FidelitySettings(
    operators=("hessian",),
    num_top=2,
    num_bottom=1,
    num_random=2,
    num_filter=1,
    num_pairs=2,
)


def _target(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor):
    settings = TargetSettings(dtype="float64", batch_size=17)
    return make_target(model, loss, drawn(inputs, targets, 3), settings, label="net")


@pytest.fixture
def smooth():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    x, y = torch.randn(50, 4), torch.randint(0, 3, (50,))
    return _target(model, Loss("cross-entropy", cross_entropy), x, y)


@pytest.fixture
def spiking():
    torch.manual_seed(1)
    x, y = torch.rand(60, 4), torch.randint(0, 3, (60,))
    model = SpikingMLP((4, 12, 3))
    with torch.no_grad():
        for linear in model.linears:
            linear.weight.mul_(4)  # so that there are spikes at all
    return _target(model, Loss("mse", mse), x, y)


def test_on_a_smooth_network_the_ratio_tends_to_one(smooth):
    result = fidelity(smooth, settings=FEW, progress=quiet)
    for d in result.directions:
        errors = [abs(ratio.value - 1) for ratio in d.ratios[0][:3]]
        assert errors[0] < 2e-3  # the next term of Taylor's series is of order r²
        assert errors[0] < errors[2] + 1e-6
    top = [d for d in result.directions if d.kind == "top"]
    for d in top:
        assert d.exponent is not None
        assert d.exponent.mean == pytest.approx(2, abs=0.05)
    (hessian, smoothed) = result.verdicts
    assert hessian.verdict == "usable"
    assert hessian.low_radius == result.radii[0]
    assert hessian.rank_correlations[0] == pytest.approx(1)
    assert smoothed.verdict == "usable"


def test_negative_curvature_of_a_smooth_network_is_confirmed(smooth):
    result = fidelity(smooth, settings=FEW, progress=quiet)
    (bottom,) = [d for d in result.directions if d.kind == "bottom"]
    assert bottom.curvatures[0] < 0
    assert result.verdicts[0].negative in {"confirmed", "undecided"}
    assert bottom.kappa[2] < 0


@pytest.mark.parametrize("kind", ["smooth", "spiking"])
def test_rises_are_those_of_the_loss_as_it_is(kind, request):
    target = request.getfixturevalue(kind)
    result = fidelity(target, settings=FEW, progress=quiet)
    from landscape.analysis.fidelity.directions import eigen_directions

    A = make_operator(target.risk, "hessian")
    with journal(None, {}) as keep:
        first, *_ = eigen_directions(
            "hessian",
            A,
            num_top=2,
            num_bottom=1,
            max_matvecs=60,
            known={},
            target=target,
            keep=keep,
        )
    theta, base = target.risk.theta, target.risk.evaluate().loss
    for k, t in enumerate(result.distances):
        plus = target.risk.evaluate(theta + t * first.vector).loss
        minus = target.risk.evaluate(theta - t * first.vector).loss
        assert result.directions[0].plus[k] == pytest.approx(plus - base, abs=1e-12)
        second = (plus + minus - 2 * base) / t**2
        assert result.directions[0].kappa[k] == pytest.approx(second, rel=1e-6, abs=1e-6)
    form = float(first.vector @ (A @ first.vector))
    assert result.directions[0].curvatures[0] == pytest.approx(form, rel=1e-9)


class _Absolute(nn.Module):
    """The output is linear in θ; with the loss |output - target| at 0, L is an exact cusp."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]]))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.flatten()


def test_a_cusp_has_exponent_one_and_its_slope_is_measured():
    torch.manual_seed(2)
    x, model = torch.randn(80, 4), _Absolute()
    loss = Loss("absolute", lambda outputs, targets: (outputs - targets).abs())
    y = x.double() @ model.weight.detach().double().flatten()
    target = _target(model, loss, x.double(), y)
    settings = FidelitySettings(
        operators=("hessian",),
        num_top=0,
        num_bottom=0,
        num_random=2,
        num_filter=1,
        smoothing_radius=None,
    )
    result = fidelity(target, settings=settings, progress=quiet)
    from landscape.analysis.fidelity.directions import random_units

    for d, unit in zip(
        result.directions, random_units(target, num_random=2, num_filter=1), strict=True
    ):
        slope = float((x.double() @ unit.vector).abs().mean())
        assert d.cusp_slope.mean == pytest.approx(slope, rel=1e-6)
        assert d.exponent is not None
        assert d.exponent.mean == pytest.approx(1, abs=1e-6)
        assert d.cusp_slope.stderr > 0
    assert result.verdicts[0].verdict == "undecided"


def test_the_slope_sweep_leaves_the_spikes_alone(spiking):
    settings = FidelitySettings(
        operators=("hessian",), num_random=2, slopes=(1.0, 4.0), smoothing_radius=None
    )
    result = fidelity(spiking, settings=settings, progress=quiet)
    same, steeper = result.slope_sweep
    top = [d for d in result.directions if d.kind == "top"]
    reference = result.radii.index(result.reference_radius)
    expected = np.median([d.kappa[reference] / d.curvatures[0] for d in top])
    assert same.ratio == pytest.approx(expected, rel=1e-9)
    assert steeper.ratio != pytest.approx(same.ratio, rel=1e-3)
    plain = fidelity(
        spiking,
        settings=FidelitySettings(operators=("hessian",), num_random=2, smoothing_radius=None),
        progress=quiet,
    )
    assert [d.plus for d in plain.directions] == [d.plus for d in result.directions]


def test_all_operators_of_a_spiking_network_are_judged(spiking, tmp_path):
    settings = FidelitySettings(num_top=1, num_random=2, num_pairs=2, max_matvecs=40)
    result = fidelity(spiking, settings=settings, progress=quiet)
    assert result.operators == ("hessian", "ggn", "smooth-hessian", "smoothed-loss")
    words = {"usable", "usable-above", "misleading", "undecided"}
    assert {v.verdict for v in result.verdicts} <= words
    assert len(result.smoothed_stderr) == len(result.directions)
    save_result(result, tmp_path / "fidelity.json")
    assert load_result(tmp_path / "fidelity.json").record() == result.record()


class _Leaky(nn.Module):
    """snnTorch's neurons name no primitive of their surrogate: there is no smooth twin."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.out = nn.Linear(4, 6), nn.Linear(6, 3)
        self.neuron = snntorch.Leaky(beta=0.8, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return sum((self.out(self.neuron(self.fc(x))) for _ in range(3)), torch.zeros(()))


def test_a_network_without_a_smooth_twin_is_judged_by_the_other_operators():
    torch.manual_seed(2)
    x, y = torch.rand(20, 4), torch.randint(0, 3, (20,))
    target = _target(_Leaky(), Loss("cross-entropy", cross_entropy), x, y)
    assert target.subject.spiking
    settings = FidelitySettings(num_top=1, num_random=1, smoothing_radius=None)
    assert fidelity(target, settings=settings, progress=quiet).operators == ("hessian", "ggn")
    settings = BUDGETS["quick"].fidelity
    tried = settings.num_top + settings.num_bottom
    suite = SuiteSettings(
        budget=BUDGETS["quick"],
    )
    (line,) = forecast(target, suite, ["fidelity"])
    others = settings.num_random + settings.num_filter
    assert line.num_matvecs == 2 * (settings.max_matvecs + 2 * tried + others)
    half_known = nn.Sequential(SpikingMLP((4, 4, 4)), _Leaky())
    with pytest.raises(ValueError, match="surrogate is not known"):
        altered_network(half_known, smooth=True)


def test_the_largest_budget_leaves_out_the_slopes_of_a_network_without_spikes():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    data = torch.rand(10, 2), torch.randint(0, 2, (10,))
    found = landscape.analyze(model, "cross-entropy", data, budget="thorough", only=["fidelity"])
    assert found.fidelity.slope_sweep == ()


def test_the_summary_is_cheap(spiking):
    result = fidelity_summary(spiking, operator_name="hessian", progress=quiet)
    assert len(result.directions) == 3
    assert result.num_evaluations == 25
    assert result.num_matvecs <= 15


def test_settings_are_refused_in_words(smooth):
    for settings, words in (
        (FidelitySettings(operators=("jacobian",)), "operators must be some of"),
        (FidelitySettings(radii=(0.1, 0.01)), "ascending"),
        (FidelitySettings(radii=(0.1, 0.3)), "fit_radius"),
        (FidelitySettings(operators=("hessian",), slopes=(-1.0,)), "positive"),
    ):
        with pytest.raises(ValueError, match=words):
            fidelity(smooth, settings=settings, progress=quiet)
