import re
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex import compiled, needs_latex

import landscape
from landscape.page.cells import count_cell, interval_cell, number_cell, text_cell
from landscape.page.latex.layout import laid_out
from landscape.page.latex.table import to_latex
from landscape.page.latex.text import breakable, escape_latex
from landscape.page.latex.widths import LOOSE, POINTS, TIGHT, latex_width, text_width
from landscape.page.table import Column, Table
from landscape.values import Interval

LONG = "a network of many words " * 4


def table_of(*rows, titles=None, **about):
    titles = titles or [f"C{i}" for i in range(len(rows[0]))]
    columns = [Column(title=t, cell=itemgetter(i)) for i, t in enumerate(titles)]
    return Table(**({"name": "t", "caption": "A table."} | about), columns=columns, rows=rows)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b", r"a\_b"),
        ("50% & #1 $x$", r"50\% \& \#1 \$x\$"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("x^2 ~ y", r"x\textasciicircum{}2 \textasciitilde{} y"),
        ("two\nlines\r\n", "two lines  "),
        ("λ_max of ‖θ‖² ± 10⁻⁵", r"$\lambda_{\max}$ of $\Vert\theta\Vert^{2}$ $\pm$ 10$^{-5}$"),
        ("$±", r"\$$\pm$"),
        ("Müller, Gábor", r"M\"{u}ller, G\'{a}bor"),
        ("網 \x07", "? ?"),
    ],
)
def test_latex_prints_what_it_is_given(text, escaped):
    assert escape_latex(text) == escaped


@given(st.text(max_size=40))
def test_latex_is_ascii_in_which_no_special_is_left_bare(text):
    for escaped in (escape_latex(text), breakable(text)):
        assert escaped.isascii()
        bare = re.sub(r"\\(?:[_%&#$}{,]|[a-zA-Z]+\{\}|[`'^\"~=.a-zA-Z]\{[^}]*\})", "", escaped)
        bare = re.sub(r"\$(?:[^$\\]|\\[a-zA-Z]+)+\$|~", "", bare)
        assert not set(bare) & set("\\_%&#$^~{}\n\r")


def test_every_sign_in_the_words_of_this_package_has_a_form():
    folder = Path(landscape.__file__).parent
    text = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*.py"))
    signs = {sign for sign in text if not sign.isascii() and sign.isprintable()}
    assert [sign for sign in sorted(signs) if "?" in escape_latex(sign)] == []


@given(st.lists(st.sampled_from(["ab", "12.5", "x_y", "3/4", "longwordwithoutanybreak", "±"])))
def test_where_a_line_may_end_nothing_else_changes(words):
    text = " ".join(words)
    assert breakable(text).replace(r"\allowbreak{}", "") == escape_latex(text)


def test_numbers_and_formulas_are_not_torn_apart():
    assert r"\allowbreak" not in breakable("12,345,678.901,234 λ_maximum_θ"[:18])
    interval = interval_cell(Interval(low=1e-9, high=2e-9, confidence=0.95, method="t"))
    assert breakable(interval.text) == interval.latex


def test_tables_are_booktabs_with_marked_values_and_a_label():
    row = (text_cell("lif_s0"), number_cell(1.3793, 0.0204, converged=False))
    latex = to_latex(table_of(row, name="of_a net"))
    assert r"\toprule" in latex
    assert r"lif\_s0 & $1.38 \pm 0.02$\,$\dagger$ \\" in latex
    assert r"\label{tab:of-a-net}" in latex
    assert latex.startswith("% 3.25 in wide: table")


def test_columns_without_a_value_are_left_out():
    rows = (
        (text_cell("a"), text_cell(None), count_cell(None), text_cell("–1 to 2"), number_cell(1.0)),
        (text_cell("b"), text_cell(None), count_cell(3), text_cell(None), number_cell(None)),
    )
    latex = to_latex(table_of(*rows))
    assert r"\begin{tabular}{@{}lrlr@{}}" in latex
    assert "C1" not in latex


def test_a_table_without_rows_has_headings():
    columns = [Column(title=t, cell=text_cell) for t in "AB"]
    assert "A & B" in to_latex(Table(columns=columns, rows=()))


