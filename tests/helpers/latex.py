"""Compile LaTeX as a paper does: two columns of 3.25 inches, and what LaTeX complains about."""

import re
import shutil
import subprocess

import pytest

from landscape.report.sections.all import make_sections
from landscape.report.sections.verdict.section import accuracy_section, verdict_section

needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")

MOST_OVERFULL = 5.0  # points, which nobody sees

_PREAMBLE = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs}
\setlength{\textwidth}{6.75in}\setlength{\columnsep}{0.25in}
\setlength{\textheight}{9in}\setlength{\topmargin}{-0.5in}\setlength{\oddsidemargin}{0in}
"""


def compiled(folder, body, *, preamble=""):
    """The log of ``body``, which has to compile."""
    source = f"{_PREAMBLE}{preamble}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "paper.tex").write_text(source, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "paper.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    return log


def complaints(log):
    """Boxes that stand out, and floats that no page holds, each after the last of ``=== NAME``."""
    found, name = [], ""
    for line in log.splitlines():
        name = line if line.startswith("===") else name
        box = re.match(r"Overfull \\hbox \(([\d.]+)pt", line)
        if (box and float(box[1]) > MOST_OVERFULL) or "Float too large" in line:
            found.append((name, line))
    return found


def tables_of(material, *, comparison=None, further=()):
    """All tables of a report that are written for LaTeX, by name."""
    sections = [*further, *make_sections(material)]
    if comparison is not None:
        sections += [verdict_section(comparison), accuracy_section(comparison)]
    return {t.name: t for s in sections if s is not None for t in s.tables if not t.is_long}
