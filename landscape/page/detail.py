"""Which checkpoints a page shows one by one, where there are too many for all."""

from collections.abc import Sequence

from landscape.results import recipe_of

MOST_SHOWN = 8  # checkpoints: as many as there are colours, and as a table's columns can hold


def shown_in_detail(
    labels: Sequence[str], baseline: str | None = None, *, most: int = MOST_SHOWN
) -> tuple[str, ...]:
    """Those of ``most`` checkpoints, which a page has room for; all, where these are few.

    Checkpoints whose labels differ only in a seed (``-s3``) or an epoch (``-e10``) are of one
    group, and the first ones of every group are shown, of the first ``most`` groups. ``baseline``,
    a label, is always shown.
    """
    if len(labels) <= most:
        return tuple(labels)
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(recipe_of(label), []).append(label)
    each = max(1, most // len(groups))
    chosen = [label for members in groups.values() for label in members[:each]][:most]
    if baseline is not None and baseline not in chosen:
        chosen = [*chosen[: most - 1], baseline]
    return tuple(label for label in labels if label in chosen)


def detail_note(labels: Sequence[str], shown: Sequence[str]) -> str:
    """One line on what the page leaves out; nothing where it shows all."""
    if len(shown) == len(labels):
        return ""
    return (
        f"{len(labels)} checkpoints were analysed. {len(shown)} of them are shown one by one in "
        f"the figures and tables below: {', '.join(shown)}; bands are of all runs of these "
        "recipes. The numbers of all are in the folder: tables/ and summary.json."
    )
