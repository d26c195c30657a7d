from landscape.cli.output import print_table


def test_numbers_end_and_words_begin_together(capsys):
    rows = [("a", "1.5", "x", "–"), ("b", "−12 ± 3", "longer", "0.25")]
    print_table(("name", "value", "remark", "error"), rows)
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.index("1.5") + len("1.5") == second.index("± 3") + len("± 3")
    assert first.index("x") == second.index("longer")
    assert first.index("–") == second.index("0.25") + len("0.25") - 1
