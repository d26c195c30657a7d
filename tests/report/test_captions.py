from synthetic_results import density

from landscape.report.material import gather
from landscape.report.sections.spectra import spectra_section


def caption(*bandwidths):
    results = [density(f"a-s{k}", bandwidth=width) for k, width in enumerate(bandwidths)]
    return spectra_section(gather(results, None)).figures[0].caption


def test_the_kernel_widths_of_all_densities_are_told():
    assert "standard deviation 0.01 to 0.03, by the range" in caption(0.02, 0.01, 0.03)
    assert "standard deviation 0.01. " in caption(0.01, 0.01)
