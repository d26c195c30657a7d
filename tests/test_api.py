"""``landscape.analyze``: equal to the command's analyses, and no trace of it in the model."""

import copy
import re
import subprocess
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.findings import Findings
from landscape.networks import copied
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import loss_of
from landscape.results import Eigenvalues, SharpnessTable, Trace, load_result, make_measure
from landscape.snn.adapters import spiking_notes

TRIED = ["preflight", "spectrum", "layers", "line", "plane"]


def _randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def examples():
    x = _randn(40, 3)
    return x, (x[:, 0] * x[:, 1] > 0).long()


@pytest.fixture(scope="module")
def model():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            p.copy_(_randn(*p.shape, seed=k))
    return net


@pytest.fixture(scope="module")
def found(model, examples):
    return landscape.analyze(
        model, "cross-entropy", examples, budget="quick", only=TRIED, dtype="float64"
    )


def test_eigenvalues_and_trace_are_those_of_the_dense_hessian(found, model, examples):
    net = copied(model).double().eval()
    names, shapes = zip(*[(n, p.shape) for n, p in net.named_parameters()], strict=True)
    theta = torch.cat([p.detach().flatten() for p in net.parameters()])

    def risk(flat):
        parts = torch.split(flat, [s.numel() for s in shapes])
        named = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        outputs = torch.func.functional_call(net, named, (examples[0].double(),))
        return nn.functional.cross_entropy(outputs, examples[1])

    exact = torch.linalg.eigvalsh(torch.autograd.functional.hessian(risk, theta))
    tolerance = 1e-3 * float(exact.abs().max())  # the quick budget's
    assert found.eigenvalues.largest[0].value == pytest.approx(float(exact[-1]), abs=tolerance)
    assert found.eigenvalues.smallest[0].value == pytest.approx(float(exact[0]), abs=tolerance)
    error = found.trace.trace.stderr or 0.0
    assert abs(found.trace.trace.mean - float(exact.sum())) <= 4 * error + tolerance


def test_the_model_stays_exactly_as_it_was(model, examples):
    model.train()
    model[3].eval()  # a mode that a plain train() would not restore
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    random = torch.random.get_rng_state()

    landscape.analyze(model, "cross-entropy", examples, budget="quick", batch_norm="train")

    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert all(p.requires_grad for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)
    model[0].weight.grad = None


@pytest.mark.parametrize("library", ["snntorch", "spikingjelly"])
def test_state_on_the_last_calls_graph_is_copied_and_kept(library):
    net = _spiking(library)
    net(_randn(5, 3))
    state = _membrane(net, library)
    assert not state.is_leaf

    twin = copied(net)

    assert _membrane(net, library) is state
    assert torch.equal(_membrane(twin, library), state)
    assert _membrane(twin, library).is_leaf
    found = landscape.analyze(
        net,
        "mse",
        (_randn(20, 3), _randn(20, 2)),
        time_steps=1,
        budget="quick",
        only=["preflight", "spectrum"],
    )
    assert found.subject.spiking
    assert len(spiking_notes(net)) == 1
    assert found.preflight.passed
    assert _membrane(net, library) is state


def test_kinks_are_not_taken_for_a_wrong_second_derivative():
    net = nn.Sequential(nn.Linear(3, 200), nn.ReLU(), nn.Linear(200, 1))
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            p.copy_(_randn(*p.shape, seed=k))
    data = (_randn(200, 3, seed=5), _randn(200, 1, seed=6))
    found = landscape.analyze(net, "mse", data, budget="quick", only=["preflight"])
    (check,) = (c for c in found.preflight.checks if c.name == "derivative of the gradient")
    assert check.status == "pass", check.value


def _spiking(library):
    if library == "snntorch":
        import snntorch

        neuron = snntorch.Leaky(beta=0.9, init_hidden=True)
    else:
        from spikingjelly.activation_based import neuron as sj

        neuron = sj.IFNode()
    # A layer after the neuron objects to spikes of another precision than its weights.
    return nn.Sequential(nn.Linear(3, 2), neuron, nn.Linear(2, 2))


def _membrane(net, library):
    return net[1].mem if library == "snntorch" else net[1].v


def test_pairs_loaders_and_files_are_one_data_set(examples, tmp_path):
    x, y = examples
    np.savez(tmp_path / "xy.npz", x=x.numpy(), y=y.numpy())
    random = torch.random.get_rng_state()
    loader = DataLoader(TensorDataset(x, y), batch_size=7)
    choice = Choice(split="train", examples="all", seed=0)
    arrays = [source_of(d, choice) for d in ((x, y), [x.numpy(), y.numpy()], tmp_path / "xy.npz")]
    assert len({source.sha256 for source in arrays}) == 1
    for source in (*arrays, source_of(loader, choice)):
        batches = source.batches(100, torch.float32, torch.device("cpu"))
        for k, whole in enumerate((x, y)):
            torch.testing.assert_close(torch.cat([batch[k] for batch in batches]), whole)
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.parametrize(
    ("module", "name"), [(nn.CrossEntropyLoss(), "cross-entropy"), (nn.MSELoss(), "mse")]
)
def test_a_loss_module_gives_one_value_an_example(module, name):
    outputs, labels = _randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    targets = labels if name == "cross-entropy" else _randn(6, 3, seed=1)
    values = loss_of(module).terms_of_outputs(outputs, (None, targets)).totals
    torch.testing.assert_close(values, BUILTIN_LOSSES[name](outputs, targets))
    assert module.reduction == "mean"


