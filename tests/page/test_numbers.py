import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.page.numbers import format_count, rounded


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (1.3793, 0.0204, "1.38 ± 0.02"),
        (1.3793, 0.0124, "1.379 ± 0.012"),
        (37.4, 0.61, "37.4 ± 0.6"),
        (123.4, 46.0, "120 ± 50"),
        (-0.35882, 0.00041, "−0.3588 ± 0.0004"),
        (1.03e-4, 3e-6, "(1.03 ± 0.03) × 10⁻⁴"),
        (0.0, 2e-7, "(0 ± 2) × 10⁻⁷"),
        (1.0275233, 1.6e-6, "1.0275 ± 2 × 10⁻⁶"),
        (0.006719135, 1.7e-8, "0.0067191 ± 2 × 10⁻⁸"),
        (-12345.67, 0.01, "−12346 ± 1 × 10⁻²"),
        (5.0, 0.0996, "5.00 ± 0.10"),
        (2.0, 0.0, "2.000 ± 0.000"),
        (0.25, None, "0.25"),
        (0.0012345, None, "0.001234"),
        (1234567.0, None, "1.235 × 10⁶"),
        (0.0, None, "0"),
        (-1e-9, 0.5, "0.0 ± 0.5"),
    ],
)
def test_numbers_end_where_their_error_begins(value, stderr, text):
    assert rounded(value, stderr).text() == text


def test_latex_says_the_same():
    assert rounded(-1.03e-4, 3e-6).latex() == r"$(-1.03 \pm 0.03) \times 10^{-4}$"
    assert rounded(1.0275233, 1.6e-6).latex() == r"$1.0275 \pm 2 \times 10^{-6}$"
    assert rounded(0.25).latex() == "$0.25$"


def test_numbers_that_are_not_finite_are_said_as_they_are():
    assert rounded(math.inf).text() == "inf"
    assert rounded(math.nan, 0.1).text() == "nan ± 0.1"


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
def test_rounding_moves_a_value_by_less_than_its_error(value, stderr):
    digits = rounded(value, stderr)
    scale = 10.0**digits.exponent
    # Half a digit of the error, or of the fifth digit where the error is beyond it.
    assert abs(float(digits.mantissa) * scale - value) <= 0.51 * stderr + 5.1e-5 * abs(value)
    assert digits.error is not None
    # Of one digit, or two where the first is 1; with a power of ten always of one.
    assert float(digits.error) * scale == pytest.approx(stderr, rel=0.5)


def test_counts_have_thin_spaces():
    assert format_count(13014656) == "13\u202f014\u202f656"
