"""Gates: what is read is what is meant, and what is said within error is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.gates import (
    VERDICTS,
    Both,
    Comparison,
    Either,
    GateError,
    Known,
    Measured,
    Number,
    Value,
    Verdict,
    check_gate,
    judge_gate,
    parse_gate,
    qualifier,
)

SIGNS = ("<", "<=", ">", ">=", "==", "!=")
WORDS = ("lambda_max", "trace", "a.b-c", "expected_rise", "x1")

numbers = st.floats(allow_nan=False, allow_infinity=False).map(Number)
qualifiers = st.lists(
    st.sampled_from(["filter", "0.03", "conv_fc.9.weight", "smooth-hessian", "0"]),
    max_size=3,
    unique=True,
).map(tuple)
measures = st.builds(
    Measured, st.sampled_from(WORDS), qualifiers, st.sampled_from(["", "low", "high"])
)
comparisons = st.one_of(
    st.builds(Comparison, measures, st.sampled_from(SIGNS), st.one_of(numbers, measures)),
    st.builds(Comparison, numbers, st.sampled_from(SIGNS), measures),
)
atoms = st.one_of(comparisons, st.sampled_from(VERDICTS).map(Verdict))


def joined(inner):
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(parts.map(Both), parts.map(Either))


gates = st.recursive(atoms, joined, max_leaves=8)


@given(gates)
def test_what_is_written_is_read_again(gate):
    assert parse_gate(str(gate)) == gate


@given(gates, st.randoms())
def test_space_means_nothing(gate, random):
    text = "".join(random.choice(["  ", " ", "\t"]) if c == " " else c for c in f" {gate} ")
    assert parse_gate(text) == gate


def as_python(gate, holds):
    """The same condition for Python's own reader, with as few parentheses as it needs."""
    if isinstance(gate, Comparison):
        return str(holds[gate])
    word = " and " if isinstance(gate, Both) else " or "
    parts = []
    for part in gate.parts:
        loose = isinstance(gate, Both) and isinstance(part, Either)
        text = as_python(part, holds)
        parts.append(f"({text})" if loose else text)
    return word.join(parts)


def as_text(gate):
    if isinstance(gate, Comparison):
        return str(gate)
    word = " and " if isinstance(gate, Both) else " or "
    loose = [isinstance(gate, Both) and isinstance(part, Either) for part in gate.parts]
    return word.join(
        f"({as_text(p)})" if needs else as_text(p)
        for p, needs in zip(gate.parts, loose, strict=True)
    )


simple = st.builds(
    Comparison,
    st.sampled_from([Measured("a"), Measured("b")]),
    st.sampled_from(SIGNS),
    st.sampled_from([Number(0.0), Number(1.0), Number(2.0)]),
)


