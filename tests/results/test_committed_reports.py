"""Results of earlier versions that the repository holds are read; no key of theirs is lost."""

import json
import zlib

import pytest
from shipped import ROOT, SHIPPED, STUDIES, shipped_report

from landscape.results import load_stored, save_result

_OF = (("demo", "*"), ("ikun-study", "kaiming-sgd-s1[01]"))
_NO_RESULTS = ("settings.json",)
RESULTS = [
    (name, path.relative_to(shipped_report(name)).as_posix())
    for name, labels in _OF
    for path in sorted(shipped_report(name).glob(f"results/{labels}/*.json"))
    if path.name not in _NO_RESULTS and not path.name.startswith(".")
]
COMPARED = [(name, "comparison.json") for name in SHIPPED]
COMPARED += [(name, "study.json") for name in STUDIES]


def keys(value, at=""):
    """Every key of a document, under its place."""
    if isinstance(value, dict):
        found = {f"{at}.{key}" for key in value}
        return found.union(*(keys(v, f"{at}.{key}") for key, v in value.items()))
    if isinstance(value, list):
        return set().union(*(keys(v, f"{at}[]") for v in value))
    return set()


@pytest.mark.parametrize(("name", "path"), [*RESULTS, *COMPARED])
def test_it_is_read_and_written_with_all_its_keys(name, path, tmp_path):
    stored = shipped_report(name) / path
    again = tmp_path / stored.name
    save_result(load_stored(stored), again)
    before, after = (json.loads(p.read_text(encoding="utf-8")) for p in (stored, again))
    assert keys(before) <= keys(after)


def test_shipped_reports_are_light():
    """Less than 8 MB together, as git stores them; what it leaves out is not counted."""
    ignored = ("results", "unfinished", "runs", "summary.json", "plan.json")
    files = [
        path
        for name in SHIPPED
        for path in (ROOT / "reports" / name).rglob("*")
        if path.is_file() and not set(path.relative_to(ROOT).parts) & set(ignored)
    ]
    assert 5e5 < sum(len(zlib.compress(path.read_bytes())) for path in files) < 8e6
