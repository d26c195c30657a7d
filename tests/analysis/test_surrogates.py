"""The same weights under several surrogates, against networks that are built with each."""

import pytest
import torch
from command_line import invoke
from torch import nn

import landscape
from landscape.results import LeftOut, load_result
from landscape.snn.exchanged import exchanges
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.model import CSNN, SpikingMLP
from landscape.snn.surrogate import SURROGATES, ATan, surrogate_called

NAMES = ["sigmoid(alpha=4)", "erf"]
ONLY = {"only": ["surrogates"], "budget": "quick", "dtype": "float64"}


def network(surrogate):
    rng = torch.Generator().manual_seed(0)
    made = SpikingMLP((4, 6, 3), 4, dynamics=NeuronDynamics(surrogate=surrogate)).double()
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return made


@pytest.fixture(scope="module")
def data():
    rng = torch.Generator().manual_seed(1)
    return torch.rand(40, 4, generator=rng, dtype=torch.float64), torch.arange(40) % 3


@pytest.fixture(scope="module")
def table(data):
    return landscape.analyze(network(ATan()), "mse", data, surrogate=NAMES, **ONLY).surrogates


def test_its_own_comes_first_then_those_that_were_named(table):
    shown = [(row.surrogate, row.is_own) for row in table.rows]
    assert shown == [("atan(alpha=2)", True), (NAMES[0], False), ("erf(alpha=2)", False)]
    assert table.operator.name == "hessian"
    assert table.num_matvecs > 0


def test_each_row_is_the_hessian_of_a_network_built_with_the_surrogate(table, data):
    values = []
    for row in table.rows:
        operator = landscape.hessian(
            network(surrogate_called(row.surrogate)), "mse", data, dtype="float64"
        )
        dense = torch.stack([operator @ e for e in torch.eye(operator.dim, dtype=torch.float64)])
        eigenvalues = torch.linalg.eigvalsh((dense + dense.T) / 2)
        bound = row.largest.residual + 1e-12
        assert row.largest.value == pytest.approx(float(eigenvalues[-1]), abs=bound)
        for found, true in (
            (row.trace, float(eigenvalues.sum())),
            (row.frobenius_norm, float(eigenvalues.norm())),
        ):
            low, high = found.interval(0.9999)
            assert low - 1e-9 <= true <= high + 1e-9
        assert row.grad_norm == pytest.approx(float(operator.risk.gradient().norm()), rel=1e-9)
        values.append(row.largest.value)
    assert len(set(values)) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_same_bit_for_bit(dtype, rng):
    """Also where convolutions, pooling and neurons are fused."""
    images, labels = torch.rand(30, 1, 12, 12, generator=rng), torch.arange(30) % 10
    csnn = CSNN(6, 4, threshold=0.3, image_size=12)
    with torch.no_grad():
        for p in csnn.parameters():
            p.copy_(torch.randn(p.shape, generator=rng) / 2)
    risk = landscape.hessian(csnn, "mse", (images, labels), dtype=dtype).risk
    losses = {risk.altered(exchanges(csnn, kind())).evaluate().loss for kind in SURROGATES.values()}
    assert losses == {risk.evaluate().loss}
    assert risk.gradient().any()


def test_the_analysis_alone_takes_all_and_one_named_twice_is_one(data):
    every = landscape.analyze(network(ATan(3.0)), "mse", data, **ONLY).surrogates
    assert [row.surrogate for row in every.rows] == [
        "atan(alpha=3)",
        "atan(alpha=2)",
        "sigmoid(alpha=4)",
        "erf(alpha=2)",
        "fast_sigmoid(alpha=2)",
        "triangle(alpha=1)",
    ]
    twice = landscape.analyze(
        network(ATan()), "mse", data, surrogate=["atan", "atan(alpha=2)"], **ONLY
    ).surrogates
    assert [(row.surrogate, row.is_own) for row in twice.rows] == [("atan(alpha=2)", True)]


def test_other_networks_have_a_note_and_unknown_names_are_refused(data):
    x, y = data
    plain = nn.Linear(4, 3).double()
    found = landscape.analyze(plain, "cross-entropy", (x, y), surrogate=["atan"], **ONLY)
    (note,) = found.results.values()
    assert isinstance(note, LeftOut)
    assert "surrogates cannot be exchanged" in note.reason
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        landscape.analyze(network(ATan()), "mse", data, surrogate=["sigmiod"], **ONLY)
    with pytest.raises(ValueError, match="lists of names"):
        landscape.analyze(network(ATan()), "mse", data, surrogate="atan", **ONLY)


class Own(nn.Module):
    """Neurons of SpikingJelly's kind whose forward looks at the surrogate itself."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import neuron

        self.fc, self.neurons = nn.Linear(4, 3), neuron.IFNode()

    def forward(self, x):
        scale = getattr(self.neurons.surrogate_function, "alpha", 2.0)
        return scale * self.neurons(self.fc(x))


def test_a_network_whose_loss_depends_on_the_surrogate_is_left_out(data):
    own = Own().double()
    nn.init.ones_(own.fc.weight)  # it fires
    found = landscape.analyze(own, "mse", data, surrogate=["atan"], time_steps=1, **ONLY)
    (note,) = found.results.values()
    assert "for more than derivatives" in note.reason


def test_the_command_shows_one_table(tmp_path, data):
    torch.save(network(ATan()).state_dict(), tmp_path / "net.pt")
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "from landscape.snn import SpikingMLP\n"
        "def make():\n"
        "    return SpikingMLP((4, 6, 3), 4)\n"
        "def data():\n"
        "    rng = torch.Generator().manual_seed(1)\n"
        "    return torch.rand(40, 4, generator=rng), torch.arange(40) % 3\n"
    )
    named = ["--model", f"{tmp_path}/own.py:make", "--data", f"{tmp_path}/own.py:data"]
    asked = ["analyze", tmp_path / "net.pt", *named, "--loss", "mse", "--budget", "quick"]
    options = ["--only", "activity", "-o", tmp_path / "report", "-q"]
    with pytest.raises(ValueError, match="no number for its slope"):  # before anything is loaded
        invoke(*asked, *options, "--surrogate", "atan(alpha=two)")
    invoke(*asked, *options, "--surrogate", "atan,sigmoid(alpha=4)")
    stored = load_result(tmp_path / "report" / "results" / "net" / "surrogates.json")
    assert [row.surrogate for row in stored.rows] == ["atan(alpha=2)", "sigmoid(alpha=4)"]
    shown = (tmp_path / "report" / "tables" / "surrogates.md").read_text()
    assert "atan(alpha=2) (its own)" in shown
    assert (tmp_path / "report" / "tables" / "synaptic-operations.md").exists()
