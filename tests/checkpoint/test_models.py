"""The network of a checkpoint is known from its sidecar or its tensors, never imported from it."""

import sys

import pytest
import torch
from torch import nn

from landscape.checkpoint.infer import infer_model
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.models import BUILTIN_MODELS, build_model, model_of, model_spec
from landscape.checkpoint.save import save_checkpoint
from landscape.factories import FactoryError


def released_network(channels):
    """The released code's layers, with placeholders where its neurons stand."""
    gap = nn.Identity
    net = nn.Module()
    net.conv_fc = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        gap(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        gap(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(channels * 49, channels * 16, bias=False),
        gap(),
        nn.Linear(channels * 16, 10, bias=False),
        gap(),
    )
    return net


@pytest.mark.parametrize("channels", [1, 2, 5, 16])
def test_released_codes_files_need_no_flags(tmp_path, same, channels):
    net = released_network(channels)
    path = tmp_path / "checkpoint_max.pth"
    torch.save({"net": net.state_dict(), "epoch": 63, "max_test_acc": 0.91}, path)
    model, notes = model_of(load_checkpoint(path))
    assert model.channels == channels
    assert model.num_time_steps == 4
    assert notes == ()
    same(model.state_dict(), net.state_dict())
    info = inspect_checkpoint(path)
    assert info.model == f"csnn?channels={channels}"
    assert info.command == f"landscape analyze {path} -o reports/checkpoint_max"
    assert info.num_params == sum(p.numel() for p in net.parameters())


def test_released_code_in_spikingjelly_gives_the_same_outputs(tmp_path, rng):
    """The same weights in SpikingJelly's network and in ours: the same firing rates."""
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def fires():
        return neuron.IFNode(surrogate_function=surrogate.ATan(), detach_reset=False)

    torch.manual_seed(0)
    net = nn.Module()
    net.conv_fc = nn.Sequential(
        layer.Conv2d(1, 2, 3, padding=1, bias=False),
        layer.BatchNorm2d(2),
        fires(),
        layer.MaxPool2d(2, 2),
        layer.Conv2d(2, 2, 3, padding=1, bias=False),
        layer.BatchNorm2d(2),
        fires(),
        layer.MaxPool2d(2, 2),
        layer.Flatten(),
        layer.Linear(98, 32, bias=False),
        fires(),
        layer.Linear(32, 10, bias=False),
        fires(),
    )
    functional.set_step_mode(net, "m")
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4)  # so that neurons fire in every layer
    torch.save({"net": net.state_dict()}, tmp_path / "checkpoint_max.pth")
    model, _ = model_of(load_checkpoint(tmp_path / "checkpoint_max.pth"))
    images = torch.rand(3, 1, 28, 28, generator=rng)
    net.eval(), model.eval()
    with torch.no_grad():
        expected = net.conv_fc(images.unsqueeze(0).repeat(4, 1, 1, 1, 1)).mean(0)
        torch.testing.assert_close(model(images), expected)
    assert expected.sum() > 0


@pytest.mark.parametrize(
    "change",
    [
        {"conv_fc.11.weight": torch.zeros(11, 32)},
        {"conv_fc.9.weight": torch.zeros(32, 97)},
        {"conv_fc.0.weight": torch.zeros(2, 3, 3, 3)},
        {"conv_fc.0.bias": torch.zeros(2)},
    ],
)
def test_similar_networks_are_not_taken_for_it(change):
    state = released_network(2).state_dict()
    assert infer_model(state) == "csnn?channels=2"
    assert infer_model(state | change) is None
    assert infer_model({}) is None
    assert infer_model({"conv_fc.0.weight": torch.tensor(1.0)}) is None


def test_sidecars_model_is_used(tmp_path, sidecar, replace, same):
    net = build_model("mlp?sizes=4-8-3&activation=tanh")
    assert [type(layer) for layer in net] == [nn.Flatten, nn.Linear, nn.Tanh, nn.Linear]
    path = tmp_path / "mlp.safetensors"
    described = replace(sidecar, model="mlp?sizes=4-8-3&activation=tanh")
    save_checkpoint(path, net.state_dict(), described)
    checkpoint = load_checkpoint(path)
    assert model_spec(checkpoint) == described.model
    model, _ = model_of(checkpoint)
    same(model.state_dict(), net.state_dict())


