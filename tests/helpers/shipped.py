"""The reports that the repository ships, with the results that lie beside them in archives."""

import atexit
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NUMBERS = {path.parent.name: path for path in sorted(ROOT.glob("reports/*-study/numbers.tar.xz"))}
STUDIES = list(_NUMBERS)
_NUMBERS["demo"] = ROOT / "checkpoints" / "demo" / "measured.tar.xz"
SHIPPED = list(_NUMBERS)


@cache
def shipped_report(name: str) -> Path:
    """A copy of the report's folder with its results unpacked, for as long as the tests run."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path in (ROOT / "reports" / name).glob("*.json"):
        shutil.copy(path, folder)
    with tarfile.open(_NUMBERS[name]) as archive:
        archive.extractall(folder, filter="data")
    return folder
