"""Which checkpoints form a group, what it is called, and which one is the baseline."""

from dataclasses import replace

import pytest
from compared_results import analysed, checkpoints, group, relabelled, subject

from landscape.compare.groups import (
    find_group,
    grouped,
    groups_note,
    with_unique_labels,
)
from landscape.compare.recipes import confounded


def names(groups):
    return {name: [c.label for c in members] for name, members in groups.items()}


def of_recipe(init, seed, **training):
    results = analysed(subject(init, seed))
    label = "-".join([init, *map(str, training.values()), f"s{seed}"])
    return relabelled(results, label, label, **training)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["ikun_v1", "kaiming"]),
        ({"gain": 2.0}, ["ikun_v1", "kaiming", "kaiming-gain2"]),
        ({"optimizer": "sgd"}, ["ikun_v1-adam", "kaiming-adam", "kaiming-sgd"]),
        ({"num_epochs": 40}, ["ikun_v1-20epochs", "kaiming-20epochs", "kaiming-40epochs"]),
        ({"learning_rate": 0.01}, ["ikun_v1-lr0.001", "kaiming-lr0.001", "kaiming-lr0.01"]),
    ],
)
def test_sidecars_name_groups_after_what_differs(change, expected):
    base = [of_recipe(init, s) for init in ("ikun_v1", "kaiming") for s in range(2)]
    further = [of_recipe("kaiming", s, **change) for s in range(2, 4)]
    groups = grouped(checkpoints(*base, *further), None)
    assert sorted(groups) == expected


def test_batch_sizes_tell_recipes_apart_where_they_are_known():
    runs = [of_recipe("kaiming", 0, batch_size=size) for size in (128, 64)]
    assert sorted(grouped(checkpoints(*runs), None)) == ["kaiming-batch128", "kaiming-batch64"]
    unknown = [of_recipe("kaiming", 0), of_recipe("lecun", 0, batch_size=64)]
    assert sorted(grouped(checkpoints(*unknown), None)) == ["kaiming", "lecun"]


def test_file_names_less_seed_and_epoch_name_groups_without_sidecars():
    labels = ("mine-s0", "mine-s1-e10", "mine_s2", "other.s0", "other-seed1", "other-s12-epoch3")
    results = [
        r for label in labels for r in analysed(subject("x", 0, training=False, label=label))
    ]
    found = [
        replace(r, subject=replace(r.subject, checkpoint_sha256=r.subject.label)) for r in results
    ]
    members = checkpoints(found)
    assert names(grouped(members, None)) == {
        "mine": ["mine-s0", "mine-s1-e10", "mine_s2"],
        "other": ["other.s0", "other-seed1", "other-s12-epoch3"],
    }
    assert [c.seed for c in members] == [0, 1, 2, 0, 1, 12]
    assert [c.epoch for c in members] == [None, 10, None, None, None, 3]


def test_patterns_fit_paths_names_and_labels():
    members = checkpoints(group("ikun_v1", [1, 1]), group("kaiming", [1]), group("lecun", [1]))
    groups = grouped(members, {"new": ["checkpoints/ikun*"], "old": ["kaiming-adam-s?"]})
    assert names(groups) == {
        "new": ["ikun_v1-adam-s0", "ikun_v1-adam-s1"],
        "old": ["kaiming-adam-s0"],
    }
    with pytest.raises(ValueError, match=r"must not overlap; ikun_v1-adam-s0 .* a and b"):
        grouped(members, {"a": ["ikun*"], "b": ["*s0*"]})
    with pytest.raises(ValueError, match=r"'b' must hold a checkpoint; none fits nets/\*"):
        grouped(members, {"a": ["ikun*"], "b": ["nets/*"]})


def test_the_baseline_is_a_group_or_the_only_start_of_one():
    groups = grouped(checkpoints(group("kaiming", [1]), group("kaiming2", [1])), None)
    assert find_group(groups, "kaiming", note="") == "kaiming"
    assert find_group(groups, "kaiming2", note="") == "kaiming2"
    for asked in ("k", "lecun"):
        with pytest.raises(ValueError, match=f"one of the groups; got '{asked}'. N"):
            find_group(groups, asked, note="N")


def test_two_files_of_one_name_get_labels_of_their_own():
    first = analysed(subject("x", 0, checkpoint="a/net.pt", label="net", checkpoint_sha256="1"))
    second = analysed(subject("x", 1, checkpoint="b/net.pt", label="net", checkpoint_sha256="2"))
    third = analysed(subject("x", 2, label="third"))
    found = with_unique_labels([*first, *second, *third])
    assert list(dict.fromkeys(r.subject.label for r in found)) == ["a-net", "b-net", "third"]
    assert [r.subject for r in with_unique_labels(found)] == [r.subject for r in found]


def test_other_splits_are_left_out_or_refused():
    both = group("ikun_v1", [1, 1]) + group("ikun_v1", [1, 1], split="test")
    assert {r.subject.split for c in checkpoints(both) for r in c.results} == {"train"}
    with pytest.raises(ValueError, match=r"analysed \(test\); got 'train'"):
        checkpoints(group("ikun_v1", [1], split="test"))


def test_without_a_baseline_the_groups_are_named_and_how_they_were_made():
    results = [
        analysed(subject("x", 0, training=False, label=label, checkpoint_sha256=label))
        for label in ("a-s0", "a-s1", "b_0", "b_1")
    ]
    members = checkpoints(*results)
    groups = grouped(members, None)
    with pytest.raises(ValueError, match=r"file names .* 4 of 4 .*: a \(2\), b_0 \(1\), b_1 \(1\)"):
        find_group(groups, None, note=groups_note(members, None, groups))
    mixed = checkpoints(*results, group("kaiming", [1]))
    assert "since 4 of 5 checkpoints have no sidecar" in groups_note(mixed, None, groups)
    asked = groups_note(members, {"a": ["a*"], "b": ["b*"]}, groups)
    assert asked.startswith("Groups were made as --group says: ")


def test_two_recipes_that_differ_in_more_than_one_thing_are_told():
    base = [checkpoint.subject for checkpoint in checkpoints(of_recipe("kaiming", 0))]

    def parts(init, **training):
        members = checkpoints(of_recipe(init, 0, **training))
        return confounded([c.subject for c in members], base)

    assert parts("ikun_v1") == []
    assert parts("kaiming", optimizer="sgd", learning_rate=0.1, momentum=0.9) == []
    assert parts("ikun_v1", optimizer="sgd", learning_rate=0.1) == ["initialisation", "optimiser"]
    assert parts("kaiming", learning_rate=0.1, batch_size=64) == ["learning rate", "batch size"]
    assert confounded([replace(base[0], training=None)], base) == []
