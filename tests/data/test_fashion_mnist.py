import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape.data import open_dataset, random_order
from landscape.data.fashion_mnist import SIZES, SYSTEM_FOLDER, cache_folder, find_copy

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("split", "per_class"), [("train", 500), ("test", 100)])
def test_embedded_subset_is_stratified_and_scaled(split, per_class):
    data = open_dataset("fashion-mnist-embedded", split=split)
    assert data.inputs.shape == (10 * per_class, 1, 28, 28)
    assert data.inputs.dtype == torch.float32
    assert data.targets.bincount().tolist() == [per_class] * 10
    # Pixels are k / 255 for whole k.
    pixels = data.inputs.double() * 255
    torch.testing.assert_close(pixels, pixels.round(), rtol=0, atol=255 * 2**-24)
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    assert np.all(np.diff(data.indices) > 0)
    assert data.indices.max() < SIZES[split]
    assert data.source.startswith("embedded subset")


def test_embedded_training_images_are_among_those_of_the_protocol():
    embedded = open_dataset("fashion-mnist-embedded", split="train")
    assert set(embedded.indices) <= set(random_order(SIZES["train"], 42)[:20_000])


def test_embedded_subset_is_small_and_carries_its_licence():
    folder = ROOT / "landscape" / "data" / "embedded"
    assert (folder / "fashion_mnist.npz").stat().st_size < 4_000_000
    assert "Zalando SE" in (folder / "LICENSE").read_text()


@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_embedded_subset_is_what_its_script_makes(monkeypatch):
    script = ROOT / "tools" / "make_embedded_subset.py"
    spec = importlib.util.spec_from_file_location("make_embedded_subset", script)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    arrays = tool.make(SYSTEM_FOLDER)
    with np.load(tool.TARGET) as shipped:
        assert set(shipped.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(shipped[name], array)


@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_embedded_images_lie_at_their_indices_in_the_full_split():
    full = open_dataset("fashion-mnist", split="test", data_dir=SYSTEM_FOLDER)
    embedded = open_dataset("fashion-mnist-embedded", split="test")
    assert len(full) == 10_000
    assert torch.equal(full.inputs[embedded.indices], embedded.inputs)
    assert full.take(embedded.indices).sha256 == embedded.sha256


def test_without_copies_the_embedded_subset_is_used(no_copies):
    data = open_dataset("fashion-mnist", split="test")
    assert (data.name, data.source) == ("fashion-mnist", "embedded subset, 1,000 images")


def test_copies_are_looked_for_in_order(no_copies, monkeypatch, write_idx):
    def put(folder):
        write_idx("t10k-images-idx3-ubyte.gz", (1, 1, 1), b"a", folder=folder)
        write_idx("t10k-labels-idx1-ubyte", (1,), b"\0", folder=folder)

    places = [
        (no_copies / "system", "system folder", no_copies / "system"),
        (cache_folder(), "user cache", cache_folder()),
        (no_copies / "env" / "FashionMNIST" / "raw", "$LANDSCAPE_DATA", no_copies / "env"),
    ]
    monkeypatch.setenv("LANDSCAPE_DATA", str(no_copies / "env"))
    for folder, words, named in places:
        put(folder)
        assert find_copy("test", None).where == f"{words} {named}"
    put(no_copies / "named" / "fashion-mnist")
    assert find_copy("test", no_copies / "named").where == f"folder {no_copies / 'named'}"
    assert find_copy("train", None) is None


def test_a_named_folder_without_the_data_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"holds no Fashion-MNIST: t10k-images-idx3-ubyte"):
        open_dataset("fashion-mnist", split="test", data_dir=tmp_path)


def test_a_copy_of_another_size_is_refused(no_copies, write_idx):
    write_idx("t10k-images-idx3-ubyte", (1, 28, 28), bytes(784))
    write_idx("t10k-labels-idx1-ubyte", (1,), b"\0")
    with pytest.raises(ValueError, match=r"must hold 10000 images of 28 x 28"):
        open_dataset("fashion-mnist", split="test", data_dir=no_copies)
