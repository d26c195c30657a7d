"""Forms of data that few have: the same loss, or one sentence that helps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import landscape
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.nests import concatenated, digest, num_rows, take_rows


def _choice(examples="all", keep="memory"):
    return Choice(split="train", examples=examples, seed=0, keep=keep)


def _model():
    torch.manual_seed(0)
    return nn.Linear(3, 2).double()


@pytest.mark.parametrize("keep", ["memory", "reread"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_batches_without_an_example_add_nothing(agrees, pairs, place, keep):
    (x, y), model = pairs, _model()
    batches = [(x[:7], y[:7]), (x[7:], y[7:])]
    batches.insert(place, (x[:0], y[:0]))
    agrees(
        model,
        batches,
        lambda: F.cross_entropy(model(x), y),
        loss=lambda *given: F.cross_entropy(*given, reduction="mean"),
        keep=keep,
    )
    assert source_of(batches, _choice(keep=keep)).taken == "all 20 examples in 2 batches"


def test_data_of_empty_batches_only_are_refused(pairs):
    x, y = pairs
    with pytest.raises(ValueError, match=r"at least one batch with an example.*read once only"):
        source_of([(x[:0], y[:0])], _choice())


class _Named(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return {"x": torch.full((2,), float(index)), "name": f"image {index}", "at": (str(index),)}


def test_texts_stay_with_their_examples():
    source = source_of(_Named(), _choice("1:5"))
    seen = [
        (batch["x"][:, 0].tolist(), batch["name"], batch["at"])
        for batch in source.batches(3, torch.float64, torch.device("cpu"))
    ]
    assert seen == [
        ([1.0, 2.0, 3.0], ["image 1", "image 2", "image 3"], [("1", "2", "3")]),
        ([4.0], ["image 4"], [("4",)]),
    ]


def test_texts_are_cut_and_joined_with_the_rows():
    nest = {"x": torch.arange(4), "name": ["a", "b", "c", "d"], "classes": ("cat", "dog")}
    cut = [take_rows(nest, slice(0, 3)), take_rows(nest, torch.tensor([3]))]
    assert [part["name"] for part in cut] == [["a", "b", "c"], ["d"]]
    assert cut[0]["classes"] == ("cat", "dog")  # not one an example
    together = concatenated(cut)
    assert torch.equal(together["x"], nest["x"])
    assert together["name"] == nest["name"]


SPECIAL = {
    "sparse": lambda x: x.to_sparse(),
    "sparse rows": lambda x: x.to_sparse_csr(),
    "complex": lambda x: torch.complex(x, x),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
@pytest.mark.parametrize("listed", [False, True], ids=["arrays", "a batch"])
def test_tensors_of_other_kinds(agrees, pairs, kind, listed):
    (x, y), model = pairs, _model()

    def loss(network, batch):
        inputs = batch[0].real if kind == "complex" else batch[0].to_dense()
        return F.cross_entropy(network(inputs), batch[1])

    data = (SPECIAL[kind](x), y)
    agrees(
        model,
        [data] if listed else data,
        lambda: F.cross_entropy(model(x), y),
        objective=loss,
        batch_size=6,
    )


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_uncut_batches(layout):
    parts = [torch.ones(2, 3), torch.zeros(1, 3)]
    nested, other = (
        torch.nested.nested_tensor(p, layout=layout) for p in (parts, [parts[0], parts[1] + 1])
    )
    assert num_rows(nested) is None
    assert digest(nested) != digest(other)
    assert len(source_of([(nested,), (other,)], _choice())) == 2
    assert len(source_of([nested, other], _choice())) == 1  # a pair


class _Array:
    """As pandas' and JAX's arrays are."""

    def __init__(self, values):
        self._values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values, dtype)

    def __iter__(self):
        return iter(self._values)


def test_arrays_of_other_libraries(agrees, pairs):
    (x, y), model = pairs, _model()
    data = (_Array(x.numpy()), _Array(y.numpy()))
    agrees(model, data, lambda: F.cross_entropy(model(x), y), loss="cross-entropy")
    assert len(source_of(_Array(x.numpy()), _choice())) == 20


class _Broken(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {}[index]


@pytest.mark.parametrize(
    ("data", "examples", "message"),
    [
        (_Broken(), "all", r"item 0 of _Broken cannot be read \(KeyError: 0\)"),
        (nn.Linear(3, 2), "all", "data must be .*got a Linear"),
        (DataLoader(TensorDataset(torch.ones(5, 2)), 2), 6, "reach beyond the data, which hold 5"),
    ],
)
def test_what_cannot_be_read_is_told(data, examples, message):
    with pytest.raises(ValueError, match=message):
        source_of(data, _choice(examples))


def test_no_number_of_examples_is_the_default(pairs):
    v = torch.arange(8.0)
    found = [landscape.hessian(_model(), "mse", pairs, **k) @ v for k in ({}, {"examples": None})]
    assert torch.equal(*found)
