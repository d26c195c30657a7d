from dataclasses import replace

import pytest
from synthetic_results import density, layers

from landscape.page.material import gather
from landscape.report.sections.layers import layers_section
from landscape.report.sections.spectra import spectra_section


def caption(*bandwidths):
    results = [density(f"a-s{k}", bandwidth=width) for k, width in enumerate(bandwidths)]
    return spectra_section(gather(results, None)).figures[0].caption


def test_the_kernel_widths_of_all_densities_are_told():
    assert "standard deviation 0.01 to 0.03, by the range" in caption(0.02, 0.01, 0.03)
    assert "standard deviation 0.01." in caption(0.01, 0.01)


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_a_layer_without_curvature_is_said_to_have_no_mark(value):
    table = layers("a-s0")
    rows = [replace(r, largest=replace(r.largest, value=value)) for r in table.rows[:1]]
    material = gather([replace(table, rows=(*rows, *table.rows[1:]))], None)
    (figure,) = layers_section(material).figures
    assert ("without a mark have no positive eigenvalue" in figure.caption) == (value == 0)
