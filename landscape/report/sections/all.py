"""All sections, in the order of the page."""

from landscape.page.material import Material
from landscape.page.section import Section
from landscape.report.sections.fidelity import fidelity_section
from landscape.report.sections.loaded import loaded_section
from landscape.report.sections.method import method_section, provenance_section, traps_section
from landscape.report.sections.sharpness import sharpness_section
from landscape.report.sections.spectra import layers_section, spectra_section
from landscape.report.sections.surfaces import surfaces_section
from landscape.report.sections.training import training_section


def make_sections(material: Material, everything: Material) -> list[Section]:
    """The sections that have something to show; the verdict, which goes first, is apart.

    ``everything`` holds the results of all checkpoints, ``material`` those shown in detail.
    """
    candidates = (
        loaded_section(material, everything),
        spectra_section(material),
        fidelity_section(material),
        layers_section(material),
        sharpness_section(material),
        surfaces_section(material),
        training_section(material),
        method_section(material),
        provenance_section(material),
        traps_section(material),
    )
    return [section for section in candidates if section is not None]
