from synthetic_results import line

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