def test_factory_named_in_a_sidecar_is_printed_never_imported(
    tmp_path, sidecar, replace, refused, monkeypatch
):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\ndef make(): ...")
    monkeypatch.chdir(tmp_path)
    for spec in ("evil:make", str(tmp_path / "evil.py:make"), "evil:make?channels=3"):
        path = tmp_path / "x.safetensors"
        save_checkpoint(path, {"w": torch.ones(2)}, replace(sidecar, model=spec))
        checkpoint = load_checkpoint(path)
        refused(lambda checkpoint=checkpoint: model_of(checkpoint), spec, "not imported", "--model")
        assert spec in inspect_checkpoint(path).command
    assert not (tmp_path / "canary").exists()
    assert "evil" not in sys.modules


def test_size_asked_for_by_a_sidecar_costs_no_memory(tmp_path, sidecar, replace, refused):
    path = tmp_path / "x.safetensors"
    greedy = replace(sidecar, model="csnn?channels=60000")
    save_checkpoint(path, released_network(2).state_dict(), greedy)
    refused(lambda: model_of(load_checkpoint(path)), "shape of 'conv_fc.4.weight'", "(60000,")


@pytest.mark.parametrize(
    ("spec", "fragment"),
    [
        ("csnn?channels=1000000000000", "channels must be a number from 1 to"),
        ("csnn?channels=2.5", "channels must be a whole number"),
        ("csnn?channels=4&image_size=100000000000", "image_size must be"),
        ("mlp?sizes=4-3000000000-3", "sizes must be a number from 1 to"),
        ("spiking-mlp?sizes=4-3&num_time_steps=0", "num_time_steps must be"),
        ("spiking-mlp?sizes=4-3&num_time_steps=20000", "more than 10,000 time steps"),
        ("spiking-mlp?sizes=4-3&threshold=nan", "threshold must be"),
        ("spiking-mlp?sizes=4-3&alpha=1e300", "alpha must be"),
        ("spiking-mlp?sizes=4-3&surrogate=3", "surrogate 3 is unknown"),
    ],
)
def test_numbers_of_a_sidecars_model_are_bounded(
    tmp_path, sidecar, replace, refused, spec, fragment
):
    path = tmp_path / "hostile.safetensors"
    save_checkpoint(path, {"linears.0.weight": torch.ones(3, 4)}, replace(sidecar, model=spec))
    refused(lambda: model_of(load_checkpoint(path)), fragment, "hostile.safetensors", "--model")


def test_more_time_steps_than_a_file_may_ask_for_are_the_users_to_choose():
    assert build_model("spiking-mlp?sizes=4-3&num_time_steps=20000").num_time_steps == 20_000


def test_unknown_network_says_what_to_do(tmp_path, refused):
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pt")
    refused(lambda: model_of(load_checkpoint(tmp_path / "x.pt")), "no built-in", "module:factory")


def test_users_model_overrides(tmp_path, monkeypatch, same):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\ndef make(width=2):\n    return nn.Linear(3, width)\n"
        "def number():\n    return 7\n"
    )
    net = nn.Linear(3, 4)
    torch.save(net.state_dict(), tmp_path / "x.pt")
    model, _ = model_of(load_checkpoint(tmp_path / "x.pt"), f"{tmp_path}/mine.py:make?width=4")
    same(model.state_dict(), net.state_dict())
    with pytest.raises(ValueError, match=r"made an int; it must make a torch\.nn\.Module"):
        build_model(f"{tmp_path}/mine.py:number")


def test_weights_in_float64_keep_their_digits(tmp_path, same):
    weights = {"1.weight": torch.full((1, 2), 1 / 3, dtype=torch.float64)}
    torch.save(weights, tmp_path / "x.pt")
    model, notes = model_of(load_checkpoint(tmp_path / "x.pt"), "mlp?sizes=2-1&bias=false")
    assert notes == ()
    same(model.state_dict(), weights)


@pytest.mark.parametrize(
    ("spec", "fragment"),
    [
        ("cnn?channels=3", "csnn"),
        ("csnn?chanels=3", "channels"),
        ("csnn?channels=0", "from 1 to"),
        ("csnn?channels=2&surrogate=atann", "atan"),
        ("mlp?sizes=3", "784-100-10"),
        ("mlp?sizes=3-x", "784-100-10"),
        ("mlp?sizes=3-2&activation=tan", "tanh"),
    ],
)
def test_mistakes_in_a_spec_are_explained(spec, fragment):
    with pytest.raises(FactoryError, match=fragment):
        build_model(spec)


@pytest.mark.parametrize("spec", ["csnn?channels=1", "spiking-mlp?sizes=4-3", "mlp?sizes=4-3"])
def test_every_built_in_is_built(spec):
    assert spec.partition("?")[0] in BUILTIN_MODELS
    assert isinstance(build_model(spec), nn.Module)
