"""What disturbances change, against direct computations."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape
from landscape.analysis.budget import BUDGETS
from landscape.analysis.opening import open_target, target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.robustness import run
from landscape.analysis.robustness.run import robustness
from landscape.analysis.robustness.settings import RobustnessSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.example_scores import example_scores
from landscape.curvature.perturbation import noise_like
from landscape.curvature.rounding import rounded
from landscape.curvature.scaling import relative_scale
from landscape.objective.pair import loss_of
from landscape.parameters import ParameterLayout
from landscape.results import load_result, save_result
from landscape.store import states

SIDE = 9
ONLY = {"only": ["robustness"], "budget": "quick", "dtype": "float64"}


@pytest.fixture
def images(rng):
    x = torch.rand(30, 2, SIDE, SIDE, generator=rng, dtype=torch.float64)
    return x, torch.arange(30) % 3


@pytest.fixture
def network(rng):
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 49, 3)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=rng))
    return net


@pytest.fixture
def found(network, images):
    return landscape.analyze(network, "cross-entropy", images, **ONLY).robustness


def row_of(result, name, size):
    (row,) = (r for r in result.rows if (r.name, r.size) == (name, size))
    return row


def scores(network, x, y):
    """Loss and right answer of each example."""
    with torch.no_grad():
        outputs = network(x)
    return F.cross_entropy(outputs, y, reduction="none"), (outputs.argmax(1) == y).double()


def assert_is_change(row, before, after):
    for change, a, b in zip((row.loss_change, row.accuracy_change), before, after, strict=True):
        d = b - a
        assert change.mean == pytest.approx(float(d.mean()), abs=1e-12)
        assert change.stderr == pytest.approx(float(d.std()) / math.sqrt(len(d)), abs=1e-12)


def test_undisturbed_is_the_mean_over_examples(found, network, images):
    losses, right = scores(network, *images)
    (clean,) = found.undisturbed
    assert (clean.split, clean.num_examples) == ("train", 30)
    assert clean.loss.mean == pytest.approx(float(losses.mean()), rel=1e-12)
    assert clean.accuracy.stderr == pytest.approx(float(right.std()) / math.sqrt(30), rel=1e-12)


@pytest.mark.parametrize("bits", [8, 4, 3])
def test_rounding_is_that_of_the_weights_example_by_example(found, network, images, bits):
    before = scores(network, *images)
    named = dict(network.named_parameters())
    layout = ParameterLayout.of(named)
    theta = rounded(layout, layout.flatten(named), bits)
    with torch.no_grad():
        for p, q in zip(network.parameters(), layout.split(theta), strict=True):
            p.copy_(q)
    row = row_of(found, "rounding", bits)
    assert_is_change(row, before, scores(network, *images))
    assert row.loss_over_draws is None


def test_contrast_and_translation_are_those_of_the_images(found, network, images):
    x, y = images
    before = scores(network, x, y)
    mean = x.mean((2, 3), keepdim=True)
    assert_is_change(
        row_of(found, "contrast", 0.5), before, scores(network, mean + (x - mean) / 2, y)
    )
    wide = F.pad(x, (2, 2, 2, 2), mode="replicate")
    moved = [
        scores(network, wide[:, :, r : r + SIDE, c : c + SIDE], y)
        for r, c in ((0, 2), (4, 2), (2, 0), (2, 4))
    ]
    after = [torch.stack(each).mean(0) for each in zip(*moved, strict=True)]
    assert_is_change(row_of(found, "translation", 2), before, after)


def test_input_noise_has_its_size_and_falls_alike_into_any_batches(network, images):
    """A linear network and squared error: E rise is (s σ)² ‖W‖², with its own χ² scatter."""
    x, _ = images
    linear = nn.Sequential(nn.Flatten(), nn.Linear(2 * SIDE**2, 1, bias=False)).double()
    with torch.no_grad():
        targets = linear(x) + 1e-6  # what the noise multiplies of it is next to nothing
    results = [
        landscape.analyze(linear, "mse", (x, targets), batch_size=size, **ONLY).robustness
        for size in (30, 7)
    ]
    rises = [row_of(r, "input-noise", 0.1).loss_change.mean for r in results]
    assert rises[0] == pytest.approx(rises[1], rel=1e-12)
    weight = linear[1].weight.detach()
    expected = 0.1**2 * float(x.var(correction=0) * weight.square().sum())
    assert rises[0] / expected == pytest.approx(1, abs=4 * math.sqrt(2 / 30))  # mean of 30 χ²₁


def test_weight_noise_of_a_quadratic_is_half_its_curvature(linear):
    """Pairs cancel the gradient: ρ² εᵀ S H S ε / 2 at every radius, H of a mean of squares."""
    result = robustness(linear, settings=RobustnessSettings(), progress=quiet)
    (x, _), rng = joined(linear), linear.generator("robustness weights")
    H = torch.block_diag(*[x.T @ x / len(x)] * 2)  # two outputs, each with half of the square
    scale = relative_scale("filter", linear.risk)
    steps = [scale @ noise_like(linear.risk, rng) for _ in range(5)]
    curved = torch.stack([step @ H @ step for step in steps])
    rows = [r for r in result.rows if r.name == "weight-noise"]
    assert [r.size for r in rows] == [0.05, 0.1, 0.2]
    for row in rows:
        half = row.size**2 / 2
        assert row.loss_change.mean == pytest.approx(half * float(curved.mean()), rel=1e-9)
        assert row.loss_over_draws == pytest.approx(half * float(curved.std()) / 5**0.5, rel=1e-9)
        assert row.accuracy_change is row.accuracy_over_draws is None


def joined(target):
    inputs, targets = zip(*target.risk.batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)


def test_vectors_get_noise_alone_and_tokens_none_of_it(rng):
    x, y = torch.randn(12, 5, generator=rng), torch.arange(12) % 2
    vectors = landscape.analyze(nn.Linear(5, 2), "cross-entropy", (x, y), **ONLY).robustness
    names = {row.name for row in vectors.rows}
    assert names == {"weight-noise", "rounding", "input-noise"}
    assert any("the inputs are no images" in reason for reason in vectors.left_out)
    tokens = torch.randint(0, 7, (12, 4), generator=rng)
    net = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2))
    of_tokens = landscape.analyze(net, "cross-entropy", (tokens, y), **ONLY).robustness
    assert {row.name for row in of_tokens.rows} == {"weight-noise", "rounding"}
    assert any("the inputs are no real numbers" in reason for reason in of_tokens.left_out)
    assert of_tokens.split == "train"


def test_an_objective_of_the_users_own_has_no_known_inputs(rng):
    batch = {"a": torch.randn(12, 5, generator=rng), "b": torch.arange(12) % 2}
    objective = landscape.Objective(
        lambda model, b: F.cross_entropy(model(b["a"].float()), b["b"], reduction="none")
    )
    net = nn.Linear(5, 2)
    found = landscape.analyze(
        net, data=batch, objective=objective, only=["robustness"], budget="quick"
    ).robustness
    assert {row.name for row in found.rows} == {"weight-noise", "rounding"}
    assert any("does not say what of a batch is the input" in r for r in found.left_out)
    assert found.undisturbed[0].accuracy is None


def test_held_out_examples_are_those_of_the_other_split(tmp_path, network, rng):
    torch.save(network.state_dict(), tmp_path / "net.pt")
    (tmp_path / "own.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(196, 3))\n"
        "def drawn(seed, count):\n"
        "    rng = torch.Generator().manual_seed(seed)\n"
        "    return torch.rand(count, 2, 9, 9, generator=rng), torch.arange(count) % 3\n"
        "def data():\n"
        "    return {'train': drawn(0, 30), 'test': drawn(1, 24)}\n"
        "def alone():\n"
        "    return drawn(0, 30)\n"
    )
    own = tmp_path / "own.py"
    found = {}
    for name in ("data", "alone"):
        settings = TargetSettings(
            model=f"{own}:make", data=f"{own}:{name}", loss="cross-entropy", dtype="float64"
        )
        target = open_target(tmp_path / "net.pt", settings)
        found[name] = robustness(target, settings=RobustnessSettings(), progress=quiet)
    assert [(u.split, u.num_examples) for u in found["data"].undisturbed] == [
        ("train", 30),
        ("test", 24),
    ]
    assert found["data"].split == "test"
    rng = torch.Generator().manual_seed(1)
    x = torch.rand(24, 2, SIDE, SIDE, generator=rng).double()
    losses, _ = scores(network, x, torch.arange(24) % 3)
    assert found["data"].undisturbed[1].loss.mean == pytest.approx(float(losses.mean()), rel=1e-9)
    assert found["alone"].on("train") == found["data"].on("train")
    assert found["alone"].split == "train"
    assert any("returned no test split" in reason for reason in found["alone"].left_out)


def test_a_loss_that_overflows_costs_that_row_alone(tmp_path):
    class Exponential(nn.Module):
        def forward(self, x):
            return (80 * x).exp()

    x = torch.linspace(0.1, 1, 12, dtype=torch.float64)[:, None]
    net = nn.Sequential(nn.Linear(1, 1, bias=False), Exponential()).double()
    nn.init.constant_(net[0].weight, 1.0)
    settings = RobustnessSettings(radii=(0.01, 300.0))
    target = target_in_memory(net, loss_of("mse"), (x, x), TargetSettings(dtype="float64"))
    found = robustness(target, settings=settings, progress=quiet)
    near, far = (r.loss_change for r in found.rows if r.name == "weight-noise")
    assert math.isfinite(near.mean)
    assert far is None
    save_result(found, tmp_path / "robustness.json")
    assert load_result(tmp_path / "robustness.json").rows == found.rows


def test_what_was_cut_off_goes_on_after_the_last_row(linear, tmp_path, monkeypatch):
    monkeypatch.setattr(states, "_INTERVAL", 0.0)
    monkeypatch.setattr(states, "_SHARE", 1e9)
    passes = []

    def counted(*args):
        passes.append(args)
        return example_scores(*args)

    monkeypatch.setattr(run, "example_scores", counted)
    settings, state = RobustnessSettings(), tmp_path / "state"
    whole = robustness(linear, settings=settings, progress=quiet)
    total = len(passes)
    assert total == whole.num_evaluations <= settings.num_passes

    def cut(done, total):
        if done > 2 * settings.num_pairs:  # one radius is measured
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        robustness(linear, settings=settings, state=state, progress=cut)
    passes.clear()
    resumed = robustness(linear, settings=settings, state=state, progress=quiet)
    assert resumed.rows == whole.rows
    assert len(passes) == total - 2 * settings.num_pairs
    assert not state.exists()


def test_it_is_run_where_it_is_asked_for_or_thorough():
    assert "robustness" in BUDGETS["thorough"].unasked
    for name in ("quick", "standard"):
        assert "robustness" not in BUDGETS[name].unasked
        assert "spectrum" in BUDGETS[name].unasked
