"""The section of training draws what was logged, and nothing of what was not."""

import pytest
from synthetic_results import curves

from landscape.page.material import gather
from landscape.page.style import figure_bytes, figure_style, new_figure
from landscape.report.sections.training import training_section

NO_ACCURACY = {"train_accuracy": None, "test_accuracy": None}


@pytest.mark.parametrize(
    ("lacking", "drawn"),
    [
        ({}, ["training-loss", "training-accuracy"]),
        ({"test_accuracy": None}, ["training-loss", "training-accuracy"]),
        (NO_ACCURACY, ["training-loss"]),
        ({**NO_ACCURACY, "test_loss": None}, ["training-loss"]),
    ],
)
def test_a_figure_of_all_that_was_logged(lacking, drawn):
    """An objective of one's own has a loss, and no accuracy."""
    section = training_section(gather([curves("ikun_v1-s0", **lacking)], None))
    assert [figure.name for figure in section.figures] == drawn
    assert ("accuracy" in section.summary) is (len(drawn) == 2)
    for figure in section.figures:
        with figure_style():
            canvas = new_figure(5, 2)
            figure.draw(canvas, False)
            assert len(canvas.axes) == 2 - (f"test_{figure.name[9:]}" in lacking)
            assert figure_bytes(canvas, "svg")
