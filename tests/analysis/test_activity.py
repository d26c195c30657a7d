"""Activity: by hand, beside what ``look`` says, and of networks that do not spike."""

import json

import pytest
import torch
from command_line import invoke
from spikingjelly.activation_based import neuron as jelly
from torch import nn

import landscape
from landscape.report import write_report
from landscape.results import load_result
from landscape.snn.model import SpikingMLP

ONLY = {"only": ["activity"], "budget": "quick"}


def by_hand():
    """Of 4 neurons those with currents 1, 1/2, 1/4 fire 4, 2 and 1 of 4 times: 7 spikes."""
    network = SpikingMLP((1, 4, 3), 4)
    with torch.no_grad():
        network.linears[0].weight.copy_(torch.tensor([[1.0], [0.5], [0.25], [0.0]]))
        network.linears[1].weight.zero_()
    return network


@pytest.fixture
def found():
    return landscape.analyze(by_hand(), "cross-entropy", (torch.ones(6, 1), torch.arange(6) % 3),
                             **ONLY)  # fmt: skip


def test_rates_and_operations_of_a_network_by_hand(found):
    hidden, out = found.activity.firing.layers
    assert hidden.firing_rate.mean == 7 / 16
    assert hidden.by_step == (0.25, 0.5, 0.25, 0.75)
    assert (hidden.num_dead, hidden.num_saturated) == (1, 1)
    assert (out.firing_rate.mean, out.num_dead) == (0.0, 3)
    assert found.activity.firing.firing_rate.mean == pytest.approx(7 / 16 * 4 / 7)
    # 1 input x 4 neurons, the current being the same at each step; 7 spikes x 3 outputs.
    assert [row.inputs for row in found.activity.synapses] == ["spikes", "spikes"]
    assert found.activity.synaptic_operations == 4 + 7 * 3
    assert found.activity.macs == 0


def test_it_is_stored_shown_and_summarised(found, tmp_path):
    page = found.report(tmp_path).read_text()
    assert 'id="activity"' in page
    (path,) = tmp_path.rglob("activity.json")
    assert load_result(path).firing == found.activity.firing
    (row,) = json.loads((tmp_path / "summary.json").read_text())["checkpoints"]
    assert row["activity"]["synaptic_operations"] == 25
    assert row["activity"]["layers"][0]["by_step"] == [0.25, 0.5, 0.25, 0.75]
    (measure,) = row["measures"]
    assert (measure["name"], measure["unit"]) == ("firing_rate", "spikes/step")
    assert "firing rate" in repr(found)


def test_other_networks_have_none_and_no_note_of_it(tmp_path):
    x, y = torch.rand(10, 3), torch.arange(10) % 2
    found = landscape.analyze(
        nn.Linear(3, 2), "cross-entropy", (x, y), only=["preflight", "activity"], budget="quick"
    )
    assert list(found.results) == ["preflight"]
    write_report(tmp_path, list(found.results.values()), title="plain")
    (row,) = json.loads((tmp_path / "summary.json").read_text())["checkpoints"]
    assert row["activity"] is None


class Trained(nn.Module):
    """Not called itself: its objective calls a method, as of a training loop's module."""

    def __init__(self):
        super().__init__()
        self.fc, self.neurons = nn.Linear(1, 1, bias=False), jelly.IFNode()
        nn.init.constant_(self.fc.weight, 0.5)

    def step(self, batch):
        x, _ = batch
        return torch.stack([self.neurons(self.fc(x)) for _ in range(4)]).mean((0, 2))


def test_batches_are_told_apart_where_the_network_is_not_called_itself():
    data = (torch.ones(7, 1), torch.zeros(7))
    found = landscape.analyze(
        Trained(), objective=lambda model, batch: model.step(batch), data=data, batch_size=3, **ONLY
    )
    (layer,) = found.activity.firing.layers
    assert layer.by_step == (0, 1, 0, 1)
    assert (layer.firing_rate.mean, layer.firing_rate.stderr) == (0.5, 0)


def test_a_look_says_the_same(tmp_path):
    torch.save(by_hand().state_dict(), tmp_path / "net.pt")
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "from landscape.snn import SpikingMLP\n"
        "def make():\n"
        "    return SpikingMLP((1, 4, 3), 4)\n"
        "def data():\n"
        "    return torch.ones(6, 1), torch.arange(6) % 3\n"
    )
    own = f"{tmp_path}/own.py"
    named = [tmp_path / "net.pt", "--model", f"{own}:make", "--data", f"{own}:data"]
    named += ["--loss", "cross-entropy", "-q"]
    row = json.loads(invoke("look", *named, "--json").stdout)
    assert (row["firing_rate_mean"], row["num_neurons"]) == (pytest.approx(0.25), 7)
    assert (row["dead_neurons"], row["saturated_neurons"]) == (4, 1)
    assert row["firing_rate[neurons]"] == 7 / 16
    out = ["--only", "activity", "-o", tmp_path / "report"]
    told = invoke("analyze", *named, *out, "--fail-if", "firing_rate < 0.3", code=1).output
    assert "firing_rate = 0.25" in told
