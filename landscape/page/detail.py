"""Which checkpoints a page shows one by one, where there are too many for all."""

from collections.abc import Sequence

from landscape.results import Result, recipe_of

MOST_SHOWN = 16  # checkpoints: as many as a figure's legend and a table's columns can hold


def shown_in_detail(
    results: Sequence[Result], baseline: str | None = None, *, most: int = MOST_SHOWN
) -> list[Result]:
    """The results of ``most`` checkpoints, which a page has room for; all, where these are few.

    Checkpoints whose labels differ only in a seed (``-s3``) or an epoch (``-e10``) are of one
    group, and the first ones of every group are shown. ``baseline``, a label, is always shown.
    """
    labels = list(dict.fromkeys(r.subject.label for r in results))
    if len(labels) <= most:
        return list(results)
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(recipe_of(label), []).append(label)
    each = max(1, most // len(groups))
    chosen = [label for members in groups.values() for label in members[:each]][:most]
    if baseline is not None and baseline not in chosen:
        chosen = [*chosen[: most - 1], baseline]
    return [r for r in results if r.subject.label in chosen]


def detail_note(results: Sequence[Result], shown: Sequence[Result]) -> str:
    """One line on what the page leaves out; nothing where it shows all."""
    of_all, of_shown = (dict.fromkeys(r.subject.label for r in rs) for rs in (results, shown))
    if len(of_shown) == len(of_all):
        return ""
    return (
        f"{len(of_all)} checkpoints were analysed. {len(of_shown)} of them are shown in the "
        f"figures and tables below: {', '.join(of_shown)}. The numbers of all are in the folder: "
        "tables/ as CSV, Markdown and LaTeX, and summary.json."
    )
