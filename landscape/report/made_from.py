"""What a report's page was made from, so that a page that would come out the same is kept."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from landscape.files import COMPARISON, PAGE, SUMMARY, sha256_of_file, write_atomic
from landscape.results import RECORD

_RECORD = ".made-from.json"
_MADE = (PAGE, SUMMARY, "figures/*", "tables/*")
_DRAWN_BY = ("landscape-snn", "matplotlib", "jinja2")


def remember(folder: Path, title: str, baseline: str | None, figures: Sequence[str] = ()) -> None:
    """Record what is in ``folder``: results, and the report that was just made from them."""
    write_atomic(folder / _RECORD, json.dumps(_state(folder, title, baseline, figures)) + "\n")


def is_current(folder: Path, title: str, baseline: str | None, figures: Sequence[str] = ()) -> bool:
    """Whether the report in ``folder`` is the one that would be made now, and is all there."""
    try:
        kept = (folder / _RECORD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return kept == json.dumps(_state(folder, title, baseline, figures)) + "\n"


def _state(
    folder: Path, title: str, baseline: str | None, figures: Sequence[str]
) -> dict[str, object]:
    results = [*(folder / "results").glob("*/*"), folder / COMPARISON]
    made = [path for pattern in _MADE for path in folder.glob(pattern)]
    return {
        "title": title,
        "baseline": baseline,
        "figures": list(figures),
        "drawn_by": {name: _version(name) for name in _DRAWN_BY},
        "results": _digest(folder, [p for p in results if p.name != RECORD]),
        "report": _digest(folder, made),
    }


def _digest(folder: Path, paths: list[Path]) -> str:
    digests = {str(p.relative_to(folder)): sha256_of_file(p) for p in paths if p.is_file()}
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
