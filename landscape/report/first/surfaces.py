"""The surfaces of the first screen: networks side by side, seen by one camera."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from landscape.page.material import Material
from landscape.page.section import ReportFigure
from landscape.plotting import plane_names
from landscape.report.first.entries import Entry
from landscape.report.sections.surfaces import alike_planes, still
from landscape.results import LossPlane

_MOST_CARDS = 4


@dataclass(frozen=True, kw_only=True)
class Card:
    """Where one surface is drawn: plane ``index``, without a script as a still."""

    index: int
    still: ReportFigure
    label: str


@dataclass(frozen=True, kw_only=True)
class Surfaces:
    """Planes on one scale, and the cards that show some of them."""

    planes: tuple[LossPlane, ...]
    cards: tuple[Card, ...]
    caption: str

    @property
    def data(self) -> list[dict[str, object]]:
        """What the script draws, as JSON's values; null where a loss is not finite."""
        return [_data(plane) for plane in self.planes]


def surfaces_of(material: Material, entries: Sequence[Entry]) -> Surfaces | None:
    """A card for each entry, up to four; the planes are those alike the first one."""
    groups = alike_planes(material.of(LossPlane))
    if not groups:
        return None
    planes = tuple(groups[0])
    firsts = (
        next((i for i, p in enumerate(planes) if p.subject.label in e.labels), None)
        for e in entries
    )
    cards = [i for i in firsts if i is not None][:_MOST_CARDS]
    if not cards:
        return None
    first, second = planes[0].directions
    several = "; one scale and one camera for all" if len(planes) > 1 else ""
    return Surfaces(
        planes=planes,
        cards=tuple(
            Card(index=i, still=still(planes, i), label=planes[i].subject.label) for i in cards
        ),
        caption=(
            f"Rise of the loss above its lowest point over x: {first.title}, y: {second.title}"
            f"{several}. Contours on the floor; + the checkpoint."
        ),
    )


def _data(plane: LossPlane) -> dict[str, object]:
    first, second = plane_names(plane)
    return {
        "label": plane.subject.label,
        "x": plane.x_axis.tolist(),
        "y": plane.y_axis.tolist(),
        "names": [first, second],
        "losses": [
            [float(f"{v:.5g}") if math.isfinite(v) else None for v in row] for row in plane.losses
        ],
    }
