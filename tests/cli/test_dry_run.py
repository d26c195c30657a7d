"""What a dry run shows of many checkpoints."""

from landscape.analysis.forecast import ForecastLine
from landscape.cli.dry_run import _Cost, _together


def test_of_many_checkpoints_each_analysis_has_one_row():
    rows = [
        _Cost(f"net-{k}: {name}", [1.0, 2.0 + k], ForecastLine(name, 10 + k, k, 100 * k, 1.0))
        for k in range(4)
        for name in ("spectrum", "plane")
    ]
    spectrum, plane = _together(rows, 4)
    assert (spectrum.name, plane.name) == ("spectrum of all 4", "plane of all 4")
    assert spectrum.seconds == [4.0, 14.0]
    assert spectrum.of == ForecastLine("spectrum", 46, 6, 300, 1.0)
