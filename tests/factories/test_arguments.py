"""The arguments of a spec have the types that they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.factories import FactoryError, parse_arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-3", 1e-3),
        ("0.5", 0.5),
        ("true", True),
        ("False", False),
        ("none", None),
        ("relu", "relu"),
        ("784-100-10", "784-100-10"),
        ("a%20b%3Dc", "a b=c"),
        ("", ""),
    ],
)
def test_values_have_the_type_they_look_like(text, value):
    (parsed,) = parse_arguments(f"x={text}").values()
    assert parsed == value
    assert type(parsed) is type(value)


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.integers() | st.booleans())
)
def test_arguments_round_trip(arguments):
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    assert parse_arguments(query) == arguments


@pytest.mark.parametrize("query", ["x", "x=1&", "=1", "x=1&x=2", "a-b=1", "x=1&&y=2"])
def test_malformed_arguments(load, query):
    with pytest.raises(FactoryError, match=r"name=value|given twice"):
        load(f"csnn?{query}")