@given(st.recursive(simple, joined, max_leaves=10), st.sampled_from([0, 1, 2]), st.integers(0, 2))
def test_and_binds_more_tightly_than_or(gate, a, b):
    python = {}

    def collect(part):
        if isinstance(part, Comparison):
            left, right = {"a": a, "b": b}[part.left.name], part.right.value
            python[part] = eval(f"{left} {part.sign} {right}")
        else:
            for inner in part.parts:
                collect(inner)

    collect(gate)
    values = [Value(Known("a"), float(a)), Value(Known("b"), float(b))]
    judged = judge_gate(parse_gate(as_text(gate)), values)
    assert judged.fires is eval(as_python(gate, python))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lambda_max>50", Comparison(Measured("lambda_max"), ">", Number(50))),
        ("trace.low >= -1.5e-3", Comparison(Measured("trace", (), "low"), ">=", Number(-0.0015))),
        (
            "0.1<expected_rise[ρ=0.030, filter].high",
            Comparison(Number(0.1), "<", Measured("expected_rise", ("0.03", "filter"), "high")),
        ),
        ("lambda_max[none] != 0", Comparison(Measured("lambda_max"), "!=", Number(0))),
        ("test_loss>train_loss", Comparison(Measured("test_loss"), ">", Measured("train_loss"))),
        ("flatter", Verdict("flatter")),
    ],
)
def test_examples(text, expected):
    assert parse_gate(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at its end: expected a measure"),
        ("lambda_max", "quote the whole condition"),
        ("lambda_max >", "at its end: expected a measure or a number"),
        ("lambda_max > 1 lambda_min", "expected 'and', 'or' or the end"),
        ("0 < lambda_max < 1", "at '< 1': expected 'and'"),
        ("(lambda_max > 1", r"expected '\)'"),
        ("lambda_max = 1", "from '= 1' on"),
        ("lambda_max > 1 && trace > 1", "from '&& trace > 1' on"),
        ("1 > 2", "compares two numbers"),
        ("lambda_max > 1.2.3", r"from '1\.2\.3' on"),
        ("__import__('os').system('true') > 1", "from"),
        ("and > 1", "expected a measure"),
        ("lambda_max > 1 or", "at its end"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, words):
    with pytest.raises(GateError, match=words):
        parse_gate(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        gate = parse_gate(text)
    except GateError:
        return
    assert parse_gate(str(gate)) == gate


RISES = [
    Known("expected_rise", frozenset({"filter"}), frozenset({"0.03"})),
    Known("expected_rise", frozenset(), frozenset({"0.03"})),
    Known("lambda_max", frozenset(), frozenset({"hessian"}), unbounded="not measured"),
]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lambda_mx > 1", "Did you mean 'lambda_max'"),
        ("lambda_max[filter] > 1", "is not measured here: write lambda_max"),
        ("expected_rise[0.1] > 1", "with .*0.03.* in brackets"),
        ("lambda_max.low > 1", "lambda_max.low is not known: not measured"),
        ("flatter", "verdict of landscape compare"),
        ("lambda_max > 1 and flatter", "verdict of landscape compare"),
    ],
)
def test_a_gate_that_cannot_fire_is_refused(text, words):
    with pytest.raises(GateError, match=words):
        check_gate(parse_gate(text), RISES)


def test_verdicts_out_of_reach_are_refused_unless_another_part_can_fire():
    check_gate(parse_gate("flatter or undecided"), [], {"undecided"})
    with pytest.raises(GateError, match="too few runs to reach the verdict flatter"):
        check_gate(parse_gate("flatter"), [], {"undecided"})


def test_a_name_alone_is_the_unscaled_value_and_any_of_its_radii():
    values = [
        Value(Known("rise", frozenset(), frozenset({r})), v)
        for r, v in (("0.1", 1.0), ("0.3", 3.0))
    ]
    values.append(Value(Known("rise", frozenset({"filter"}), frozenset({"0.1"})), 9.0))
    assert judge_gate(parse_gate("rise > 2"), values).fires
    assert not judge_gate(parse_gate("rise[0.1] > 2"), values).fires
    assert not judge_gate(parse_gate("rise > 4"), values).fires
    assert judge_gate(parse_gate("rise[filter] > 4"), values).fires


@given(
    st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.sampled_from(["<", "<=", ">", ">="])
)
def test_within_error_is_where_some_value_of_the_interval_says_otherwise(value, error, bound, sign):
    known = Known("x")
    measured = Value(known, value, error, value - error, value + error)
    gate = parse_gate(f"x {sign} {Number(bound)}")
    (finding,) = judge_gate(gate, [measured]).findings
    ends = {judge_gate(gate, [Value(known, end)]).fires for end in (measured.low, measured.high)}
    assert finding.holds is judge_gate(gate, [Value(known, value)]).fires
    if len(ends) == 2:
        assert finding.within_error
    elif bound not in (measured.low, measured.high):
        assert not finding.within_error


def test_ends_of_an_interval_are_numbers_without_error():
    value = Value(Known("x"), 5.0, 2.0, 3.0, 7.0)
    low = judge_gate(parse_gate("x.low > 4"), [value])
    assert (low.fires, low.findings[0].within_error) == (False, False)
    assert judge_gate(parse_gate("x.high > 4"), [value]).fires


def test_a_measure_without_a_value_is_refused():
    with pytest.raises(GateError, match="has no value here"):
        judge_gate(parse_gate("x > 1"), [Value(Known("x"), None)])


def test_not_a_number_is_no_bound():
    gate = parse_gate(f"x > {math.nan}")  # a measure of that name, of which there is none
    with pytest.raises(GateError, match="no measure 'nan'"):
        check_gate(gate, [Known("x")])


def test_numbers_in_brackets_have_one_form():
    assert qualifier("3e-2") == qualifier(" ρ=0.030 ") == "0.03"
    assert qualifier("1000000") == "1000000"  # a layer may be called so
