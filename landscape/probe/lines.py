"""What a probe measured, call by call, in JSON Lines that an interrupted training goes on with."""

import json
from pathlib import Path
from typing import Any

from landscape.files import write_atomic


class Lines:
    """Records in the order of their steps, and the file that holds them.

    What there is at and after a new step is of a run that was interrupted or went back, and did not
    save what it did from there on: it was measured again, and is replaced.

    Parameters
    ----------
    path
        None: no file.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        self._is_begun = False
        self._is_whole = False  # the file has all records, and no line that was cut short

    def add(self, record: dict[str, Any]) -> str:
        """Join a record, its line whole and at once.

        Returns
        -------
        str
            Why it could not be written, said once until it can: then the file is written anew.

        Raises
        ------
        OSError
            If the first one cannot be written.
        """
        before = self.records if self._is_begun else self._read()
        kept = [r for r in before if r["step"] < record["step"]]
        was_whole, self._is_whole = self._is_whole, False
        self.records = [*kept, record]
        if self.path is not None:
            try:
                if was_whole and len(kept) == len(before):
                    with self.path.open("a", encoding="utf-8") as file:
                        file.write(_line(record))
                else:
                    write_atomic(self.path, self.text())
            except OSError as error:
                if not self._is_begun:
                    raise
                reason = error.__cause__ or error
                words = f"{self.path} cannot be written ({reason}): tried again at each call"
                return words if was_whole else ""
        self._is_begun = self._is_whole = True
        return ""

    def text(self) -> str:
        """As in the file."""
        return "".join(map(_line, self.records))

    def _read(self) -> list[dict[str, Any]]:
        """What the file holds, but for lines that the end of a process cut short."""
        if self.path is None or not self.path.is_file():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                found.append(record)
        return found


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, allow_nan=False) + "\n"
