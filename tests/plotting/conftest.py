"""The invented results of tests/report, and figures that are checked by drawing them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from landscape.plotting import figure_style, new_figure


@pytest.fixture
def figure():
    with figure_style():
        yield new_figure(5.5, 3.0)


@pytest.fixture
def ax(figure):
    return figure.subplots()
