"""λ_max against edges of stability: from checkpoints, and where training holds it."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from landscape.analysis.look.run import look_at
from landscape.analysis.opening import open_target
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import EigenvalueSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.checkpoint.sidecar import DataSpec, Sidecar, TrainingSpec
from landscape.results import DoesNotApply

NETS = """
from torch import nn
def make(width=6):
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1)).double()
def deep():
    return nn.Sequential(
        nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    ).double()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A module of networks, and a Chebyshev polynomial to fit (Cohen et al. 2021, section 3)."""
    path = tmp_path_factory.mktemp("edges")
    (path / "nets.py").write_text(NETS)
    x = np.linspace(-1, 1, 40)[:, None]
    np.savez(path / "xy.npz", x=x, y=np.cos(4 * np.arccos(x)))
    return path


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1)).double()


def deep():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    ).double()


def loss_of(net, folder):
    data = np.load(folder / "xy.npz")
    x, y = torch.tensor(data["x"]), torch.tensor(data["y"])
    return (net(x) - y).square().mean()


def steps(net, optimizer, folder, count):
    for _ in range(count):
        optimizer.zero_grad()
        loss_of(net, folder).backward()
        optimizer.step()


def kept(path, net, optimizer):
    torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    return path


def target_of(path, folder, factory="make"):
    settings = TargetSettings(
        model=f"{folder / 'nets.py'}:{factory}",
        data=str(folder / "xy.npz"),
        loss="mse",
        examples="all",
        dtype="float64",
    )
    return open_target(path, settings)


def ends_of(target, **settings):
    asked = EigenvalueSettings(**{"num_largest": 1, "num_smallest": 0} | settings)
    return spectrum(target, settings=asked, progress=quiet).eigenvalues


def dense_hessian(net, folder):
    parameters = dict(net.named_parameters())
    x, y = (torch.tensor(np.load(folder / "xy.npz")[name]) for name in "xy")
    shapes = [p.shape for p in parameters.values()]
    theta = torch.cat([p.detach().flatten() for p in parameters.values()])

    def loss(flat):
        pieces = flat.split([shape.numel() for shape in shapes])
        named = {n: v.view(s) for n, v, s in zip(parameters, pieces, shapes, strict=True)}
        return (torch.func.functional_call(net, named, (x,)) - y).square().mean()

    return torch.autograd.functional.hessian(loss, theta)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_the_scaled_spectrum_is_that_of_the_dense_preconditioned_hessian(
    weight_decay, folder, tmp_path
):
    net = small()
    optimizer = torch.optim.Adam(
        net.parameters(), 0.02, betas=(0.7, 0.95), eps=1e-4, weight_decay=weight_decay
    )
    steps(net, optimizer, folder, 30)
    target = target_of(kept(tmp_path / "a.pt", net, optimizer), folder)
    found = ends_of(target, scale="optimizer", weight_decay=weight_decay, num_largest=19, tol=1e-9)
    v = torch.cat([optimizer.state[p]["exp_avg_sq"].flatten() for p in net.parameters()])
    P = (1 - 0.7**30) * ((v / (1 - 0.95**30)).sqrt() + 1e-4)
    H = dense_hessian(net, folder) + weight_decay * torch.eye(19, dtype=torch.float64)
    exact = torch.linalg.eigvalsh(H / torch.outer(P, P).sqrt()).flip(0)
    values = torch.tensor([e.value for e in found.largest], dtype=torch.float64)
    torch.testing.assert_close(values, exact, rtol=1e-6, atol=1e-6 * float(exact[0]))
    assert found.stability_edge == pytest.approx((2 + 1.4) / (0.3 * 0.02))
    assert found.share_of_edge == pytest.approx(float(exact[0]) / found.stability_edge, rel=1e-6)
    if weight_decay:
        other = ends_of(target, scale="optimizer")
        assert other.stability_edge is None
        assert "--weight-decay 0.3" in other.stability_of


@pytest.mark.parametrize("rate", [0.01, 0.02])
def test_full_batch_adam_settles_at_its_edge(rate, folder, tmp_path):
    net = deep()
    optimizer = torch.optim.Adam(net.parameters(), rate)
    shares = []
    for part in range(6):
        steps(net, optimizer, folder, 500 if part == 0 else 100)
        target = target_of(kept(tmp_path / "a.pt", net, optimizer), folder, "deep")
        found = ends_of(target, scale="optimizer", tol=1e-3)
        assert found.stability_edge == pytest.approx(38 / rate)
        shares.append(found.share_of_edge)
    # It hovers there, up and down: Cohen et al. 2022, figures 1 and 2.
    assert np.median(shares) == pytest.approx(1, abs=0.15)


def test_full_batch_descent_settles_at_its_edge(folder, tmp_path):
    net = deep()
    optimizer = torch.optim.SGD(net.parameters(), 0.2, momentum=0.5)
    steps(net, optimizer, folder, 1500)
    target = target_of(kept(tmp_path / "a.pt", net, optimizer), folder, "deep")
    found = ends_of(target, tol=1e-3)
    assert found.stability_edge == pytest.approx(15)
    assert found.share_of_edge == pytest.approx(1, abs=0.15)
    fields, notes = look_at(target, load_checkpoint(tmp_path / "a.pt"), progress=quiet)
    assert fields["share_of_edge"] == pytest.approx(found.share_of_edge, rel=0.02)
    assert fields["stability_of"].startswith("SGD, momentum 0.5, learning rate 0.2 (in the")
    assert not any("no edge of stability" in note for note in notes)


def test_where_there_is_no_state_the_edge_says_so(folder, tmp_path):
    net = small()
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    steps(net, optimizer, folder, 3)
    path = kept(tmp_path / "a.pt", net, optimizer)
    plain = ends_of(target_of(path, folder))
    assert (plain.stability_edge, plain.share_of_edge) == (None, None)
    assert "the edge of Adam is one of λ_max at --scale optimizer" in plain.stability_of
    fields, notes = look_at(target_of(path, folder), load_checkpoint(path), progress=quiet)
    assert fields["share_of_edge"] is None
    assert f"no edge of stability: {fields['stability_of']}" in notes
    assert ends_of(target_of(path, folder), operator="ggn").stability_of == ""
    torch.save(net.state_dict(), tmp_path / "bare.pt")
    with pytest.raises(DoesNotApply, match="no state of an optimiser was found"):
        ends_of(target_of(tmp_path / "bare.pt", folder), scale="optimizer")
    torch.save({"model": net.state_dict(), "optimizer_states": [optimizer.state_dict()] * 2}, path)
    target = target_of(path, folder)
    assert any("holds the states of 2 optimisers" in note for note in target.subject.notes)


@pytest.mark.parametrize(
    ("last", "rate", "words"),
    [(0.05, 0.05, "of the last epoch"), (None, 0.1, "at the start of training"), (0.0, None, "0")],
)
def test_a_sidecar_gives_the_rate_of_its_last_epoch(last, rate, words, folder, tmp_path):
    training = TrainingSpec(
        init="lecun", optimizer="sgd", learning_rate=0.1, last_learning_rate=last, momentum=0.9,
        batch_size=10, seed=0, epoch=3, epochs=4,
    )  # fmt: skip
    sidecar = Sidecar(model="nets:make", loss="mse", data=DataSpec(name="xy"), training=training)
    path = tmp_path / "s.safetensors"
    save_checkpoint(path, small().state_dict(), sidecar)
    found = ends_of(target_of(path, folder))
    assert found.stability_edge == (None if rate is None else pytest.approx(3.8 / rate))
    assert words in found.stability_of
    assert not math.isnan(found.largest[0].value)
