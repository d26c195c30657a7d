import re
import warnings

import pytest

from landscape.page.style import COLOURS, figure_bytes, plain_log_axis
from landscape.plotting import (
    figure_style,
    figure_text,
    legend_above,
    new_figure,
    save_figure,
    strokes_for,
)


def test_labels_are_drawn_as_they_are(figure, ax):
    labels = ["$x_1$", "a$b", r"\$", "<b>&", "_hidden", "50%", "x^2", "日本", "line\nbreak"]
    for i, label in enumerate(labels):
        ax.plot([0, 1], [i, i], label=figure_text(label))
    ax.legend()
    svg = figure_bytes(figure, "svg").decode()
    drawn = [t.strip() for t in re.findall(r"<text[^>]*>([^<]*)<", svg)]
    expected = ["$x_1$", "a$b", r"\$", "&lt;b&gt;&amp;", "_hidden", "50%", "x^2", "日本"]
    assert set(expected) <= set(drawn)
    assert "line break" in drawn


def test_long_labels_keep_both_ends():
    short = figure_text("checkpoints-of-a-very-long-name-ikun-seed-3")
    assert len(short) == 32
    assert short.startswith("checkpoints-of-")
    assert short.endswith("ikun-seed-3")


def test_strokes_tell_checkpoints_apart_without_colour():
    strokes = list(strokes_for([f"c{i}" for i in range(32)]).values())
    assert len({(s.colour, s.dash) for s in strokes}) == 32
    for again in range(4):
        eight = strokes[8 * again : 8 * again + 8]
        assert len({s.marker for s in eight}) == len({s.colour for s in eight}) == 8


def test_runs_of_one_recipe_share_its_colour():
    labels = [f"{recipe}-s{seed}" for seed in range(6) for recipe in ("ikun", "kaiming")]
    strokes = strokes_for(labels)
    assert {strokes[label].colour for label in labels[::2]} == {COLOURS[0]}
    assert {strokes[label].colour for label in labels[1::2]} == {COLOURS[1]}
    assert len({(s.colour, s.dash) for s in strokes.values()}) == len(labels)
    assert len({s.marker for s in strokes.values() if s.colour == COLOURS[0]}) == 6


def test_a_long_legend_leaves_the_axes_their_room(figure, ax):
    for i in range(40):
        ax.plot([0, 1], [0, i], label=f"checkpoint-of-a-long-name-s{i}")
    legend_above(ax, figure)
    figure.draw_without_rendering()  # and without the warning that there is no room
    assert ax.get_window_extent().height > 72


def test_a_checkpoint_keeps_its_stroke_when_others_are_added():
    few, many = strokes_for(["a", "b"]), strokes_for(["a", "b", "c"])
    assert [few[label] for label in "ab"] == [many[label] for label in "ab"]


def luminance(colour):
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_first_colours_stand_out_from_paper():
    # WCAG 2.1, 1.4.11: graphics need a contrast of 3; the paler ones further on have markers.
    for colour in COLOURS[:4]:
        assert 1.05 / (luminance(colour) + 0.05) >= 2.99


@pytest.mark.parametrize("format", ["svg", "pdf", "png"])
def test_equal_figures_are_equal_bytes(format):
    def draw():
        with figure_style():
            figure = new_figure(3.25, 2)
            figure.subplots().plot([1, 2, 3], label="a")
            return figure_bytes(figure, format)

    assert draw() == draw()


def test_pdf_fonts_are_truetype_and_files_have_no_date(figure, ax, tmp_path):
    ax.plot([1, 2], [3, 4])
    ax.set_xlabel("eigenvalue λ")
    save_figure(figure, tmp_path / "f")
    assert {p.name for p in tmp_path.iterdir()} == {"f.pdf", "f.svg", "f.png"}
    pdf = (tmp_path / "f.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"CIDFontType2" in pdf
    assert b"CreationDate" not in pdf
    assert b"dc:date" not in (tmp_path / "f.svg").read_bytes()


def test_an_unknown_format_is_refused(figure):
    with pytest.raises(ValueError, match="format must be svg, pdf or png; got 'gif'"):
        figure_bytes(figure, "gif")


def test_the_style_ends_with_its_block():
    import matplotlib as mpl

    before = mpl.rcParams["font.size"]
    with figure_style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert mpl.rcParams["font.size"] == before


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (1e-7, 1e2, {"10⁻⁶", "10⁻⁴", "0.01", "1", "100"}),
        (0.011, 0.06, {"0.02", "0.05"}),
        (0.5, 2.2, {"0.6", "1", "2"}),
    ],
)
def test_log_axes_have_plain_numbers_at_every_range(figure, ax, low, high, texts):
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    plain_log_axis(ax.xaxis)
    figure.draw_without_rendering()
    ticks = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True)]
    drawn = {t.get_text() for t in ticks} - {""}
    assert texts <= drawn
    assert not any("$" in text for text in drawn)


def test_a_script_that_the_font_lacks_is_no_error(figure, ax):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with figure_style():
            ax.set_title(figure_text("检查点"))
            figure_bytes(figure, "png")
