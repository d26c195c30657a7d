import pytest
from synthetic_results import line, plane

from landscape.cli.option_types import inches
from landscape.cli.surface_output import write_surfaces


def test_what_a_kill_left_among_results_and_figures_is_removed(tmp_path):
    left = [tmp_path / "figures" / ".line.png.x1.tmp", tmp_path / "results/a-s0/.line.json.x1.tmp"]
    others = [tmp_path / "figures" / ".plane.png.x1.tmp"]
    for path in (*left, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_surfaces(tmp_path, [line("a-s0")], [])
    assert (tmp_path / "figures" / "line.png").exists()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)


def test_figures_are_as_wide_as_asked(tmp_path):
    write_surfaces(tmp_path, [line("a-s0"), plane("a-s0"), plane("b-s0")], [], width=3.25)
    figures = list((tmp_path / "figures").glob("*.svg"))
    assert len(figures) == 4
    for path in figures:
        assert 'viewBox="0 0 234 ' in path.read_text()


@pytest.mark.parametrize("text", ["3.25in", "8.255cm", "82.55 mm", "234.8775pt"])
def test_a_width_has_the_units_of_tex(text):
    assert inches(text) == pytest.approx(3.25)
