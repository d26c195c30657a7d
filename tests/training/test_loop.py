import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from landscape.checkpoint.sidecar import read_sidecar
from landscape.data import open_dataset, random_order, select_examples
from landscape.snn.initialization import initialise
from landscape.snn.model import CSNN
from landscape.training import epoch as epoch_module
from landscape.training.examples import num_steps


def read_metrics(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_is_the_plain_loop(config, run, tmp_path, images):
    cfg = config(init="kaiming", seed=3, epochs=2)
    weights = load_file(run(cfg, tmp_path / "a.safetensors"))

    data = select_examples(open_dataset(images, split="train"), 90, seed=42)
    model = CSNN(2, 2)
    initialise(model, "kaiming", seed=3)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2)
    for epoch in (1, 2):
        order = torch.from_numpy(random_order(90, 3, epoch))
        for rows in order[:80].split(20):
            optimizer.zero_grad()
            target = F.one_hot(data.targets[rows], 10).float()
            nn.MSELoss()(model(data.inputs[rows]), target).backward()
            optimizer.step()
        schedule.step()
    # A step of Adam moves each weight by lr at most; rounding that tips a spike moves less.
    for name, tensor in model.state_dict().items():
        assert_close(weights[name], tensor, rtol=0, atol=1e-4)


def test_metrics_and_sidecar_state_what_the_weights_do(config, run, tmp_path, images):
    cfg = config()
    path = run(cfg, tmp_path / "a.safetensors")
    records = read_metrics(tmp_path / "a.metrics.jsonl")
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert [record["lr"] for record in records] == [cfg.learning_rate_at(e) for e in (1, 2, 3)]

    model = CSNN(2, 2)
    model.load_state_dict(load_file(path))
    model.eval()
    sidecar = read_sidecar(path)
    for split, examples in (("train", 90), ("test", None)):
        data = select_examples(open_dataset(images, split=split), examples, seed=42)
        with torch.no_grad():
            outputs = model(data.inputs)
        loss = (outputs - F.one_hot(data.targets, 10)).square().mean().item()
        accuracy = (outputs.argmax(1) == data.targets).double().mean().item()
        assert getattr(sidecar.metrics, f"{split}_loss") == pytest.approx(loss, rel=1e-5)
        assert getattr(sidecar.metrics, f"{split}_accuracy") == pytest.approx(accuracy)
        if split == "train":
            assert sidecar.data.sha256 == data.indices_sha256
    assert records[-1]["test_loss"] == sidecar.metrics.test_loss
    assert (sidecar.model, sidecar.loss) == ("csnn?channels=2&num_time_steps=2", "mse")
    assert (sidecar.training.epoch, sidecar.training.epochs) == (3, 3)
    assert sidecar.config == cfg.to_dict()


def test_training_learns(config, run, tmp_path):
    run(config(channels=4, epochs=12), tmp_path / "a.safetensors")
    records = read_metrics(tmp_path / "a.metrics.jsonl")
    assert records[-1]["train_loss"] < 0.6 * records[0]["train_loss"]
    assert records[-1]["train_accuracy"] > 0.5


def test_order_of_examples_is_independent_of_the_init(config, run, tmp_path, monkeypatch):
    orders = {}
    real = epoch_module.example_order

    def record(n, cfg, epoch):
        orders[cfg.init, cfg.seed, epoch] = real(n, cfg, epoch)
        return orders[cfg.init, cfg.seed, epoch]

    monkeypatch.setattr(epoch_module, "example_order", record)
    for init, seed in (("ikun_v1", 0), ("kaiming", 0), ("kaiming", 1)):
        run(config(init=init, seed=seed, epochs=2), tmp_path / f"{init}{seed}.safetensors")
    for epoch in (1, 2):
        assert torch.equal(orders["ikun_v1", 0, epoch], orders["kaiming", 0, epoch])
        assert not torch.equal(orders["kaiming", 0, epoch], orders["kaiming", 1, epoch])
    assert not torch.equal(orders["kaiming", 0, 1], orders["kaiming", 0, 2])


def test_the_last_partial_batch_can_be_kept(config):
    assert num_steps(90, config()) == 4
    assert num_steps(90, config(drop_last=False)) == 5
    assert num_steps(80, config(drop_last=False)) == 4


def test_snapshots_lie_on_the_way(config, run, tmp_path):
    cfg = config(snapshots=3, epochs=4)
    path = run(cfg, tmp_path / "a.safetensors")
    folder = tmp_path / "a.snapshots"
    names = sorted(p.name for p in folder.glob("*.safetensors"))
    assert names == ["000.safetensors", "002.safetensors", "004.safetensors"]
    initial = CSNN(2, 2)
    initialise(initial, cfg.init, seed=cfg.seed)
    kept = load_file(folder / "000.safetensors")
    for name, tensor in initial.state_dict().items():
        assert torch.equal(kept[name], tensor)
    last, final = load_file(folder / "004.safetensors"), load_file(path)
    assert all(torch.equal(last[name], final[name]) for name in final)
    assert [read_sidecar(folder / name).training.epoch for name in names] == [0, 2, 4]


def test_nothing_but_results_is_left(config, run, tmp_path):
    run(config(), tmp_path / "a.safetensors")
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"a.safetensors", "a.json", "a.metrics.jsonl"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": 97}, r"images must be at most 96, .* got 97. Use fewer"),
        ({"images": 10}, r"batch_size must be at most 10, .* got 20"),
        ({"init": "kaimin"}, "kaiming"),
        ({"loss": "l2"}, "Did you mean 'mse'"),
    ],
)
def test_unfit_settings_are_refused(config, run, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        run(config(**settings), tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


def test_data_must_have_ten_classes(config, run, tmp_path):
    path = tmp_path / "eleven.npz"
    np.savez(path, x=np.zeros((20, 1, 28, 28), "f4"), y=np.full(20, 10))
    with pytest.raises(ValueError, match=r"labels from 0 to 9.* it has 11 classes"):
        run(config(data=str(path), images=None), tmp_path / "a.safetensors")


def test_other_endings_are_refused(config, run, tmp_path):
    with pytest.raises(ValueError, match=r"must end in .safetensors; got .*a.pt"):
        run(config(), tmp_path / "a.pt")
