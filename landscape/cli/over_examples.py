"""What numbers measured on examples say of the set that these stand for, in sentences."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from landscape.page.cells import interval_text

if TYPE_CHECKING:
    from landscape.values import Population


def over_examples(known: Mapping[str, "Population | None"], refused: str) -> Iterator[str]:
    """A sentence for each named number of which something is known; or why nothing is."""
    if refused:
        yield f"No error over examples: {refused}."
    for name, found in known.items():
        if found is None:
            continue
        if found.no_error:
            yield f"{name}: {found.no_error}"
            continue
        doubts = f"; {'; '.join(found.warnings)}" if found.warnings else ""
        yield f"{name}, 95 % for {found.of}: {interval_text(found.low, found.high)}{doubts}"
