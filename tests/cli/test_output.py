import io
import os
import re
import subprocess
import sys
from operator import itemgetter

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from landscape.cli.output import print_table, print_words, reading_examples
from landscape.cli.plain import echo, in_ascii
from landscape.page.columns import text_column
from landscape.page.table import Table


def table_of(titles, rows):
    columns = [text_column(t, itemgetter(i), missing="") for i, t in enumerate(titles)]
    return Table(columns=columns, rows=rows)


def test_numbers_end_and_words_begin_together(capsys):
    rows = [("a", "1.5", "x", "–"), ("b", "−12 ± 3", "longer", "0.25")]
    print_table(table_of(("name", "value", "remark", "error"), rows))
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.index("1.5") + len("1.5") == second.index("± 3") + len("± 3")
    assert first.index("x") == second.index("longer")
    assert first.index("–") == second.index("0.25") + len("0.25") - 1


def test_reading_that_goes_on_says_so_now_and_then_where_there_is_no_terminal(capsys):
    with reading_examples("net", quiet=False) as told:
        for done in range(5_000, 130_000, 5_000):
            told(done, None)
    with reading_examples("net", quiet=True) as told:
        told(10**6, None)
    assert capsys.readouterr().err.splitlines() == [
        "net: 10,000 examples read so far",
        "net: 100,000 examples read so far",
    ]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


NUMBERS = ("1.2345 ± 0.0012", "−12.5", "(3.7 ± 1.9) × 10⁻⁴", "≥ 0.033", "123 456.5")
TABLES = {
    "fits": (("", "a"), [("row", number) for number in NUMBERS]),
    "words at the end": (
        ("row", "value", "note"),
        [("first row", number, "lower bound; the worst of 5 starts " * 3) for number in NUMBERS],
    ),
    "numbers only": (
        ("row", *(f"column {k}" for k in range(6))),
        [(f"a long name of row {k}", *NUMBERS, NUMBERS[k]) for k in range(3)],
    ),
}


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize(("columns", "rows"), TABLES.values(), ids=TABLES)
def test_in_a_narrow_terminal_no_line_is_too_long_and_no_number_cut(
    columns, rows, width, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    print_table(table_of(columns, rows))
    lines = re.sub(r"\x1b\[\d*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    for cell in (cell for row in rows for cell in row[1:] if cell in NUMBERS):
        assert any(cell in line for line in lines)


def test_a_paragraph_is_broken_between_words_in_a_terminal_only(monkeypatch, capsys):
    text = "the smallest p-value that they can give is 0.0625, above 0.05; 9 pairs can show one"
    print_words(text, indent="  ")
    assert capsys.readouterr().out == f"  {text}\n"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    print_words(text, indent="  ")
    lines = terminal.getvalue().splitlines()
    assert all(line.startswith("  ") and len(line) <= 40 for line in lines)
    assert " ".join(line.strip() for line in lines) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("(3.7 ± 1.9) × 10⁻⁴ loss/θ²", "(3.7 +- 1.9) x 10^-4 loss/theta^2"),
        ("−1 ≥ ‖vᵀAv‖ – λ₂…", "-1 >= ||v^TAv|| - lambda_2..."),
        ("12\u202f345 名", "12 345 ?"),
        ("plain ~ text", "plain ~ text"),
    ],
)
def test_signs_have_a_form_in_ascii(text, plain):
    assert in_ascii(text) == plain


def test_commands_print_where_stdout_takes_ascii_only(tmp_path):
    np.savez(tmp_path / "w.npz", x=np.zeros((8, 2), np.float32), y=np.arange(8) % 2)
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Linear(2, 2)\n"
    )
    save_file({"weight": torch.ones(2, 2), "bias": torch.ones(2)}, tmp_path / "net.safetensors")
    command = [sys.executable, "-c", "from landscape.cli import main; main()", "eigenvalues"]
    command += ["net.safetensors", "--model", "net.py:make", "--data", "w.npz"]
    command += ["--loss", "cross-entropy", "--top", "50"]
    env = os.environ | {"PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    out = done.stdout.decode("ascii")
    assert "value +- over examples" in out
    assert "all 6 eigenvalues" in out
    assert "largest 6" in out
    assert "smallest" not in out


@pytest.mark.parametrize(
    "print_name", [echo, print_words, lambda n: print_table(table_of([n], []))]
)
@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\x9b1m", "\u202eb", "\r", "\ud800", "\u2028"])
def test_no_name_drives_the_terminal(capsys, name, print_name):
    print_name(f"é 10⁻⁴\u00a0{name}")
    told = capsys.readouterr().out
    assert told.replace("\u00a0", "").rstrip("\n").isprintable()
    assert "é 10⁻⁴\u00a0" in told
