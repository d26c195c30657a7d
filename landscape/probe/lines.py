"""A probe's file: JSON Lines, one a call, that an interrupted training goes on with."""

import json
from pathlib import Path
from typing import Any

from landscape.files import write_atomic


class Lines:
    """Appends records to a file.

    What it holds at and after the first new step is of a run that was interrupted, and did not save
    what it did from there on: it is measured again, and replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_begun = False

    def add(self, record: dict[str, Any]) -> None:
        """Write one line, whole, at once."""
        if not self._is_begun:
            self._begin(record["step"])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")

    def _begin(self, step: int) -> None:
        kept = []
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                before = _step_of(line)
                if before is not None and before < step:
                    kept.append(line + "\n")
        write_atomic(self.path, "".join(kept))
        self._is_begun = True


def _step_of(line: str) -> int | None:
    """None where the line is cut short, as by the end of a process."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None
