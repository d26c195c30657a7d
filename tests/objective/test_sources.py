"""Data as their users have them: which examples are taken, and that a loss sees just these."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import landscape
import landscape.data.source as source_module
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.nests import concatenated, map_tensors, num_rows, take_rows, tensors_in

CPU = torch.device("cpu")


def _choice(examples="all", **rest):
    return Choice(split="train", examples=examples, seed=0, **rest)


def _model():
    torch.manual_seed(0)
    return nn.Linear(3, 2).double()


@pytest.mark.parametrize(
    "wrap",
    [
        TensorDataset,
        lambda x, y: DataLoader(TensorDataset(x, y), batch_size=7),
        lambda x, y: DataLoader(TensorDataset(x, y), batch_size=7, shuffle=True),
        lambda x, y: [(x[:3], y[:3]), (x[3:], y[3:])],
        lambda x, y: ((x[k : k + 4], y[k : k + 4]) for k in range(0, 20, 4)),
        lambda x, y: lambda: DataLoader(TensorDataset(x, y), batch_size=7),
        lambda x, y: {"train": (x, y), "test": (x[:2], y[:2])},
        lambda x, y: (x.numpy(), y.numpy().astype("uint16")),
    ],
    ids=["Dataset", "loader", "shuffled", "list", "generator", "factory", "splits", "arrays"],
)
def test_all_kinds_of_data_give_the_same_loss(agrees, pairs, wrap):
    (x, y), model = pairs, _model()
    agrees(model, wrap(x, y), lambda: F.cross_entropy(model(x), y), loss="cross-entropy")


class _Numbers(Dataset):
    def __init__(self):
        self.read = []

    def __len__(self):
        return 50

    def __getitem__(self, index):
        self.read.append(index)
        return torch.full((3,), float(index)), index % 2


def test_a_random_subset_of_a_data_set_reads_no_more_than_it():
    data = _Numbers()
    source = source_of(data, _choice(8))
    assert len(source) == len(data.read) == 8
    assert source.taken == "a random subset of 50, by seed 0"
    (batch,) = source.batches(100, torch.float32, CPU)
    assert sorted(data.read) == batch[0][:, 0].tolist()
    whole = (torch.arange(50.0)[:, None].expand(50, 3), torch.arange(50) % 2)
    (of_arrays,) = source_of(whole, _choice(8)).batches(100, torch.float32, CPU)
    torch.testing.assert_close(batch, of_arrays)  # the same examples by the same seed


class _Endless(IterableDataset):
    def __iter__(self):
        for k in range(10**9):
            assert k < 48, "read beyond the examples that were asked for"
            yield torch.full((3,), float(k)), k % 2


class _Repeated(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.ones(4), 0


@pytest.mark.parametrize("keep", ["memory", "reread"])
def test_reading_stops_at_the_examples_asked_for(keep):
    loader = DataLoader(_Endless(), batch_size=16)
    source = source_of(loader, _choice(40, keep=keep))
    assert len(source) == 48
    assert source.taken == "the first 48 examples in 3 batches, in the order that they came in"
    for _ in range(2):
        found = source.batches(100, torch.float64, CPU)
        first = torch.cat([found[index][0][:, 0] for index in range(len(found))])
        assert first.tolist() == list(range(48))
        assert first.dtype == torch.float64


def _steps():
    while True:
        yield torch.ones(5, 4), torch.zeros(5, dtype=torch.long)  # 120 bytes


@pytest.mark.parametrize("data", [_steps, _steps(), DataLoader(_Repeated(), batch_size=5)])
@pytest.mark.parametrize("examples", ["all", ":", 10**9])
def test_data_that_never_end_are_stopped_by_memory(data, examples, monkeypatch):
    monkeypatch.setattr(source_module, "free_memory", lambda device, share: int(2400 * share))
    heard = []
    choice = _choice(examples, told=lambda done, total: heard.append((done, total)))
    with pytest.raises(ValueError, match=r"50 examples, take more than half.*--examples N"):
        source_of(data, choice)
    assert heard == [(5 * k, None if examples in ("all", ":") else 10**9) for k in range(1, 11)]


def test_batches_that_end_may_take_more(monkeypatch):
    monkeypatch.setattr(source_module, "free_memory", lambda device, share: 0)
    batches = [(torch.ones(5, 4), torch.zeros(5))] * 3
    assert len(source_of(batches, _choice())) == 15


def test_reading_is_told_in_python():
    heard = []
    batches = lambda: iter([(torch.ones(5, 3), torch.arange(5) % 2)] * 3)  # noqa: E731
    landscape.analyze(
        _model(), "cross-entropy", batches, budget="quick", only=["preflight"], examples=12,
        progress=lambda *about: heard.append(about),
    )  # fmt: skip
    assert heard[:3] == [("data", 5, 12), ("data", 10, 12), ("data", 15, 12)]


def test_re_read_data_that_change_are_refused(pairs):
    x, y = pairs
    rng = torch.Generator().manual_seed(0)  # the loader's own, which no seed of ours resets
    loader = DataLoader(TensorDataset(x, y), batch_size=7, shuffle=True, generator=rng)
    with pytest.raises(ValueError, match=r"not the same at a second reading.*shuffle=False"):
        landscape.hessian(_model(), "cross-entropy", loader, dtype="float64", keep="reread")
    landscape.hessian(_model(), "cross-entropy", loader, dtype="float64")


def test_the_caller_s_random_numbers_stay_where_they_were(pairs):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    source_of(DataLoader(TensorDataset(*pairs), batch_size=7, shuffle=True), _choice(10))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002


@pytest.mark.parametrize(
    ("data", "examples", "message"),
    [
        (3, "all", "data must be"),
        ([], "all", "at least one batch"),
        (iter([(torch.ones(2, 3), torch.ones(2))]), "4:8", "start in the middle"),
        (iter([]), "some", "must be a number N, START:STOP or all"),
        ((torch.ones(4, 3), torch.ones(4)), 5, "reach beyond the data, which hold 4"),
        ({"test": (torch.ones(2, 3), torch.ones(2))}, "all", "has no train split, only test"),
        ([{"a": 1}], "all", None),
    ],
)
def test_unfit_data_are_refused_in_words(data, examples, message):
    if message is None:
        assert len(source_of(data, _choice(examples))) == 1
        return
    with pytest.raises(ValueError, match=message):
        source_of(data, _choice(examples))


class _Ragged(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.ones(index + 1), 0


def test_items_that_cannot_be_put_together_are_told_the_way():
    with pytest.raises(ValueError, match=r"DataLoader\(dataset, batch_size=…, collate_fn=…\)"):
        source_of(_Ragged(), _choice())


@dataclass
class _Record:
    x: torch.Tensor
    name: str


@dataclass(frozen=True, slots=True)
class _Slotted:
    x: torch.Tensor
    name: str


class _Graph:
    """What a graph of torch_geometric shows of itself."""

    def __init__(self, **held):
        self.__dict__.update(held)

    def keys(self):
        return list(vars(self))

    def to(self, *args):
        return self.apply(lambda t: t.to(*args))

    def apply(self, change):
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, change(value))
        return self

    def __iter__(self):
        return iter(vars(self).items())

    def __len__(self):
        return len(vars(self))

    def __getitem__(self, name):
        return vars(self)[name]


def _graph():
    torch.manual_seed(1)
    return _Graph(
        x=torch.randn(6, 3),
        edges=torch.randint(0, 6, (2, 12)),
        y=torch.randint(0, 2, (6,)),
        train=torch.tensor([True, True, False, True, True, False]),
        name="a graph",
    )


def _of_nodes(model, graph):
    return F.cross_entropy(model(graph.x)[graph.train], graph.y[graph.train])


def test_a_graph_is_a_batch(agrees):
    model, graph = _model(), _graph()
    wide = map_tensors(lambda t: t.double() if t.is_floating_point() else t, graph)
    agrees(model, graph, lambda: _of_nodes(model, wide), objective=_of_nodes)
    assert graph.x.dtype == torch.float32  # the user's own stays as it was


def test_graphs_whose_weights_nobody_knows_ask_for_them(agrees):
    model, graph = _model(), _graph()
    with pytest.raises(ValueError, match=r"share no first dimension.*count="):
        landscape.hessian(model, data=[graph, graph], objective=_of_nodes, dtype="float64")
    other = _graph()
    other.train = torch.tensor([True] * 6)
    wide = [
        map_tensors(lambda t: t.double() if t.is_floating_point() else t, g) for g in (graph, other)
    ]
    counted = landscape.Objective(_of_nodes, count=lambda g: g.train.sum())
    agrees(
        model,
        [graph, other],
        lambda: (4 * _of_nodes(model, wide[0]) + 6 * _of_nodes(model, wide[1])) / 10,
        objective=counted,
    )


Pair = namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    ("nest", "rows"),
    [
        (torch.ones(4, 2), 4),
        ({"a": torch.ones(4), "b": [torch.ones(4, 1)], "c": "text", "d": None}, 4),
        (Pair(torch.ones(4), (torch.ones(4), torch.ones(4))), 4),
        (_Record(torch.ones(4), "r"), 4),
        (_Slotted(torch.ones(4), "r"), 4),
        ((torch.ones(4), torch.ones(5)), None),
        ((torch.ones(4), torch.tensor(1.0)), None),
        (_graph(), None),
        (nn.utils.rnn.pack_sequence([torch.ones(3, 1), torch.ones(2, 1)]), None),
        ("text", None),
    ],
)
def test_nests_are_mapped_in_their_own_shape(nest, rows):
    assert num_rows(nest) == rows
    before = [t.clone() for t in tensors_in(nest)]
    doubled = map_tensors(lambda t: 2 * t, nest)
    assert type(doubled) is type(nest)
    for new, old, now in zip(tensors_in(doubled), before, tensors_in(nest), strict=True):
        torch.testing.assert_close(new, 2 * old)
        torch.testing.assert_close(now, old)
    if rows is not None:
        halves = [take_rows(nest, slice(0, 1)), take_rows(nest, torch.arange(1, rows))]
        joined = tensors_in(concatenated(halves))
        assert all(torch.equal(a, b) for a, b in zip(joined, before, strict=True))
