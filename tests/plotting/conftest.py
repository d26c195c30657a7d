"""The invented results of tests/report, and figures that are checked by drawing them."""

import pytest

from landscape.plotting import figure_style, new_figure


@pytest.fixture
def figure():
    with figure_style():
        yield new_figure(5.5, 3.0)


@pytest.fixture
def ax(figure):
    return figure.subplots()
