from itertools import permutations

from compared_results import spectral, subject

from landscape.analysis.sharpness.entry import spectra_of


def test_spectra_are_taken_in_one_order_whether_read_from_files_or_just_made():
    who = subject("a", 0)
    plain, scaled = (spectral(who, 1.0, mean=0.1, scale=scale) for scale in ("none", "filter"))
    made = [*plain, *scaled]
    for order in permutations(made):
        assert spectra_of({str(i): r for i, r in enumerate(order)}) == spectra_of(
            dict(enumerate(made))
        )
    assert [r.operator.scale for r in spectra_of(dict(enumerate(made)))] == ["none"] * 2 + [
        "filter"
    ] * 2
