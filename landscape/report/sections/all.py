"""All sections, in the order of the page."""

from landscape.catalog import ANALYSES, resolve
from landscape.page.material import Material
from landscape.page.section import Section
from landscape.report.sections.loaded import loaded_section
from landscape.report.sections.method import method_section, provenance_section, traps_section


def make_sections(material: Material) -> list[Section]:
    """The sections that have something to show; the verdict, which goes first, is apart.

    Between what was loaded and how it was measured stand those of the analyses, in the catalog's
    order.
    """
    places = dict.fromkeys(kind.section for kind in ANALYSES.values() if kind.section)
    candidates = (
        loaded_section(material),
        *(resolve(place)(material) for place in places),
        method_section(material),
        provenance_section(material),
        traps_section(material),
    )
    return [section for section in candidates if section is not None]