def test_weighted_losses_keep_their_own_mean():
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
    outputs, labels = _randn(4, 2), torch.tensor([0, 1, 0, 0])
    terms = loss_of(weighted).terms_of_outputs(outputs, (None, labels))
    torch.testing.assert_close(terms.mean(), weighted(outputs, labels))
    # Its own means of parts do not add up to that of the whole: the weights' sums differ.
    halves = torch.stack([weighted(outputs[:2], labels[:2]), weighted(outputs[2:], labels[2:])])
    assert not torch.allclose(halves.mean(), weighted(outputs, labels))
    torch.testing.assert_close(terms.weights, torch.tensor([1.0, 5.0, 1.0, 1.0]))


def test_the_table_shows_values_and_escapes_names(found, model, examples):
    assert f"{found.subject.num_params:,} parameters" in repr(found)
    assert "largest eigenvalue (Hessian)" in found._repr_html_()
    named = landscape.analyze(
        model, "cross-entropy", examples, label="<script>", budget="quick", only=["preflight"]
    )
    assert "<script>" not in named._repr_html_()


def test_the_table_shows_what_was_noted(model, examples):
    model = copy.deepcopy(model)
    model.idle = nn.Parameter(torch.ones(4))
    found = landscape.analyze(model, "cross-entropy", examples, budget="quick", only=["preflight"])
    assert "the loss does not use idle" in repr(found)


def test_measures_are_shown_by_title_with_scale_and_unit(found):
    row = make_measure("expected_rise", 0.02, 0.001, scale="filter", radius=0.03)
    table = SharpnessTable(
        subject=found.subject,
        provenance=found.trace.provenance,
        rows=(row, make_measure("worst_rise", 0.5, 0.1, radius=0.01, note="lower bound; …")),
        batch_norm="eval",
        accuracy_drop=0.1,
        num_pairs=2,
        num_evaluations=4,
    )
    operator = replace(found.trace.operator, scale="filter")
    shown = Findings({"trace": replace(found.trace, operator=operator), "sharpness": table})
    assert "expected rise (filter scale, ρ = 0.03)  0.0200 ± 0.0010 loss" in repr(shown)
    assert re.search(r"worst-case rise \(ρ = 0.01\) +≥ 0.50 ± 0.10 loss", repr(shown))
    assert re.search(r"trace \(filter scale, Hessian\) .* loss$", repr(shown), re.MULTILINE)


def test_every_result_of_the_run_can_be_drawn(found):
    for draw in (found.plot_eigenvalues, found.plot_density, found.plot_layers, found.plot_line):
        axes = draw()
        assert axes.lines
        plt.close(axes.figure)
    figure, axes = plt.subplots()
    assert found.plot_plane(axes) is axes
    assert axes.collections
    plt.close(figure)


def test_the_report_holds_the_results(found, tmp_path):
    page = found.report(tmp_path / "mine")
    assert page == tmp_path / "mine" / "index.html"
    stored = {p.stem: load_result(p) for p in (tmp_path / "mine/results").rglob("*.json")}
    assert stored.keys() == found.results.keys()
    assert isinstance(stored["eigenvalues"], Eigenvalues)
    assert isinstance(stored["trace"], Trace)


def test_what_was_left_out_is_asked_for_in_words(found):
    with pytest.raises(ValueError, match="sharpness was not part of this analysis"):
        _ = found.sharpness


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"budget": "huge"}, "budget must be one of quick"),
        ({"time_steps": 0}, "time_steps must be a whole number of at least 1, or None; got 0"),
        ({"layout": "x"}, "layout must be one of T-first, N-first, or None; got 'x'"),
        ({"split": "tset"}, "split must be one of train, test; got 'tset'"),
        ({"operator": "jacobian"}, "operator must be one of hessian"),
        ({"only": ["hessian"]}, "analyses must be some of preflight"),
        ({"only": ["line"], "skip": ["line"]}, "leave no analysis"),
        ({"only": "line"}, "must be lists of names"),
        ({"model": abs}, r"must be a torch\.nn\.Module; got a builtin"),
        ({"model": None}, r"must be a torch\.nn\.Module; got None"),
        (
            {"model": dict.fromkeys("abcde")},  # weights, perhaps hundreds, in place of the network
            r"got a dict with 'a', 'b', 'c', 'd', …\.$",
        ),
        ({"loss": 3}, "loss must be a name"),
        ({"loss": nn.MSELoss(reduction="sum")}, "sums over the batch"),
        ({"data": 3}, r"data must be \(x, y\)"),
        ({"data": []}, "at least one batch"),
        ({"data": [_randn(3)[:, None]] * 3}, r"needs batches \(inputs, targets\); got a tensor"),
    ],
)
def test_bad_arguments_are_refused_in_words(changed, message, model, examples):
    arguments = {"model": model, "loss": "cross-entropy", "data": examples} | changed
    with pytest.raises(ValueError, match=message):
        landscape.analyze(**arguments)


def test_importing_the_package_does_not_import_torch():
    code = "import landscape, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_layers_have_rows_of_their_own_where_asked(examples):
    layers = [part for _ in range(50) for part in (nn.Linear(3, 3), nn.Tanh())]
    deep = nn.Sequential(*layers, nn.Linear(3, 2))
    counts = [
        len(
            landscape.analyze(
                deep, "cross-entropy", examples, budget="quick", only=["layers"], all_layers=each
            ).layers.rows
        )
        for each in (False, True)
    ]
    assert counts[0] < counts[1] == 51
