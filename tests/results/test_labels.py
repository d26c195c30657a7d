"""What a label tells, and labels of files that share a name."""

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.results import epoch_in, recipe_of, seed_in, told_apart


@pytest.mark.parametrize(
    ("label", "recipe", "seed", "epoch"),
    [
        ("kaiming-sgd-s0", "kaiming-sgd", 0, None),
        ("net_seed12.e3", "net", 12, 3),
        ("seed0-best", "best", 0, None),
        ("ikun-seed0-best", "ikun-best", 0, None),
        ("epoch10-net", "net", None, 10),
        ("s4-cifar", "s4-cifar", None, None),  # a network, not a seed
        ("resnet_1", "resnet_1", None, None),
        ("seed3", "seed3", 3, None),
        ("_private", "_private", None, None),
    ],
)
def test_seed_and_epoch_are_read_off_a_label(label, recipe, seed, epoch):
    assert (recipe_of(label), seed_in(label), epoch_in(label)) == (recipe, seed, epoch)


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["a/x.pt", "b/y.pt"], ["x", "y"]),
        (["a/x.pt", "b/x.pt"], ["a-x", "b-x"]),
        (["a/seed0/x.pt", "a/seed1/x.pt"], ["seed0-x", "seed1-x"]),
        (["a/seed0/x.pt", "b/seed0/x.pt"], ["a-seed0-x", "b-seed0-x"]),
        (["x.pt", "x.pth"], ["x", "x-2"]),
        (["my net$.pt"], ["my_net_"]),
    ],
)
def test_files_of_one_name_get_the_folders_that_tell_them_apart(files, labels):
    paths = [PurePath(file) for file in files]
    assert told_apart([path.stem for path in paths], paths) == labels


def test_folders_that_a_label_has_are_not_repeated_and_own_names_stay():
    files = [PurePath("a/seed0/x.pt"), PurePath("b/seed0/x.pt")]
    assert told_apart(["seed0-x"] * 2, files) == ["a-seed0-x", "b-seed0-x"]
    assert told_apart(["mine"] * 2, files) == ["a-seed0-mine", "b-seed0-mine"]
    assert told_apart(["mine"] * 2, [PurePath()] * 2) == ["mine", "mine-2"]


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "2", "a-2"]), min_size=1, max_size=3), max_size=6)
)
def test_all_labels_differ(parts):
    paths = [PurePath(*part) for part in parts]
    found = told_apart([path.stem for path in paths], paths)
    assert len(set(found)) == len(paths)
