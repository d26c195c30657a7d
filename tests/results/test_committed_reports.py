"""Reports of earlier versions that the repository holds are read; no key of theirs is lost."""

import json
from pathlib import Path

import pytest

from landscape.results import load_stored, save_result

REPORTS = Path(__file__).parents[2] / "reports"
_FOLDERS = ("demo/results/*", "ikun-study/results/kaiming-sgd-s0", "*")
_NO_RESULTS = ("settings.json", "summary.json", "plan.json")
STORED = [
    path
    for folder in _FOLDERS
    for path in sorted(REPORTS.glob(f"{folder}/*.json"))
    if path.name not in _NO_RESULTS and not path.name.startswith(".")
]


def keys(value, at=""):
    """Every key of a document, under its place."""
    if isinstance(value, dict):
        found = {f"{at}.{key}" for key in value}
        return found.union(*(keys(v, f"{at}.{key}") for key, v in value.items()))
    if isinstance(value, list):
        return set().union(*(keys(v, f"{at}[]") for v in value))
    return set()


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_is_read_and_written_with_all_its_keys(path, tmp_path):
    again = tmp_path / path.name
    save_result(load_stored(path), again)
    before, after = (json.loads(p.read_text(encoding="utf-8")) for p in (path, again))
    assert keys(before) <= keys(after)
