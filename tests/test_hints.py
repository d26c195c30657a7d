"""Unknown names lead to the ones that were meant."""

import pytest

from landscape.hints import close_to, closest

KNOWN = ["ATan", "sigmoid", "cross-entropy", "mse"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sigmiod", ["sigmoid"]),
        ("ATAN", ["ATan"]),
        ("atn", ["ATan"]),
        ("CrossEntropyLoss", ["cross-entropy"]),
        ("l2", ["mse"]),
        ("triangle", []),
    ],
)
def test_names_spelled_alike_or_of_one_meaning(name, meant):
    assert closest(name, KNOWN) == meant


def test_the_question_names_all_of_them():
    assert close_to("tran", ["train", "info", "trace"]) == " Did you mean 'train' or 'trace'?"
    assert close_to("tran", []) == ""
