"""``--objective`` and ``--data`` in the user's own form, against the dense spectrum."""

import importlib
import json
import sys

import pytest
import torch
from torch import nn

from landscape.factories import load_object

_PINN = '''
import torch
from torch import nn

class make(nn.Module):
    """u'' + u = f: the last bias drops out of u'', and this one out of the residual as well."""
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1, bias=False))
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.net(x) + 0 * x

def objective(model, batch):
    x, f = batch
    x = x.clone().requires_grad_()
    u = model(x)
    first = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x, create_graph=True)[0]
    return (second + u - f).square().mean(1)

def batches():
    x = torch.linspace(-1, 1, 12)[:, None]
    return [(x[k : k + 4], torch.sin(3 * x[k : k + 4])) for k in (0, 4, 8)]
'''

_TAGGER = """
import torch
import torch.nn.functional as F
from torch import nn

class make(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(6, 3), nn.Linear(3, 3)

    def forward(self, ids, mask):
        h = self.embed(ids)
        context = (h * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        return self.out(torch.tanh(h + context))

def objective(model, batch):
    scores = model(batch["ids"], batch["mask"]).flatten(0, 1)
    labels = batch["labels"].flatten()
    total = F.cross_entropy(scores, labels, reduction="sum")
    return total, (labels != -100).sum()

def batches():
    rng = torch.Generator().manual_seed(0)
    for n, length in ((4, 5), (3, 7), (2, 2)):
        known = torch.arange(length) < torch.randint(1, length + 1, (n, 1), generator=rng)
        yield {
            "ids": torch.randint(0, 6, (n, length), generator=rng),
            "mask": known.float(),
            "labels": torch.randint(0, 3, (n, length), generator=rng).where(known, -100),
        }
"""

_CONTRASTIVE = """
import torch
import torch.nn.functional as F
from torch import nn
import landscape

class make(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, batch):
        u, v = F.normalize(self.a(batch["a"]), dim=1), F.normalize(self.b(batch["b"]), dim=1)
        return self.scale * u @ v.T

def _loss(model, batch):
    scores, own = model(batch), torch.arange(len(batch["a"]))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2

objective = landscape.Objective(_loss, split=False)

def batches():
    rng = torch.Generator().manual_seed(0)
    return [
        {"a": torch.randn(6, 3, generator=rng), "b": torch.randn(6, 4, generator=rng)}
        for _ in range(2)
    ]
"""


def _wide(batch):
    if isinstance(batch, dict):
        return {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
    return tuple(t.double() for t in batch)


def _spectrum(path, model):
    """The dense spectrum of the mean over the batches' examples, tokens or batches."""
    objective = load_object(f"{path}:objective", group="", builtin={})
    fn = objective if callable(objective) else objective.fn
    terms = []
    for batch in load_object(f"{path}:batches", group="", builtin={})():
        value = fn(model, _wide(batch))
        if isinstance(value, tuple):
            terms.append(value)
        else:
            terms.append((value.sum(), value.numel()))
    loss = sum(t for t, _ in terms) / sum(w for _, w in terms)
    parameters = list(model.parameters())

    def flat(scalar, create_graph):
        found = torch.autograd.grad(
            scalar, parameters, create_graph=create_graph, retain_graph=True, allow_unused=True
        )
        pairs = zip(found, parameters, strict=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])

    gradient = flat(loss, True)
    rows = [flat(g, False) if g.requires_grad else torch.zeros_like(gradient) for g in gradient]
    return torch.linalg.eigvalsh(torch.stack(rows).detach())


@pytest.mark.parametrize("code", [_PINN, _TAGGER, _CONTRASTIVE], ids=["pinn", "tagger", "clip"])
def test_any_objective_from_a_file(code, invoke, tmp_path, capsys):
    file = tmp_path / "own.py"
    file.write_text(code)
    torch.manual_seed(0)
    model = load_object(f"{file}:make", group="", builtin={}).double()
    torch.save(model.state_dict(), tmp_path / "net.pt")
    shared = ["--model", f"{file}:make", "--data", f"{file}:batches", "--dtype", "float64"]
    options = [*shared, "--objective", f"{file}:objective", "--examples", "all"]
    result = invoke(
        "eigenvalues", tmp_path / "net.pt", *options, "--top", 5, "--bottom", 3, "--json"
    )
    found = json.loads(result.stdout)
    expected = _spectrum(file, model)
    largest = [e["value"] for e in found["largest"]]
    smallest = [e["value"] for e in found["smallest"]]
    scale = float(expected.abs().max())
    assert largest == pytest.approx(expected.flip(0)[:5].tolist(), abs=1e-6 * scale)
    assert smallest == pytest.approx(expected[:3].tolist(), abs=1e-6 * scale)


