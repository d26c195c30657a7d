import re
from xml.etree import ElementTree

import pytest
from synthetic_results import LABELS, density, eigenvalues, line

from landscape.page.style import COLOURS, figure_bytes, strokes_for
from landscape.page.svg import inline_svg, points_json
from landscape.plotting import figure_style, new_figure, plot_density, plot_eigenvalues, plot_line

PLOTS = {"density": (plot_density, density), "ends": (plot_eigenvalues, eigenvalues)}


@pytest.fixture(params=[*PLOTS, "line"])
def drawn(request):
    plot, make = PLOTS.get(request.param, (plot_line, line))
    with figure_style():
        figure = new_figure(5.5, 3)
        plot([make(label) for label in LABELS], figure.subplots())
        yield figure, figure_bytes(figure, "svg").decode()


def texts(svg):
    return [
        "".join(t.itertext()).strip()
        for t in ElementTree.fromstring(svg).iter()
        if t.tag.endswith("text")
    ]


def test_the_page_shows_the_words_and_numbers_of_the_file(drawn):
    _, svg = drawn
    assert texts(inline_svg(svg, "k")) == texts(svg)


def test_nothing_is_left_that_the_security_policy_forbids(drawn):
    inline = inline_svg(drawn[1], "k")
    assert "style=" not in inline
    assert "<style" not in inline
    assert not re.search(r"\son\w+=", inline)
    assert "http" not in inline.replace("http://www.w3.org/", "")


def test_every_reference_has_its_target_and_ids_carry_the_figures_key(drawn):
    inline = inline_svg(drawn[1], "k")
    ids = set(re.findall(r'\sid="([^"]+)"', inline))
    references = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', inline))
    assert {a or b for a, b in references} == ids
    assert all(name.startswith("k-") for name in ids)


def test_each_checkpoint_is_a_group_in_its_colour_variable(drawn):
    inline = inline_svg(drawn[1], "k")
    for stroke in strokes_for(LABELS).values():
        assert f'data-series="{stroke.number}"' in inline
        assert f"var(--c{COLOURS.index(stroke.colour)})" in inline
    assert "#1b1f24" not in inline


def test_points_lie_on_their_lines(drawn):
    import json

    figure, _ = drawn
    width, height = (72 * inches for inches in figure.get_size_inches())
    series = json.loads(points_json(figure))
    assert {s["s"] for s in series} == set(range(len(LABELS)))
    for entry in series:
        for x, y, text in entry["p"]:
            assert 0 <= x <= width
            assert 0 <= y <= height
            assert "=" in text