def test_the_width_decides_between_a_column_a_page_wrapped_words_and_several_tables():
    limits = {"narrow": 3.25 * POINTS, "wide": 6.75 * POINTS}
    small = [text_cell("a"), *[number_cell(1.5)] * 3]
    close = [text_cell("a"), *[number_cell(1.53, 0.11)] * 5]
    wide = [text_cell("a"), *[number_cell(1.2345678, 1e-7)] * 5]
    (one,) = laid_out(table_of(small), **limits)
    assert (one.is_wide, one.spacing) == (False, LOOSE)
    (one,) = laid_out(table_of(close), **limits)
    assert (one.is_wide, one.spacing) == (False, TIGHT)
    (one,) = laid_out(table_of(wide), **limits)
    assert one.is_wide
    assert {c.width for c in one.columns} == {None}
    (one,) = laid_out(table_of([text_cell(LONG), text_cell(LONG)]), **limits)
    total = sum(c.width for c in one.columns)
    assert total == pytest.approx(6.75 * POINTS - 6)
    parts = laid_out(table_of([*wide, *wide[1:], *wide[1:]]), **limits)
    assert len(parts) > 1
    assert {part.columns[0].index for part in parts} == {0}
    indices = [c.index for part in parts for c in part.columns[1:]]
    assert indices == list(range(1, 16))


@given(st.integers(1, 300))
def test_rows_go_on_in_further_tables_none_lost(count):
    rows = [[count_cell(i)] for i in range(count)]
    parts = laid_out(table_of(*rows), narrow=200, wide=400)
    assert [row for part in parts for row in part.rows] == list(range(count))
    assert all(len(part.rows) <= 44 for part in parts)
    latex = to_latex(table_of(*rows))
    labels = re.findall(r"\\label\{([^}]+)\}", latex)
    assert len(set(labels)) == len(labels) == len(parts)


def test_a_wrapped_cell_is_ragged_and_ends_its_row_without_backslashes():
    latex = to_latex(table_of([text_cell(LONG), text_cell(LONG)]))
    assert latex.count(r"\raggedright a network") == 2
    assert r" \tabularnewline" in latex


_SAMPLES = [
    *(chr(c) for c in range(33, 127)),
    "largest eigenvalue (formal Hessian) ↓",
    "ikun_v1-adam-rescaled-s0",
    "checkpoints/ikun_v1.safetensors",
    "loss/θ²",
    "≥ 0.1 to 3 × 10⁻⁵",
    "λ_max, λ_min, ‖A‖_F",
    "Müller, Gábor, Çelik",
]
_NUMBERS = [
    number_cell(-1.03e-4, 3e-6),
    number_cell(1.0275233, 1.6e-6, converged=False),
    number_cell(0.25, bound="≥"),
    count_cell(12_345_678),
]


@needs_latex
def test_no_text_is_wider_in_latex_than_it_was_taken_for(tmp_path):
    texts = [(escape_latex(t), text_width(t)) for t in _SAMPLES]
    texts += [(cell.latex, latex_width(cell.latex)) for cell in _NUMBERS]
    for cell in _NUMBERS:
        texts.append((rf"\medmuskip={TIGHT.signs}mu {cell.latex}", latex_width(cell.latex, TIGHT)))
    measure = r"\footnotesize" + "".join(
        rf"\settowidth{{\textwidth}}{{{latex}}}\typeout{{=== \the\textwidth}}" + "\n"
        for latex, _ in texts
    )
    log = compiled(tmp_path, measure + "x")
    found = [float(w) for w in re.findall(r"=== ([\d.]+)pt", log)]
    assert len(found) == len(texts)
    for (latex, taken), real in zip(texts, found, strict=True):
        assert real <= taken + 0.01, latex
        # No sign is taken for far more than its width, and words for hardly more than theirs.
        assert taken <= 1.1 * real + 4, latex


def test_headings_are_wrapped_to_three_lines_at_most():
    cells = [text_cell("a"), number_cell(1.0)]
    title = "runs needed for 0.8 or 1.25 and for more than that"
    (part,) = laid_out(table_of(cells, titles=["x", title]), narrow=200, wide=400)
    lines = part.columns[1].heading
    assert len(lines) == 3
    assert " ".join(lines) == title
    assert all(a and b for a, b in pairwise(lines))