_NETS = """
import torch
import torch.nn.functional as F
from torch import nn

FACTOR, ACT = 1.0, nn.Tanh

def make():
    return nn.Sequential(nn.Linear(3, 4), ACT(), nn.Linear(4, 2))

def loss(outputs, targets):
    return FACTOR * F.cross_entropy(outputs, targets, reduction="none")

def data():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(30, 3, generator=rng), torch.randint(0, 2, (30,), generator=rng)
"""


@pytest.fixture
def own(tmp_path):
    """A checkpoint whose network, loss and data stand in a file; a function that edits it."""
    file = tmp_path / "nets.py"
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    names = {"--model": "make", "--loss": "loss", "--data": "data"}
    specs = [part for option, name in names.items() for part in (option, f"{file}:{name}")]

    def write(old="", new=""):
        file.write_text(_NETS.replace(old, new) if old else _NETS)
        for name in [n for n, m in sys.modules.items() if getattr(m, "__file__", "") == str(file)]:
            del sys.modules[name]  # as in another process
        importlib.invalidate_caches()
        return [tmp_path / "net.pt", *specs, "-q"]

    return write


_CHANGES = {
    "loss times ten": ("FACTOR, ACT = 1.0", "FACTOR, ACT = 10.0"),
    "another activation": ("nn.Tanh\n", "nn.Sigmoid\n"),
}
_RUNS = {
    "analyze": ["--budget", "quick", "--only", "spectrum"],
    "eigenvalues": ["--top", 2, "--bottom", 1],
    "surface": ["--x", "-1:1:3"],
}


@pytest.mark.parametrize("change", _CHANGES)
@pytest.mark.parametrize("command", _RUNS)
def test_results_of_other_code_are_refused_with_both_values(command, change, own, invoke, tmp_path):
    out = ["-o", tmp_path / "out"]
    arguments = [command, *own(), *_RUNS[command], *out]
    invoke(*arguments)
    arguments = [command, *own(*_CHANGES[change]), *_RUNS[command], *out]
    with pytest.raises(ValueError, match=r"have changed.*the loss was [\d.]+, now [\d.]+"):
        invoke(*arguments)
    own()
    invoke(*[command, *own(), *_RUNS[command], *out])  # the code as it was goes on


def test_results_of_two_losses_never_share_a_folder(own, invoke, tmp_path):
    out = ["-o", tmp_path / "out"]
    invoke("analyze", *own(), *_RUNS["analyze"], *out)
    before = {path: path.read_bytes() for path in (tmp_path / "out" / "results").glob("*/*")}
    changed = own(*_CHANGES["loss times ten"])
    for command in ("eigenvalues", "surface"):
        with pytest.raises(ValueError, match=r"is a result of other code.*the loss was"):
            invoke(command, *changed, *_RUNS[command], *out)
    assert before == {path: path.read_bytes() for path in before}
    invoke("eigenvalues", *own(), *_RUNS["eigenvalues"], "--bn", "train", *out)


def test_a_result_that_was_deleted_is_made_again(own, invoke, tmp_path):
    arguments = ["analyze", *own(), "--budget", "quick", "--only", "spectrum,line",
                 "-o", tmp_path]  # fmt: skip
    invoke(*arguments)
    (place,) = (tmp_path / "results").iterdir()
    removed, kept = place / "density.json", place / "line.json"
    value, when = removed.read_text(), kept.stat().st_mtime_ns
    removed.unlink()
    invoke(*arguments)
    numbers = [
        json.loads(text)["result"]["grid"]
        if "grid" in json.loads(text)["result"]
        else json.loads(text)["result"]["num_matvecs"]
        for text in (value, removed.read_text())
    ]
    assert numbers[0] == numbers[1]
    assert kept.stat().st_mtime_ns == when


def test_loss_and_objective_are_not_given_both(own, invoke, tmp_path):
    arguments = own()
    with pytest.raises(ValueError, match="--loss and --objective are two ways"):
        invoke("eigenvalues", *arguments, "--objective", arguments[4])
