import numpy as np
import pytest
import torch

from landscape.data import open_dataset
from landscape.data.arrays import from_splits


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return str(path)

    return save


X, Y = np.linspace(0, 1, 12).reshape(4, 3), np.array([0, 2, 1, 0])


def test_npz_splits(save):
    path = save(x=X, y=Y, x_test=X[:2].astype("f4"), y_test=np.array([4, 0], np.uint8))
    train, test = (open_dataset(path, split=split) for split in ("train", "test"))
    assert train.inputs.dtype == torch.float64
    assert test.inputs.dtype == torch.float32
    assert torch.equal(train.inputs, torch.from_numpy(X))
    assert train.targets.tolist() == Y.tolist()
    assert train.num_classes == test.num_classes == 5
    assert (train.name, train.source) == (path, f"file {path}, 4 examples")


def test_float_targets_are_regressed_on(save):
    data = open_dataset(save(x=X, y=X[:, :2]), split="train")
    assert data.num_classes is None
    assert data.targets.dtype == torch.float64


def test_labels_may_stand_at_each_position(save):
    """As of the tokens of a text, or the pixels of an image."""
    tokens = np.arange(8).reshape(4, 2)
    data = open_dataset(save(x=X, y=tokens, y_test=tokens + 1), split="train")
    assert (data.targets.tolist(), data.num_classes) == (tokens.tolist(), 9)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": Y}, "lacks x, wanted for the train split; .* it holds y"),
        ({"images": X}, "lacks x and y, .* it holds none"),
        ({"x": X, "y": Y[:3]}, r"one entry an example; got shapes \(4, 3\) and \(3,\)"),
        ({"x": X, "y": np.eye(4, dtype=int)}, r"got one-hot rows of shape \(4, 4\)"),
        ({"x": X, "y": Y[:, None]}, r"got a column of shape \(4, 1\)"),
        ({"x": np.full((4, 3), np.nan), "y": Y}, "x contains NaN or infinity"),
        ({"x": (X * 255).astype(np.uint8), "y": Y}, "x is uint8, whose scale is not known"),
        ({"x": X.astype(complex), "y": Y}, "x must hold real numbers; its type is complex128"),
        ({"x": X[:0], "y": Y[:0]}, "holds no examples"),
        ({"x": np.float64(1), "y": Y}, "one entry an example"),
        ({"x": np.array([{}]), "y": Y}, "holds pickled objects"),
    ],
)
def test_unfit_arrays_are_refused(arrays, message, save):
    with pytest.raises(ValueError, match=message):
        open_dataset(save(**arrays), split="train")


def test_a_missing_split_says_what_there_is(save):
    with pytest.raises(ValueError, match=r"lacks x_test and y_test, wanted for the test split"):
        open_dataset(save(x=X, y=Y), split="test")


def test_no_prefix_of_an_npz_is_read(save):
    path = save(x=X, y=Y)
    with open(path, "rb") as file:
        whole = file.read()
    for length in range(0, len(whole), 7):
        with open(path, "wb") as file:
            file.write(whole[:length])
        with pytest.raises(ValueError, match=r"is not a sound .npz archive"):
            open_dataset(path, split="train")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no data file"):
        open_dataset(str(tmp_path / "none.npz"), split="train")
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "text.npz").write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match=r"is not a sound .npz archive: it does not begin as one"):
        open_dataset(str(tmp_path / "text.npz"), split="train")
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"is not a sound .npz archive"):
        open_dataset(str(tmp_path / "one.npz"), split="train")


def test_factories_return_a_pair_or_splits():
    pair = (torch.from_numpy(X), torch.from_numpy(Y))
    assert from_splits(pair, name="f", split="train").targets.tolist() == Y.tolist()
    splits = {"train": pair, "test": (X[:1], [7])}
    assert from_splits(splits, name="f", split="test").inputs.shape == (1, 3)
    assert from_splits(splits, name="f", split="train").num_classes == 8
    with pytest.raises(ValueError, match=r"returned no test split, only train"):
        from_splits(pair, name="f", split="test")
    with pytest.raises(ValueError, match=r"must return \(x, y\).* for train it returned Tensor"):
        from_splits(pair[0], name="f", split="train")


def test_a_factory_in_a_file_is_opened(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def data(n):\n"
        "    return {'test': (np.zeros((n, 2), 'f4'), np.arange(n))}\n"
    )
    spec = f"{tmp_path / 'mine.py'}:data?n=3"
    data = open_dataset(spec, split="test")
    assert (len(data), data.num_classes, data.name) == (3, 3, spec)
    with pytest.raises(ValueError, match=r"returned no train split, only test"):
        open_dataset(spec, split="train")


def test_unknown_names_show_close_ones():
    with pytest.raises(ValueError, match=r"Did you mean 'fashion-mnist'"):
        open_dataset("fashon-mnist", split="train")
    with pytest.raises(ValueError, match=r"fashion-mnist takes no arguments; got 'n=3'"):
        open_dataset("fashion-mnist?n=3", split="train")
    with pytest.raises(ValueError, match=r"split must be one of train, test; got 'valid'"):
        open_dataset("fashion-mnist", split="valid")
