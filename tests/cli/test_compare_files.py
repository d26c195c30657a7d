from compared_results import spectral, subject
from shipped import shipped_report

from landscape.cli.compare_files import find_results
from landscape.results import save_result


def test_the_plain_operator_comes_before_its_scaled_versions(tmp_path):
    names = ("eigenvalues-filter", "eigenvalues")
    for name in names:
        save_result(
            spectral(subject("a", 0), 1.0, mean=0.1)[0],
            tmp_path / "results" / "a-s0" / f"{name}.json",
        )
    assert [found.path.stem for found in find_results([tmp_path], None)] == sorted(names)


def test_what_a_study_keeps_of_other_images_is_left_out():
    place = shipped_report("ikun-study") / "results" / "kaiming-sgd-s10"
    assert "one-image" in {path.stem for path in place.glob("*.json")}
    stems = {found.path.stem for found in find_results([place], None)}
    assert stems == {path.stem for path in place.glob("*.json")} - {"one-image"}
