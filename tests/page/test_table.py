import csv
import io
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.page.cells import count_cell, number_cell, text_cell
from landscape.page.columns import count_column, estimate_column, interval_column, text_column
from landscape.page.formats import to_csv, to_markdown
from landscape.page.table import Column, Table
from landscape.values import Estimate, Interval


def table_of(*rows):
    columns = [Column(key=f"c{i}", title=f"C{i}", cell=itemgetter(i)) for i in range(len(rows[0]))]
    return Table(name="t", caption="A table.", columns=columns, rows=rows)


def read_csv(table):
    return list(csv.reader(io.StringIO(to_csv(table), newline="")))


@pytest.mark.parametrize("label", ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(A1)", "\t=1", "\r=1"])
def test_spreadsheets_find_no_formula_in_a_label(label):
    (_, row) = read_csv(table_of((text_cell(label), count_cell(1))))
    assert row[0] == f"'{label}"


def test_csv_keeps_full_precision_with_errors_and_marks_in_their_own_columns():
    rows = (
        (text_cell("a"), number_cell(-1.37931234567, 0.0204)),
        (text_cell("b"), number_cell(2.5, None, converged=False)),
    )
    header, a, b = read_csv(table_of(*rows))
    assert header == ["c0", "c1", "c1_stderr", "c1_mark"]
    assert a == ["a", "-1.37931234567", "0.0204", ""]
    assert b == ["b", "2.5", "", "†"]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=4))
def test_csv_reads_back_as_it_was_written(labels):
    table = table_of(*((text_cell(label),) for label in labels))
    read = read_csv(table)
    stripped = [row[0].removeprefix("'") if row else "" for row in read[1:]]
    assert stripped == [label.removeprefix("'") for label in labels]


def test_markdown_cells_cannot_break_out_of_their_table():
    row = (text_cell("a|b\n<script>"), number_cell(1.0, 0.1))
    lines = to_markdown(table_of(row)).splitlines()
    assert lines[-1] == r"| a\|b \<script\> | 1.00 ± 0.10 |"


def test_numbers_stand_at_the_right_and_words_at_the_left():
    rows = (
        (text_cell("a"), text_cell(None), count_cell(None), text_cell("–1 to 2"), number_cell(1.0)),
        (text_cell("b"), text_cell(None), count_cell(3), text_cell(None), number_cell(None)),
    )
    table = table_of(*rows)
    assert table.number_columns == (False, False, True, False, True)
    assert to_markdown(table).splitlines()[3] == "|---|---|--:|---|--:|"


def test_a_table_without_rows_has_headings():
    columns = [text_column("A", str), text_column("B", str)]
    table = Table(name="t", caption="Empty.", columns=columns, rows=())
    assert to_markdown(table).splitlines()[2:] == ["| A | B |", "|---|---|"]


def test_a_column_reads_the_same_from_a_part_of_a_row():
    column = count_column("length", len, unit="letters", better="↓", optional=True)
    nested = column.of(itemgetter("word"))
    assert nested.cell({"word": "four"}) == column.cell("four") == count_cell(4)
    assert (nested.heading, nested.optional) == (column.heading, True)
    assert nested.heading == "length (letters) ↓"


def test_a_key_is_the_title_in_letters_and_digits_unless_it_is_given():
    assert text_column("test accuracy (%)", str).key == "test_accuracy"
    assert text_column("a b", str, key="a b").key == "a b"


@pytest.mark.parametrize("missing", ["", "–"])
def test_optional_columns_are_left_out_where_no_row_has_a_value(missing):
    columns = [
        text_column("kept", lambda row: None),
        text_column("left", lambda row: row.get("a"), missing=missing, optional=True),
    ]

    def titles(rows):
        return [c.title for c in Table(columns=columns, rows=rows).without_empty().columns]

    assert titles([{}, {}]) == ["kept"]
    assert titles([{}, {"a": "there"}]) == ["kept", "left"]


def test_estimates_stand_with_their_error_and_intervals_unbroken():
    estimate = estimate_column("e", lambda row: row)
    assert estimate.cell(Estimate(mean=1.3793, stderr=0.0204)) == number_cell(1.3793, 0.0204)
    assert estimate.cell(None) == text_cell(None)
    interval = interval_column("i", lambda row: row, factor=100)
    found = interval.cell(Interval(low=0.1, high=0.2, confidence=0.95, method="t"))
    assert (found.text, found.hint) == ("10\u00a0to\u00a020", "t")
